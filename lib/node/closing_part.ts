/**
 * A voter of a successor that was not there when its predecessor closed (design §4.11): it takes part in no election before it knows where the
 * terms go on. It asks the other voters for what they hold (`closing_search.ts`), and what comes is judged in full before it counts: the
 * closing certificate by what this node itself attested of the predecessor, a certificate of its own function like every other one. Then the
 * node goes on as a voter. A voter that never was in the predecessor's cluster has no roster to judge a closing by; it can begin with a
 * certificate of its own function, which a quorum of its own roster voted for, honest voters who had seen the closing among them.
 */
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import type { Dropped } from "../wire/envelope.ts";
import { decodeRosterMessage, encodeRosterMessage, ROSTER_KINDS } from "../wire/roster_messages.ts";
import { ClosingVoter, endWaiting, memoryBeginningWith, saveMemory } from "./closing_voter.ts";
import type { ElectionFrame, ElectionPart, PartEffect } from "./election_part.ts";
import type { GossipEvent } from "./gossip.ts";
import { rosterOf } from "./roster_cluster.ts";
import type { RosterPartOptions } from "./roster_part.ts";

/** What the part is made of. */
export interface ClosingPartOptions extends Omit<RosterPartOptions, "prng" | "middleman"> {
  /** Checksum of the function that has to be closed, 32 bytes. */
  readonly predecessor: Uint8Array;
  /** Whether this node attested that function, and so knows its roster. */
  readonly canJudge: boolean;
}

/** The part. */
export class ClosingPart implements ElectionPart {
  readonly kinds: ReadonlySet<number> = new Set(Object.values(ROSTER_KINDS));
  readonly term = 0;
  readonly leader = undefined;
  readonly evidence = [];
  readonly succession = undefined;
  readonly #options: ClosingPartOptions;
  readonly #voter: ClosingVoter;
  #isSaid = false;

  constructor(options: ClosingPartOptions) {
    this.#options = options;
    const { membership, store: { identity: { id: self } } } = options;
    this.#voter = new ClosingVoter(membership, { self, ...options });
  }

  deadlineMs(): number | undefined {
    return this.#voter.deadlineMs();
  }

  step(event: GossipEvent, nowMs: number): readonly PartEffect[] {
    const { config, shell, journal, predecessor, canJudge } = this.#options;
    if (!this.#isSaid) journal.closingAwaited(hex(predecessor), canJudge);
    this.#isSaid = true;
    return this.#voter.gossip(event, nowMs).map((effect): PartEffect => {
      if (effect.type !== "send-election") return effect;
      const { to, message } = effect;
      const body = encodeRosterMessage(message, rosterOf(config).voters);
      const act = () => shell.send(to, ROSTER_KINDS[message.kind], body, message.kind);
      return { type: "act", act };
    });
  }

  /** Of what other voters say only certificates count here. */
  receive({ sender, senderKey, kind, body }: ElectionFrame): Dropped | undefined {
    if (kind !== ROSTER_KINDS.certificate) return;
    const { domain, config, shell } = this.#options;
    const door = { domain, roster: rosterOf(config) };
    const decoded = decodeRosterMessage({ senderKey, kind, body }, door);
    if (!decoded.ok) return decoded;
    const { message } = decoded;
    if (message.kind === "certificate") shell.onDocument(message.document, sender);
  }

  certified(certificate: VerifiedCertificate): void {
    const { domain, store, desk, journal, shell } = this.#options;
    const memory = memoryBeginningWith(store, domain, desk, certificate);
    if (!memory) return;
    store.atOnce(() => {
      saveMemory(store, domain, memory);
      store.chain.save(hex(domain.checksum), domain.cluster, certificate);
    });
    journal.closingFound(certificate.term, false);
    shell.goOn();
  }

  certifiedEarlier(certificate: VerifiedCertificate): void {
    const { domain, predecessor, store, journal, shell } = this.#options;
    let isOver = false as boolean | FumataError;
    store.atOnce(() => isOver = endWaiting(store, domain, predecessor, certificate));
    if (isOver instanceof FumataError) throw isOver;
    if (!isOver) return;
    journal.closingFound(certificate.term, true);
    shell.goOn();
  }

  keys(): void {}

  leaseRemainingMs(): number {
    return 0;
  }

  subLease(): number {
    return 0;
  }

  subLeaseReturned(): void {}

  stepDown(): void {}

  succeed(): never {
    const why = "this node does not know yet how the cluster of the function before was closed";
    throw new FumataError("refused", `Cannot take the order of succession: ${why}`);
  }
}
