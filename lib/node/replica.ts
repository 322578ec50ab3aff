/**
 * One node's protocols put together, still pure: membership tells the election who is active, the election tells gossip what its
 * head is, and both ask the shell for what only it can do. The shell, the tests and a simulator run this same file.
 *
 * The view that the election votes on is every member that is alive or suspect (a suspicion may yet be refuted) and this node.
 */
import type { Address } from "../base/address.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { compareIds } from "../../function/leader-election/rules.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import type { OpenElection } from "../election/open_election.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
  Head,
} from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  Member,
  MemberChange,
  MembershipEffect,
  MembershipEvent,
  MembershipReport,
  NodeId,
} from "../membership/types.ts";

/** What the shell tells: everything that membership or the election is told, unless one tells it to the other. */
export type ReplicaEvent =
  | { readonly type: "tick" }
  | {
    readonly type: "gossip";
    readonly sender: NodeId;
    readonly source: Address;
    readonly datagramBytes: number;
    readonly message: GossipMessage;
  }
  | {
    readonly type: "synced";
    readonly address: Address;
    /** Who signed the frames, when it called by itself. */
    readonly sender?: NodeId;
    readonly claims: readonly Claim[];
  }
  | { readonly type: "sync-failed"; readonly address: Address }
  | {
    readonly type: "election";
    readonly sender: NodeId;
    readonly message: Exclude<ElectionMessage, { kind: "certificate" }>;
  }
  | Extract<ElectionEvent, { type: "certificate" | "keys" | "enclave-failed" }>
  | { readonly type: "join"; readonly seeds: readonly Address[] }
  | { readonly type: "give-up"; readonly id: NodeId }
  | { readonly type: "leave" };

/** What the shell is asked to do, in this order. */
export type ReplicaEffect =
  | {
    readonly type: "send-gossip";
    readonly to: Address;
    readonly recipient?: NodeId;
    readonly message: GossipMessage;
  }
  | { readonly type: "sync"; readonly address: Address }
  | {
    readonly type: "send-election";
    readonly to: readonly { readonly id: NodeId; readonly address: Address }[];
    readonly message: ElectionMessage;
  }
  | { readonly type: "persist-incarnation"; readonly incarnation: number }
  | Extract<
    ElectionEffect,
    { type: "persist-vote" | "persist-head" | "call-enclave" | "leader" | "note" }
  >
  | { readonly type: "member"; readonly change: MemberChange }
  | { readonly type: "report"; readonly report: MembershipReport }
  | { readonly type: "left" };

/** Bytes of a head in gossip: the term as 8 bytes big-endian, then the id. */
const HEAD_BYTES = 40;

/** The machine. */
export class Replica {
  readonly #membership: Membership;
  readonly #election: OpenElection;
  readonly #self: Candidate;
  #effects: ReplicaEffect[] = [];
  #joined = false;

  constructor(membership: Membership, election: OpenElection, self: Candidate, nowMs: number) {
    this.#membership = membership;
    this.#election = election;
    this.#self = self;
    // Before anything is sent: gossip carries the remembered head, and the election knows its view.
    membership.step({ type: "head", head: encodeHead(election.head) }, nowMs);
  }

  /** The other members, in any state. */
  members(): readonly Member[] {
    return this.#membership.members();
  }

  /** This node's own claim, once it has started. */
  self(): AliveClaim | undefined {
    return this.#membership.self();
  }

  /** Claims of a full-state exchange. */
  snapshot(): readonly Claim[] {
    return this.#membership.snapshot();
  }

  /** The certificate that holds for the present view. */
  get respected(): VerifiedCertificate | undefined {
    return this.#election.respected;
  }

  /** The present term. */
  get term(): number {
    return this.#election.term;
  }

  /** When the next `tick` is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    const membership = this.#membership.deadlineMs() ?? Infinity;
    const election = this.#election.deadlineMs() ?? Infinity;
    const earliest = Math.min(membership, election);
    return earliest === Infinity ? undefined : earliest;
  }

  /** Takes one event at a moment and gives what is to be done, in order. */
  step(event: ReplicaEvent, nowMs: number): ReplicaEffect[] {
    this.#effects = [];
    switch (event.type) {
      case "tick":
        this.#tellMembership(event, nowMs);
        this.#tellElection(event, nowMs);
        break;
      case "gossip":
        this.#tellMembership({ ...event, type: "message" }, nowMs);
        break;
      case "synced":
      case "sync-failed":
      case "join":
      case "give-up":
        this.#tellMembership(event, nowMs);
        break;
      case "election":
        this.#tellElection({ ...event, type: "message" }, nowMs);
        break;
      case "certificate":
      case "keys":
      case "enclave-failed":
        this.#tellElection(event, nowMs);
        break;
      case "leave":
        this.#tellElection(event, nowMs);
        this.#tellMembership(event, nowMs);
        break;
      default:
        event satisfies never;
    }
    return this.#effects;
  }

  #tellMembership(event: MembershipEvent, nowMs: number): void {
    let changed = false;
    for (const effect of this.#membership.step(event, nowMs)) {
      if (effect.type === "changed") changed = true;
      this.#onMembershipEffect(effect, nowMs);
    }
    if (changed || event.type === "tick") this.#tellView(nowMs);
  }

  #onMembershipEffect(effect: MembershipEffect, nowMs: number): void {
    switch (effect.type) {
      case "send":
        this.#effects.push({ ...effect, type: "send-gossip" });
        break;
      case "sync":
      case "persist-incarnation":
      case "left":
        this.#effects.push(effect);
        break;
      case "changed":
        this.#effects.push({ type: "member", change: effect.change });
        break;
      case "head-seen": {
        const head = decodeHead(effect.head);
        if (head) this.#tellElection({ type: "head-seen", from: effect.from, head }, nowMs);
        break;
      }
      case "reported":
        this.#effects.push({ type: "report", report: effect.report });
        break;
      default:
        effect satisfies never;
    }
  }

  #tellView(nowMs: number): void {
    const others = this.#membership.members();
    const active = others
      .filter((member) => member.state === "alive" || member.state === "suspect")
      .map((member): Candidate => ({
        id: member.id,
        name: member.name,
        key: base64url(member.publicKey),
      }));
    if (active.length > 0 && !this.#joined) {
      this.#joined = true;
      this.#tellElection({ type: "joined" }, nowMs);
    }
    this.#tellElection({
      type: "view",
      active: [...active, this.#self].sort(byId),
      known: others.map((member) => member.id),
    }, nowMs);
  }

  #tellElection(event: ElectionEvent, nowMs: number): void {
    for (const effect of this.#election.step(event, nowMs)) {
      switch (effect.type) {
        case "send":
          this.#sendElection(effect.to, effect.message);
          break;
        case "head":
          this.#membershipHead(effect.head, nowMs);
          break;
        case "persist-vote":
        case "persist-head":
        case "call-enclave":
        case "leader":
        case "note":
          this.#effects.push(effect);
          break;
        default:
          effect satisfies never;
      }
    }
  }

  #membershipHead(head: Head, nowMs: number): void {
    for (const effect of this.#membership.step({ type: "head", head: encodeHead(head) }, nowMs)) {
      this.#onMembershipEffect(effect, nowMs);
    }
  }

  #sendElection(to: readonly NodeId[], message: ElectionMessage): void {
    const members = new Map(this.#membership.members().map((member) => [member.id, member]));
    const reachable = to.flatMap((id) => {
      const member = members.get(id);
      return member ? [{ id, address: member.address }] : [];
    });
    if (reachable.length > 0) this.#effects.push({ type: "send-election", to: reachable, message });
  }
}

/** A head as gossip carries it. */
export function encodeHead(head: Head): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.term));
  bytes.set(fromBase64url(head.id) ?? new Uint8Array(32), 8);
  return bytes;
}

/** A head from gossip, or `undefined` when the bytes are none (a node without one sends nothing). */
export function decodeHead(bytes: Uint8Array): Head | undefined {
  if (bytes.length !== HEAD_BYTES) return undefined;
  const term = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  if (term > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { term: Number(term), id: base64url(bytes.subarray(8)) };
}

function byId(a: Candidate, b: Candidate): number {
  return compareIds(fromBase64url(a.id)!, fromBase64url(b.id)!);
}
