/** The shapes of `views.ts` for the description of the interface; their types keep the two in step. */
import {
  amount,
  anything,
  count,
  flag,
  list,
  oneOf,
  orNull,
  record,
  type Schema,
  table,
  text,
  time,
} from "./schema.ts";
import type { ApiError } from "./types.ts";
import type { Coordinate } from "../membership/coordinate.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";
import type { Refusal } from "../node/history.ts";
import type { SubLease } from "../node/sub_lease_desk.ts";
import type { Succession } from "../node/succession.ts";
import type {
  AttestationView,
  ChainView,
  ElectionView,
  EventView,
  EvidenceView,
  ForceLeaveView,
  HistoryView,
  JoinView,
  KeysView,
  LeaderView,
  LeftView,
  MemberView,
  StatusView,
  SteppedDownView,
  SubLeaseReturnedView,
  SubLeaseView,
} from "./views.ts";
import { EXIT_CODES } from "../base/errors.ts";
import type { CertificateDocument, Vote } from "../certificate/types.ts";

const STATES = ["alive", "suspect", "dead", "left"];
const CHECKSUM_PATTERN = "^[0-9a-f]{64}$";
const ID = "Thumbprint of the node's key (RFC 7638, base64url).";

/** The body of every error. */
export const ERROR_SCHEMA: Schema = record<ApiError>("Error", {
  error: {
    type: "object",
    properties: {
      code: oneOf(Object.keys(EXIT_CODES), "What kind of failure it is; stable."),
      message: text("One line for people."),
    },
    required: ["code", "message"],
    additionalProperties: false,
  },
});

/** Where a member has placed itself. */
const COORDINATE_SCHEMA: Schema = record<Coordinate>("Coordinate", {
  position: list({ type: "number" }, "A point of a space with three dimensions, ms."),
  heightMs: amount("Height above that space, ms: the link that all of its packets share."),
  adjustmentMs: { type: "number", description: "Added to every estimate, ms." },
  error: amount("By what share its estimates are wrong, as it thinks; 1.5 at the start."),
});

/** One member. */
export const MEMBER_SCHEMA: Schema = record<MemberView>("Member", {
  id: text(ID),
  name: text("Its label; two members may have the same."),
  address: text("Where it gossips, `host:port`."),
  state: oneOf(STATES, "As the node that answers sees it."),
  since: time("Since when it has been in this state."),
  incarnation: count("Grows when the member refutes a suspicion or starts again."),
  rttMs: orNull(
    amount("ms"),
    "Last round trip of a probe; null for the node itself and before the first.",
  ),
  coordinate: orNull(
    COORDINATE_SCHEMA,
    "Its network coordinate (Vivaldi), by its own word; null before its first answer.",
  ),
  tags: table(text("Value."), "Public facts that the member told about itself."),
  self: flag("Whether it is the node that answers."),
});

/** All members. */
export const MEMBERS_SCHEMA: Schema = record<{ members: MemberView[] }>("Members", {
  members: list(MEMBER_SCHEMA),
});

/** The leader. */
export const LEADER_SCHEMA: Schema = record<LeaderView>("Leader", {
  id: text(ID),
  name: text("The leader's label."),
  term: count("Only ever grows in a roster cluster."),
  certificateId: text("What tells this certificate from all others."),
  self: flag("Whether it is the node that answers."),
  kind: oneOf(["open", "roster"], "Kind of the cluster."),
  leads: flag("Whether the node that answers holds the lease of this certificate now."),
  leaseRemainingMs: amount(
    "For how long it holds the lease, counted from when the question was sent; 0 without one.",
  ),
  tee: text("The TEE that elected it; `simulated` protects nothing."),
});

/** How a node is. */
export const STATUS_SCHEMA: Schema = record<StatusView>("Status", {
  id: text(ID),
  name: text("Its label."),
  address: text("Where it gossips."),
  cluster: text("Name of the cluster."),
  checksum: text("SHA-256 of the election function's package.", { pattern: CHECKSUM_PATTERN }),
  startedAt: time("When this process started."),
  incarnation: count("Of this node; 0 before it has started to gossip."),
  members: table(count("Members."), "How many members are in each state, this node included."),
  term: count("The present term of the election."),
  leader: orNull(LEADER_SCHEMA),
  platform: orNull(
    text("Name of the TEE."),
    "The TEE whose evidence this node verified in this run; null before.",
  ),
  policy: orNull(text("Name of the policy."), "How leaders are drawn; null before it is known."),
  sealed: flag("Whether gossip is sealed with a cluster key."),
  dropped: table(count("Frames."), "Frames from the network that were dropped, by reason."),
});

const ELECTION_SCHEMA: Schema = record<ElectionView>("Election", {
  term: count("The term."),
  beganAt: time("When this node first heard of it."),
  endedAt: orNull(time("When it ended for this node."), "null while it runs."),
  outcome: oneOf(["running", "elected", "given-up"], "How it ended."),
  leader: orNull(
    record<NonNullable<ElectionView["leader"]>>("Elected", {
      id: text(ID),
      name: text("Its label."),
    }),
  ),
  voters: list(text(ID), "Whose votes are in the certificate."),
  refusals: list(
    record<Refusal>("Refusal", {
      by: text(ID),
      reason: text("Why, in a word."),
      missing: list(text(ID), "Whom it requires and who was left out."),
      forbidden: list(text(ID), "Whom it holds for gone and who was in."),
    }),
    "Refused votes, as far as this node knows: all of them are told to the collector only.",
  ),
});

/** What happened lately. */
export const HISTORY_SCHEMA: Schema = record<HistoryView>("History", {
  elections: list(ELECTION_SCHEMA),
  events: list(record<EventView>("Event", {
    id: count("As in the stream of events."),
    time: time("When."),
    level: oneOf(["info", "warn", "error"], "How urgent."),
    event: text("Its name; stable."),
    message: text("For people."),
  })),
});

/** A part of the lease. */
export const SUB_LEASE_SCHEMA: Schema = record<SubLeaseView>("SubLease", {
  grantedMs: amount("ms"),
  term: count("Of the leader."),
  certificateId: text("Of the certificate by which this node leads."),
});

/** What runs under the lease. */
export const SUB_LEASES_SCHEMA: Schema = record<{ subLeases: SubLease[] }>("SubLeases", {
  subLeases: list(record<SubLease>("RunningSubLease", {
    name: text("What is locked."),
    remainingMs: count("Until it is over unless it is renewed, ms."),
  })),
});

/** A sub-lease that was given back. */
export const SUB_LEASE_RETURNED_SCHEMA: Schema = record<SubLeaseReturnedView>("SubLeaseReturned", {
  returned: flag("true"),
});

/** A leadership that was given back. */
export const STEPPED_DOWN_SCHEMA: Schema = record<SteppedDownView>("SteppedDown", {
  term: count("The term that is over."),
  certificateId: text("The certificate that is given back."),
  steppedDown: flag("true"),
});

/** Cluster keys. */
export const KEYS_SCHEMA: Schema = record<KeysView>("ClusterKeys", {
  primary: text("Id of the key that seals what this node sends."),
  keys: list(text("Id of a key."), "All of them open; the primary first."),
});

/** What came of a join. */
export const JOIN_SCHEMA: Schema = record<JoinView>("Join", {
  answered: list(record<JoinView["answered"][number]>("JoinAnswer", {
    seed: text("Address."),
    id: text(ID),
  })),
  silent: list(text("Address."), "Tried on."),
});

/** What came of a leave. */
export const LEFT_SCHEMA: Schema = record<LeftView>("Left", { left: flag("true") });

/** A member that was given up. */
export const FORCE_LEAVE_SCHEMA: Schema = record<ForceLeaveView>("ForceLeave", {
  id: text(ID),
  was: oneOf(STATES, "Its state before."),
});

/** A certificate as it travels. */
export const CERTIFICATE_SCHEMA: Schema = record<CertificateDocument>("Certificate", {
  certificate: text("Compact JWS (RFC 7515), alg RS256."),
  bundle: list(record<Vote>("Vote", {
    key: text("Raw Ed25519 key of the voter, base64url."),
    signature: text("Ed25519 signature over the vote, base64url."),
  })),
});

const ENCLAVE_KEYS: Schema = list(record<RsaJwk>("EnclaveKey", {
  kty: text("RSA"),
  n: text("Modulus, base64url."),
  e: text("Exponent, base64url."),
}));

/** Keys of enclaves (JWKS, RFC 7517). */
export const ENCLAVE_KEYS_SCHEMA: Schema = record<Pick<AttestationView, "keys">>("EnclaveKeys", {
  keys: ENCLAVE_KEYS,
});

const ATTESTATION = {
  keys: ENCLAVE_KEYS,
  evidence: list(record<EvidenceView>("AttestationEvidence", {
    platform: text("The TEE that it says it comes from."),
    document: text("What the TEE signed, base64."),
    endorsements: list(text("A certificate of the TEE's maker, base64.")),
    bound: text("What the document binds by its hash, base64."),
  }, ["endorsements", "bound"])),
};

/** Keys of enclaves with the evidence that names them. */
export const ATTESTATION_SCHEMA: Schema = record<AttestationView>("Attestation", ATTESTATION);

/** Certificates, with the keys that signed them and their evidence. */
export const CHAIN_SCHEMA: Schema = record<ChainView>("Chain", {
  chain: list(CERTIFICATE_SCHEMA),
  ...ATTESTATION,
});

/** How far a succession is. */
export const SUCCESSION_SCHEMA: Schema = record<Succession>("Succession", {
  successor: text("Checksum of the function that goes on.", { pattern: CHECKSUM_PATTERN }),
  closing: record<NonNullable<Succession["closing"]>>("Closing", {
    term: count("The last term of the electorate."),
    document: CERTIFICATE_SCHEMA,
  }),
}, ["closing"]);

/** The operator's order, as its file has it. */
export const SUCCESSION_ORDER_SCHEMA: Schema = record<
  { cluster: string; checksum: string; successor: string; signature: string }
>("SuccessionOrder", {
  cluster: text("Whose it is."),
  checksum: text("Of the function that is to close.", { pattern: CHECKSUM_PATTERN }),
  successor: text("Checksum of the function that goes on.", { pattern: CHECKSUM_PATTERN }),
  signature: text("The operator's Ed25519 signature, base64url."),
});

/** What was proven about liars: votes or certificates that contradict each other. */
export const EVIDENCE_SCHEMA: Schema = record<{ evidence: unknown }>("Evidence", {
  evidence: list(anything("Two votes of one voter, or two certificates, in one term.")),
});
