/**
 * Fork evidence (design §4.10): two digests by one voter in one term, two certificate ids in one term. Honest nodes never make either, so
 * each names a liar or a copied state folder, for good.
 *
 * Votes are seen in proposals (the collector's own), bundles, certificates and gave-up messages. What is kept is capped by terms and by liar, so
 * that liars cannot push each other's evidence out.
 */
import type { Vote } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { ForkEvidence, RosterCertificate, SignedVote } from "./types.ts";

/** Terms for which votes and certificates are remembered: far more than are open at one time. */
const TERMS_MAX = 64;
/** Two are as good as twenty. */
const EVIDENCE_PER_LIAR_MAX = 2;
/** Pairs of certificates: more than f lie then, and an operator has to come. */
const CERTIFICATE_FORKS_MAX = 4;

/** What one node has seen signed. */
export class Evidence {
  readonly #voterOfKey: ReadonlyMap<string, NodeId>;
  readonly #kept: ForkEvidence[];
  readonly #votes = new Map<number, Map<NodeId, SignedVote>>();
  readonly #certificates = new Map<number, RosterCertificate>();

  constructor(voterOfKey: ReadonlyMap<string, NodeId>, kept: readonly ForkEvidence[]) {
    this.#voterOfKey = voterOfKey;
    this.#kept = [...kept];
  }

  /** Everything that is kept. */
  get kept(): readonly ForkEvidence[] {
    return [...this.#kept];
  }

  /** Takes a vote that somebody showed. Gives what it proves together with an earlier one, when that is new. */
  seeVote(signed: SignedVote): ForkEvidence | undefined {
    const voter = this.#voterOfKey.get(signed.vote.key);
    if (voter === undefined) return undefined;
    const term = this.#votes.get(signed.term) ?? this.#newTerm(this.#votes, signed.term, new Map());
    const earlier = term.get(voter);
    if (!earlier) {
      term.set(voter, signed);
      return undefined;
    }
    if (earlier.digest === signed.digest) return undefined;
    return this.keep({ type: "votes", liar: voter, votes: [earlier, signed] });
  }

  /** Takes a certificate that was verified, accepted or not. */
  seeCertificate(certificate: RosterCertificate): ForkEvidence | undefined {
    const { term } = certificate.proposal;
    const earlier = this.#certificates.get(term);
    if (!earlier) {
      this.#newTerm(this.#certificates, term, certificate);
      return undefined;
    }
    if (earlier.id === certificate.id) return undefined;
    return this.keep({
      type: "certificates",
      term,
      liars: earlier.digest === certificate.digest ? [] : this.#votersOfBoth(earlier, certificate),
      certificates: [earlier, certificate],
    });
  }

  /** Keeps evidence unless it is known or there is enough of its kind. Gives it when it is new. */
  keep(evidence: ForkEvidence): ForkEvidence | undefined {
    const isSame = (other: ForkEvidence) =>
      other.type === evidence.type && termOf(other) === termOf(evidence) &&
      (other.type !== "votes" || evidence.type !== "votes" || other.liar === evidence.liar);
    if (this.#kept.some(isSame)) return undefined;
    const ofItsKind = this.#kept.filter((other) =>
      other.type === "votes"
        ? evidence.type === "votes" && other.liar === evidence.liar
        : evidence.type === "certificates"
    );
    const max = evidence.type === "votes" ? EVIDENCE_PER_LIAR_MAX : CERTIFICATE_FORKS_MAX;
    if (ofItsKind.length >= max) return undefined;
    this.#kept.push(evidence);
    return evidence;
  }

  #votersOfBoth(a: RosterCertificate, b: RosterCertificate): NodeId[] {
    const keys = new Set(a.document.bundle.map((vote: Vote) => vote.key));
    return b.document.bundle.flatMap(({ key }) => {
      const voter = this.#voterOfKey.get(key);
      return voter !== undefined && keys.has(key) ? [voter] : [];
    });
  }

  #newTerm<T>(terms: Map<number, T>, term: number, entry: T): T {
    // The lowest goes: liars can sign votes of any far term, but then only ever push out the oldest.
    if (terms.size >= TERMS_MAX) terms.delete(Math.min(...terms.keys()));
    terms.set(term, entry);
    return entry;
  }
}

/** A vote of a certificate's bundle, with what it is on. */
export function votesOf(certificate: RosterCertificate): SignedVote[] {
  const { proposal: { term }, digest } = certificate;
  return certificate.document.bundle.map((vote) => ({ term, digest, vote }));
}

function termOf(evidence: ForkEvidence): number {
  return evidence.type === "votes" ? evidence.votes[0].term : evidence.term;
}
