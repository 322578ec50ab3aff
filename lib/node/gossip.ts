/**
 * What every replica has, whatever its election: membership, what it is told of gossip and what it asks for. Pure.
 */
import type { Address } from "../base/address.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import type { Head } from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import type {
  GossipMessage,
  MemberChange,
  MembershipEffect,
  MembershipEvent,
  MembershipReport,
  NodeId,
} from "../membership/types.ts";

/** What the shell tells about gossip. */
export type GossipEvent =
  | { readonly type: "tick" }
  | {
    readonly type: "gossip";
    readonly sender: NodeId;
    readonly source: Address;
    readonly datagramBytes: number;
    readonly message: GossipMessage;
  }
  | Exclude<MembershipEvent, { type: "message" | "head" | "tick" }>;

/** What the shell is asked to do for gossip. */
export type GossipEffect =
  | {
    readonly type: "send-gossip";
    readonly to: Address;
    readonly recipient?: NodeId;
    readonly message: GossipMessage;
  }
  | { readonly type: "sync"; readonly address: Address }
  | { readonly type: "persist-incarnation"; readonly incarnation: number }
  | { readonly type: "member"; readonly change: MemberChange }
  | { readonly type: "report"; readonly report: MembershipReport }
  | { readonly type: "left" };

/** What came of telling membership something. */
export interface Told {
  readonly effects: readonly GossipEffect[];
  /** How the view changed, in order. */
  readonly changes: readonly MemberChange[];
  /** Heads of members that differ from one's own. */
  readonly heads: readonly { readonly from: NodeId; readonly head: Head }[];
}

/** Tells membership, and sorts what it asks for. */
export function tellMembership(
  membership: Membership,
  event: GossipEvent | { readonly type: "head"; readonly head: Head },
  nowMs: number,
): Told {
  const effects: GossipEffect[] = [];
  const heads: { from: NodeId; head: Head }[] = [];
  const changes: MemberChange[] = [];
  for (const effect of membership.step(translate(event), nowMs)) {
    if (effect.type === "changed") changes.push(effect.change);
    if (effect.type === "head-seen") {
      const head = decodeHead(effect.head);
      if (head) heads.push({ from: effect.from, head });
    } else effects.push(gossipEffect(effect));
  }
  return { effects, changes, heads };
}

function translate(
  event: GossipEvent | { readonly type: "head"; readonly head: Head },
): MembershipEvent {
  if (event.type === "gossip") return { ...event, type: "message" };
  if (event.type === "head") return { type: "head", head: encodeHead(event.head) };
  return event;
}

function gossipEffect(effect: Exclude<MembershipEffect, { type: "head-seen" }>): GossipEffect {
  switch (effect.type) {
    case "send":
      return { ...effect, type: "send-gossip" };
    case "changed":
      return { type: "member", change: effect.change };
    case "reported":
      return { type: "report", report: effect.report };
    case "sync":
    case "persist-incarnation":
    case "left":
      return effect;
  }
}

/** Where members are, for messages to them; who is not known is left out. */
export function addressesOf(
  membership: Membership,
  to: readonly NodeId[],
): { readonly id: NodeId; readonly address: Address }[] {
  return to.flatMap((id) => {
    const member = membership.member(id);
    return member ? [{ id, address: member.address }] : [];
  });
}

/** Bytes of a head in gossip: the term as 8 bytes big-endian, then the id. */
const HEAD_BYTES = 40;

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
