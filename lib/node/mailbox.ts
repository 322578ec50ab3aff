/**
 * The door of a node: bytes from the network become verified messages here or are dropped and counted, and messages become signed
 * bytes. It binds the codecs of `lib/wire` to one identity, one cluster and, where there is one, its key.
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import type { ElectionFrame } from "./election_part.ts";
import type { Identity } from "../crypto/ed25519.ts";
import { FrameCounts, kindName } from "./frame_counts.ts";
import { DATAGRAM_BYTES_MAX, SEAL_BYTES_MAX } from "../membership/limits.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  NodeId,
  SignAck,
  SignClaim,
} from "../membership/types.ts";
import { createAcquaintances } from "../wire/acquaintances.ts";
import { type ClaimReader, createClaimReader, createClaimSigner } from "../wire/claims.ts";
import { ELECTION_BODY_BYTES_MAX, ELECTION_KINDS } from "../wire/election_messages.ts";
import { decodeKeyMessage, KEY_KINDS, type KeyMessage } from "../wire/key_messages.ts";
import { ROSTER_KINDS } from "../wire/roster_messages.ts";
import {
  BRIEF_SAVES_BYTES,
  DROP_REASONS,
  type Dropped,
  dropped,
  type DropReason,
  type EnvelopeForm,
  glanceAt,
  type OpenedEnvelope,
  openEnvelope,
  sealEnvelope,
} from "../wire/envelope.ts";
import {
  createAckSigner,
  decodeGossip,
  encodeGossip,
  GOSSIP_KINDS,
} from "../wire/gossip_messages.ts";
import { type Channel, isSealed, SEALED_EXTRA_BYTES, type Sealer } from "../wire/sealing.ts";
import { decodeSync, encodeSync, SYNC_KIND } from "../wire/sync_messages.ts";

/** A message whose sender and contents are proven. */
export type Received =
  | {
    readonly type: "gossip";
    readonly sender: NodeId;
    /** Length of the datagram without its sealing; one whose answer can be as brief counts as if both were not. */
    readonly bytes: number;
    readonly message: GossipMessage;
  }
  | ({ readonly type: "election" } & ElectionFrame)
  /** The evidence in it is not judged yet. */
  | { readonly type: "key"; readonly sender: NodeId; readonly message: KeyMessage }
  | { readonly type: "sync"; readonly sender: NodeId; readonly claims: readonly Claim[] };

/** What an envelope and sealing add to a body, at most. */
const ENVELOPE_BYTES_MAX = 256;
const FRAME_BYTES_MAX = ELECTION_BODY_BYTES_MAX + ENVELOPE_BYTES_MAX + SEALED_EXTRA_BYTES;

const GOSSIP = new Set<number>(Object.values(GOSSIP_KINDS));
const ELECTION = new Set<number>([
  ...Object.values(ELECTION_KINDS),
  ...Object.values(ROSTER_KINDS),
]);
const KEYS = new Set<number>(Object.values(KEY_KINDS));
const OF_STREAMS = new Set<number>([...ELECTION, ...KEYS, SYNC_KIND]);
const OF_DATAGRAMS = new Set<number>([...GOSSIP, ...ELECTION, ...KEYS]);

/** The door. */
export class Mailbox {
  readonly signClaim: SignClaim;
  readonly signAck: SignAck;
  /** Frames dropped so far, by reason. */
  readonly drops: Readonly<Record<DropReason, number>>;
  /** Frames made and opened so far, by kind. */
  readonly frames = new FrameCounts();
  readonly #identity: Identity;
  readonly #domain: Domain;
  readonly #claims: ClaimReader;
  readonly #drops: Record<DropReason, number>;
  readonly #sealer?: Sealer;
  readonly #acquaintances = createAcquaintances();

  /**
   * With a sealer everything is sealed and nothing else is heard. Mailboxes of one cluster may share a reader of `claims`: what is genuine for the
   * one is for the other.
   */
  constructor(
    identity: Identity,
    domain: Domain,
    sealer?: Sealer,
    claims: ClaimReader = createClaimReader(domain.cluster),
  ) {
    this.#identity = identity;
    this.#domain = domain;
    this.#sealer = sealer;
    this.#claims = claims;
    this.signClaim = createClaimSigner(identity, domain.cluster);
    this.signAck = createAckSigner(identity, domain.cluster);
    this.#drops = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
      DropReason,
      number
    >;
    this.drops = this.#drops;
  }

  /** Whether a datagram is worth a share of its sender's rate, by its length and first bytes; counted when it is not. */
  isWorthOpening(bytes: Uint8Array): boolean {
    const foreign = bytes.length > DATAGRAM_BYTES_MAX
      ? dropped("too-long")
      : this.#sealer
      ? this.#sealer.glanceAt("datagram", bytes)
      : isSealed(bytes)
      ? dropped("unknown-key")
      : glanceAt(bytes, this.#domain.cluster);
    if (foreign) this.#drop(foreign);
    return foreign === undefined;
  }

  /** Opens a datagram; `undefined` when it was dropped. */
  openDatagram(bytes: Uint8Array): Received | undefined {
    return this.#open("datagram", bytes, DATAGRAM_BYTES_MAX, OF_DATAGRAMS);
  }

  /** Opens a frame of a stream; `undefined` when it was dropped. */
  openFrame(bytes: Uint8Array): Received | undefined {
    return this.#open("frame", bytes, FRAME_BYTES_MAX, OF_STREAMS);
  }

  /** A gossip datagram. */
  gossip(recipient: NodeId | undefined, message: GossipMessage): Uint8Array {
    const form = this.#acquaintances.formFor(recipient, message.kind === "ping");
    const datagram = encodeGossip(this.#identity, this.#domain.cluster, recipient, message, form);
    this.frames.sent.add(message.kind);
    return this.#sealer?.seal("datagram", datagram) ?? datagram;
  }

  /** Understands this node's member from now on when it leaves its key out, and says so to it. */
  know(member: { readonly id: NodeId; readonly publicKey: Uint8Array }): void {
    this.#acquaintances.know(member.id, member.publicKey);
  }

  forget(id: NodeId): void {
    this.#acquaintances.forget(id);
  }

  /** A message of elections or keys, and whether a datagram can carry it. */
  election(
    recipient: NodeId,
    kind: number,
    body: Uint8Array,
  ): { readonly bytes: Uint8Array; readonly fitsDatagram: boolean } {
    const form = this.#acquaintances.formFor(recipient, false);
    const frame = this.#envelope(recipient, kind, body, form);
    this.frames.sent.add(kindName(kind));
    const fitsDatagram = frame.length <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX;
    const bytes = this.#sealer?.seal(fitsDatagram ? "datagram" : "frame", frame) ?? frame;
    return { bytes, fitsDatagram };
  }

  /** Counts a frame that was dropped behind the door: the election's part decodes its own messages. */
  count(reason: DropReason): void {
    this.#drops[reason]++;
  }

  /** Frames of a full-state exchange; the recipient is unknown on the asking side. */
  sync(recipient: NodeId | undefined, claims: readonly Claim[]): Uint8Array[] {
    return encodeSync(claims).map((body) => {
      const frame = this.#envelope(recipient, SYNC_KIND, body);
      this.frames.sent.add(kindName(SYNC_KIND));
      return this.#sealer?.seal("frame", frame) ?? frame;
    });
  }

  /** Alive claims of an earlier run; what does not verify any more is left out. */
  readAliveClaims(encoded: readonly Uint8Array[]): AliveClaim[] {
    return encoded.map((bytes) => this.#claims.read(bytes))
      .filter((claim): claim is AliveClaim => claim?.type === "alive");
  }

  #envelope(
    recipient: NodeId | undefined,
    kind: number,
    body: Uint8Array,
    form?: EnvelopeForm,
  ): Uint8Array {
    return sealEnvelope(this.#identity, this.#domain.cluster, kind, recipient, body, form);
  }

  #open(
    channel: Channel,
    sealed: Uint8Array,
    bytesMax: number,
    kinds: ReadonlySet<number>,
  ): Received | undefined {
    const { cluster } = this.#domain;
    const bytes = this.#unseal(channel, sealed, bytesMax);
    if (!(bytes instanceof Uint8Array)) return this.#drop(bytes);
    const self = this.#identity.id;
    const { senderOf } = this.#acquaintances;
    const opened = openEnvelope(bytes, { cluster, self, bytesMax, kinds, senderOf });
    if (!opened.ok) return this.#drop(opened);
    this.frames.received.add(kindName(opened.kind));
    const { sender } = opened;
    // Who writes to an address and to nobody by name may know nobody: a node that lost its memory, or a copy of one.
    const isKnown = opened.recipient !== undefined && opened.knowsRecipient;
    this.#acquaintances.heard(sender, isKnown);
    if (opened.kind === SYNC_KIND) {
      const decoded = decodeSync(opened.body, this.#claims);
      return decoded.ok
        ? { type: "sync", sender, claims: decoded.frame.claims }
        : this.#drop(decoded);
    }
    if (GOSSIP.has(opened.kind)) {
      const decoded = decodeGossip(opened, { cluster, claims: this.#claims });
      return decoded.ok
        ? { type: "gossip", sender, bytes: bytesAsFull(bytes, opened), message: decoded.message }
        : this.#drop(decoded);
    }
    if (KEYS.has(opened.kind)) {
      const decoded = decodeKeyMessage(opened);
      return decoded.ok ? { type: "key", sender, message: decoded.message } : this.#drop(decoded);
    }
    return {
      type: "election",
      sender,
      senderKey: opened.senderKey,
      kind: opened.kind,
      body: opened.body,
    };
  }

  /** The cheap check, before any signature. */
  #unseal(channel: Channel, sealed: Uint8Array, bytesMax: number): Uint8Array | Dropped {
    if (sealed.length > bytesMax) return dropped("too-long");
    if (this.#sealer) return this.#sealer.open(channel, sealed);
    return isSealed(sealed) ? dropped("unknown-key") : sealed;
  }

  #drop(dropped: Dropped): undefined {
    this.#drops[dropped.reason]++;
  }
}

/** The answer to a brief datagram whose sender knows this node's key is brief, too: the core compares both at full length. */
function bytesAsFull(bytes: Uint8Array, { isBrief, knowsRecipient }: OpenedEnvelope): number {
  return bytes.length + (isBrief && knowsRecipient ? BRIEF_SAVES_BYTES : 0);
}
