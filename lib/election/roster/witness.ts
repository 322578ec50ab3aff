/**
 * What a node does about lies that it sees (design §4.9, §4.10): it keeps the evidence, says it on once, names the liar, and stops for good
 * when the liar is a second process with its own key.
 */
import type { NodeId } from "../../membership/types.ts";
import type { Context } from "./context.ts";
import { Evidence, votesOf } from "./evidence.ts";
import type { ForkEvidence, RosterCertificate, SignedVote } from "./types.ts";

/** Votes about terms further ahead than this are not remembered: nobody honest is there. */
const VOTES_AHEAD_MAX = 16;

/** The eyes of one node. */
export class Witness {
  readonly #context: Context;
  readonly #evidence: Evidence;
  readonly #voterOfKey: ReadonlyMap<string, NodeId>;
  /** Ends what the node does as a leader. */
  readonly #onFailStop: () => void;

  constructor(context: Context, kept: readonly ForkEvidence[], onFailStop: () => void) {
    this.#context = context;
    this.#onFailStop = onFailStop;
    this.#voterOfKey = new Map(context.roster.voters.map((voter) => [voter.key, voter.id]));
    this.#evidence = new Evidence(this.#voterOfKey, kept);
  }

  /** Everything that was proven. */
  get kept(): readonly ForkEvidence[] {
    return this.#evidence.kept;
  }

  /** Takes a vote that somebody showed. */
  seeVote(signed: SignedVote): void {
    if (this.#context.isStopped) return;
    const { terms, self } = this.#context;
    if (this.#voterOfKey.get(signed.vote.key) === self && !this.#isOwn(signed)) {
      return this.failStop(`a vote in term ${signed.term} that this node did not cast`);
    }
    if (signed.term > terms.current + VOTES_AHEAD_MAX) return;
    this.#prove(this.#evidence.seeVote(signed));
  }

  /** Takes a verified certificate, whether it is going to be accepted or not. */
  seeCertificate(certificate: RosterCertificate): void {
    for (const signed of votesOf(certificate)) this.seeVote(signed);
    if (!this.#context.isStopped) this.#prove(this.#evidence.seeCertificate(certificate));
  }

  /** Takes evidence that somebody else found. */
  seeEvidence(votes: readonly [SignedVote, SignedVote]): void {
    const liar = this.#voterOfKey.get(votes[0].vote.key);
    if (liar === undefined) return;
    for (const signed of votes) this.seeVote(signed);
    if (!this.#context.isStopped) this.#prove(this.#evidence.keep({ type: "votes", liar, votes }));
  }

  /** Another process signs with this node's key. */
  failStop(what: string): void {
    if (this.#context.isStopped) return;
    this.#onFailStop();
    this.#context.isStopped = true;
    this.#context.emit({ type: "fail-stop", reason: `this node's key has signed ${what}` });
  }

  /** As far as this node remembers: its votes below the last one are forgotten. */
  #isOwn({ term, digest }: SignedVote): boolean {
    const last = this.#context.lastVote;
    if (last === undefined) return false;
    return term < last.term || (term === last.term && digest === last.digest);
  }

  #prove(evidence: ForkEvidence | undefined): void {
    if (!evidence || this.#context.isStopped) return;
    const { others, self } = this.#context;
    this.#context.persist({ evidence: this.#evidence.kept });
    this.#context.note({ what: "liar", evidence });
    switch (evidence.type) {
      case "votes":
        this.#context.send(others, { kind: "evidence", votes: evidence.votes });
        if (evidence.liar === self) this.failStop("two votes in one term");
        return;
      case "certificates":
        for (const { document } of evidence.certificates) {
          this.#context.send(others, { kind: "certificate", document });
        }
    }
  }
}
