/**
 * Rules and signatures for tests of the roster core: texts instead of bytes, so that thousands of elections take a second. A signature names
 * its signer and what is signed; only the signer's rules make it, and the door of the harness checks it as `lib/wire` does.
 */
import type { Digest, Vote } from "../../../lib/certificate/types.ts";
import type {
  GaveUp,
  Head,
  Roster,
  RosterCertificate,
  RosterMessage,
  RosterProposal,
  RosterRules,
} from "../../../lib/election/roster/types.ts";

export const GENESIS: Head = { term: 0, id: "genesis" };
export const KID = "kid-1";

/** Names of voters: `a`, `b`, … */
export function names(n: number): string[] {
  return Array.from({ length: n }, (_, i) => String.fromCharCode(97 + i));
}

export function rosterOf(
  n: number,
  faultBound: number,
  leaseMs = 480,
  stickyTenureMax?: number,
): Roster {
  return {
    voters: names(n).map((id) => ({ id, key: id })),
    faultBound,
    votesNeeded: Math.floor((n + faultBound) / 2) + 1,
    leaseMs,
    ...(stickyTenureMax !== undefined && { stickyTenureMax }),
  };
}

/** A quick hash of 53 bits (cyrb53); for draws that only have to look random. */
export function quickHash(...parts: unknown[]): string {
  const text = JSON.stringify(parts);
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36).padStart(11, "0");
}

export function digestOf(proposal: RosterProposal): Digest {
  return proposal.type === "closing"
    ? `C:${quickHash(proposal.term, proposal.prev, proposal.kid, proposal.successor)}`
    : `D:${
      quickHash(
        proposal.term,
        proposal.prev,
        proposal.kid,
        proposal.active,
        proposal.incumbent ?? "",
        proposal.tenure,
      )
    }`;
}

export function collectorOf(roster: Roster, prev: Digest, term: number): string {
  let [best, least] = ["", "~"];
  for (const { id } of roster.voters) {
    const measure = quickHash("collector", prev, term, id);
    if (measure < least) [best, least] = [id, measure];
  }
  return best;
}

const voteText = (id: string, term: number, digest: Digest) => `vote:${id}:${term}:${digest}`;
const gaveUpText = (id: string, prev: Digest, term: number) => `gave-up:${id}:${prev}:${term}`;

export function signVote(id: string, term: number, digest: Digest): Vote {
  return { key: id, signature: voteText(id, term, digest) };
}

export function signGaveUp(id: string, prev: Digest, term: number): GaveUp {
  return { prev, term, voter: id, signature: gaveUpText(id, prev, term) };
}

/** The rules of one voter. */
export function rulesOf(self: string, roster: Roster, nonce: () => string): RosterRules {
  return {
    digest: digestOf,
    collector: (prev, term) => collectorOf(roster, prev, term),
    signVote: (term, digest) => signVote(self, term, digest),
    signGaveUp: (prev, term) => signGaveUp(self, prev, term),
    signHeartbeat: (heartbeat) => ({ ...heartbeat, signature: self }),
    signAck: (certificateId, nonce) => ({ certificateId, nonce, voter: self, signature: self }),
    signStepDown: (certificateId) => ({ certificateId, leader: self, signature: self }),
    nonce,
  };
}

/** All certificates that the enclave of this process made, by their text. */
const certificates = new Map<string, RosterCertificate>();

/** Forgets the certificates made so far; a test that measures memory has no use for them. */
export function forgetCertificates(): void {
  certificates.clear();
}

/** Who leads by a proposal. */
export type Draw = (
  proposal: Extract<RosterProposal, { type: "leader" }>,
  roster: Roster,
) => string;

/** What the enclave answers, or the reason of a refusal: everything is checked again. */
export function certify(
  roster: Roster,
  proposal: RosterProposal,
  votes: readonly Vote[],
  drawn: Draw = draw,
): RosterCertificate | string {
  const digest = digestOf(proposal);
  if (!isQuorum(roster, proposal.term, digest, votes)) return "too few genuine votes";
  const leader = proposal.type === "leader" ? drawn(proposal, roster) : undefined;
  const id = `${proposal.term}#${quickHash(digest, proposal.kid, leader ?? "")}`;
  const document = { certificate: id, bundle: votes };
  const certificate = { id, proposal, digest, ...(leader && { leader }), document };
  certificates.set(id, certificate);
  return certificate;
}

/** A certificate by which this node leads, whatever the draw would give. */
export function certificateOf(
  roster: Roster,
  leader: string,
  said: {
    readonly term: number;
    readonly prev?: string;
    readonly kid?: string;
    readonly active?: readonly string[];
    readonly incumbent?: string;
    readonly tenure?: number;
    readonly voters?: readonly string[];
  },
): RosterCertificate {
  const { term, prev = GENESIS.id, kid = KID, incumbent, tenure = 0 } = said;
  const ids = roster.voters.map((voter) => voter.id);
  const active = said.active ?? ids;
  const proposal: RosterProposal = {
    type: "leader",
    term,
    prev,
    kid,
    active,
    ...(incumbent !== undefined && { incumbent }),
    tenure,
  };
  const digest = digestOf(proposal);
  const voters = said.voters ?? ids.slice(0, roster.votesNeeded);
  const id = `${term}#${quickHash(digest, kid, leader)}`;
  const bundle = voters.map((voter) => signVote(voter, term, digest));
  const certificate = { id, proposal, digest, leader, document: { certificate: id, bundle } };
  certificates.set(id, certificate);
  return certificate;
}

export function isQuorum(
  roster: Roster,
  term: number,
  digest: Digest,
  votes: readonly Vote[],
): boolean {
  const keys = new Set(roster.voters.map((voter) => voter.key));
  const genuine = votes.filter(({ key, signature }) =>
    keys.has(key) && signature === voteText(key, term, digest)
  );
  return genuine.length === votes.length &&
    new Set(genuine.map((vote) => vote.key)).size >= roster.votesNeeded;
}

/** The incumbent where that may stay, else the leader by the least hash. */
function draw(
  proposal: Extract<RosterProposal, { type: "leader" }>,
  { stickyTenureMax = 0 }: Roster,
): string {
  const { incumbent, tenure, active } = proposal;
  if (incumbent !== undefined && tenure < stickyTenureMax && active.includes(incumbent)) {
    return incumbent;
  }
  const measure = (id: string) => quickHash("draw", proposal.prev, proposal.kid, id);
  return [...proposal.active].sort((x, y) => measure(x) < measure(y) ? -1 : 1)[0];
}

/** The certificate of a document, as the verifier gives it. */
export function verified(document: { readonly certificate: string }): RosterCertificate {
  return certificates.get(document.certificate)!;
}

/** What `lib/wire` checks: whether every signature in a message is who it says it is. */
export function isGenuine(roster: Roster, sender: string, message: RosterMessage): boolean {
  const isVote = (term: number, digest: Digest, { key, signature }: Vote) =>
    signature === voteText(key, term, digest);
  switch (message.kind) {
    case "proposal": {
      const { proposal, vote } = message;
      return vote.key === sender && isVote(proposal.term, digestOf(proposal), vote);
    }
    case "vote":
      return message.vote.key === sender && isVote(message.term, message.digest, message.vote);
    case "gave-up":
      return message.statements.length > 0 &&
        message.statements.every((statement) =>
          statement.signature === gaveUpText(statement.voter, statement.prev, statement.term) &&
          statement.term === message.statements[0].term
        ) && (!message.seen || isVote(message.seen.term, message.seen.digest, message.seen.vote));
    case "bundle": {
      const { proposal, votes } = message;
      return isQuorum(roster, proposal.term, digestOf(proposal), votes);
    }
    case "heartbeat":
      return message.heartbeat.signature === sender;
    case "lease-ack":
      return message.ack.signature === message.ack.voter;
    case "step-down":
      return message.stepDown.signature === message.stepDown.leader;
    case "evidence": {
      const [a, b] = message.votes;
      return a.vote.key === b.vote.key && a.term === b.term && a.digest !== b.digest &&
        isVote(a.term, a.digest, a.vote) && isVote(b.term, b.digest, b.vote);
    }
    case "refusal":
    case "want-certificate":
    case "ack-refusal":
    case "certificate":
      return true;
    case "succession":
      return message.order.signature === "operator";
  }
}
