/**
 * The door of a node: bytes from the network become verified messages here or are dropped and counted, and messages become signed
 * bytes. It binds the codecs of `lib/wire` to one identity and one cluster.
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { ElectionMessage } from "../election/types.ts";
import { DATAGRAM_BYTES_MAX, SEAL_BYTES_MAX } from "../membership/limits.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  NodeId,
  SignAck,
  SignClaim,
} from "../membership/types.ts";
import { type ClaimReader, createClaimReader, createClaimSigner } from "../wire/claims.ts";
import {
  decodeElection,
  ELECTION_BODY_BYTES_MAX,
  ELECTION_KINDS,
  encodeElection,
} from "../wire/election_messages.ts";
import {
  DROP_REASONS,
  type Dropped,
  type DropReason,
  openEnvelope,
  sealEnvelope,
} from "../wire/envelope.ts";
import {
  createAckSigner,
  decodeGossip,
  encodeGossip,
  GOSSIP_KINDS,
} from "../wire/gossip_messages.ts";
import { decodeSync, encodeSync, SYNC_KIND } from "../wire/sync_messages.ts";

/** A message whose sender and contents are proven. */
export type Received =
  | { readonly type: "gossip"; readonly sender: NodeId; readonly message: GossipMessage }
  | { readonly type: "election"; readonly sender: NodeId; readonly message: ElectionMessage }
  | { readonly type: "sync"; readonly sender: NodeId; readonly claims: readonly Claim[] };

/** What an envelope adds to a body, at most. */
const ENVELOPE_BYTES_MAX = 256;

const GOSSIP = new Set<number>(Object.values(GOSSIP_KINDS));
const ELECTION = new Set<number>(Object.values(ELECTION_KINDS));
const OF_STREAMS = new Set<number>([...ELECTION, SYNC_KIND]);
const OF_DATAGRAMS = new Set<number>([...GOSSIP, ...ELECTION]);

/** The door. */
export class Mailbox {
  readonly signClaim: SignClaim;
  readonly signAck: SignAck;
  /** Frames dropped so far, by reason. */
  readonly drops: Readonly<Record<DropReason, number>>;
  readonly #identity: Identity;
  readonly #domain: Domain;
  readonly #claims: ClaimReader;
  readonly #drops: Record<DropReason, number>;

  constructor(identity: Identity, domain: Domain) {
    this.#identity = identity;
    this.#domain = domain;
    this.#claims = createClaimReader(domain.cluster);
    this.signClaim = createClaimSigner(identity, domain.cluster);
    this.signAck = createAckSigner(identity, domain.cluster);
    this.#drops = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
      DropReason,
      number
    >;
    this.drops = this.#drops;
  }

  /** Opens a datagram; `undefined` when it was dropped. */
  openDatagram(bytes: Uint8Array): Received | undefined {
    return this.#open(bytes, DATAGRAM_BYTES_MAX, OF_DATAGRAMS);
  }

  /** Opens a frame of a stream; `undefined` when it was dropped. */
  openFrame(bytes: Uint8Array): Received | undefined {
    return this.#open(bytes, ELECTION_BODY_BYTES_MAX + ENVELOPE_BYTES_MAX, OF_STREAMS);
  }

  /** A gossip datagram. */
  gossip(recipient: NodeId | undefined, message: GossipMessage): Uint8Array {
    return encodeGossip(this.#identity, this.#domain.cluster, recipient, message);
  }

  /** An election message, and whether a datagram can carry it. */
  election(
    recipient: NodeId,
    message: ElectionMessage,
  ): { readonly bytes: Uint8Array; readonly fitsDatagram: boolean } {
    const bytes = this.#seal(recipient, ELECTION_KINDS[message.kind], encodeElection(message));
    return { bytes, fitsDatagram: bytes.length <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX };
  }

  /** Frames of a full-state exchange; the recipient is unknown on the asking side. */
  sync(recipient: NodeId | undefined, claims: readonly Claim[]): Uint8Array[] {
    return encodeSync(claims).map((body) => this.#seal(recipient, SYNC_KIND, body));
  }

  /** Alive claims of an earlier run; what does not verify any more is left out. */
  readAliveClaims(encoded: readonly Uint8Array[]): AliveClaim[] {
    return encoded.map((bytes) => this.#claims.read(bytes))
      .filter((claim): claim is AliveClaim => claim?.type === "alive");
  }

  #seal(recipient: NodeId | undefined, kind: number, body: Uint8Array): Uint8Array {
    return sealEnvelope(this.#identity, this.#domain.cluster, kind, recipient, body);
  }

  #open(bytes: Uint8Array, bytesMax: number, kinds: ReadonlySet<number>): Received | undefined {
    const { cluster } = this.#domain;
    const opened = openEnvelope(bytes, { cluster, self: this.#identity.id, bytesMax, kinds });
    if (!opened.ok) return this.#drop(opened);
    const { sender } = opened;
    if (opened.kind === SYNC_KIND) {
      const decoded = decodeSync(opened.body, this.#claims);
      return decoded.ok
        ? { type: "sync", sender, claims: decoded.frame.claims }
        : this.#drop(decoded);
    }
    if (GOSSIP.has(opened.kind)) {
      const decoded = decodeGossip(opened, { cluster, claims: this.#claims });
      return decoded.ok
        ? { type: "gossip", sender, message: decoded.message }
        : this.#drop(decoded);
    }
    const decoded = decodeElection(opened, this.#domain);
    return decoded.ok
      ? { type: "election", sender, message: decoded.message }
      : this.#drop(decoded);
  }

  #drop(dropped: Dropped): undefined {
    this.#drops[dropped.reason]++;
  }
}
