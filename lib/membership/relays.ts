/**
 * Indirect probes on behalf of others (SWIM, section 3.1) with nack (Lifeguard, section IV-A). Only members may ask, and the ping goes
 * to the address that this node has verified, so that nobody can aim it. The answer is the target's signature over the prober's nonce: it is
 * passed on, it can't be made up.
 */
import { digestOf } from "./anti_entropy.ts";
import { bare, type Context, type Part, sendFilled } from "./context.ts";
import { RELAYS_MAX } from "./limits.ts";
import type { GossipMessage, NodeId } from "./types.ts";
import { isActive, type MemberRecord } from "./view.ts";

/** Probes that this node runs for others. */
export interface Relays extends Part {
  requested(origin: MemberRecord, nonce: string, target: NodeId): void;
  /** Passes an ack on to who asked for it. Gives whether it was one of those. */
  acked(message: GossipMessage & { kind: "ack" }): boolean;
}

interface Relay {
  readonly origin: NodeId;
  readonly nonce: string;
  readonly target: NodeId;
  /** `Infinity` once it was sent. */
  nackMs: number;
  endMs: number;
}

/** Relays in a context. */
export function createRelays(context: Context): Relays {
  const { settings, view } = context;
  const relays = new Map<string, Relay>();

  function nack(origin: NodeId, nonce: string): void {
    const record = view.get(origin);
    if (!record) return;
    sendFilled(context, record.alive.address, origin, { kind: "nack", nonce, claims: [] });
  }

  return {
    requested(origin, nonce, target) {
      const record = view.get(target);
      if (!record?.verified || !isActive(record) || relays.size >= RELAYS_MAX) {
        return nack(origin.id, nonce);
      }
      const { nowMs } = context;
      relays.set(`${origin.id} ${nonce}`, {
        origin: origin.id,
        nonce,
        target,
        nackMs: nowMs + settings.indirectTimeoutMs / 2,
        // A late ack still helps a prober that is slow by its own health.
        endMs: nowMs + settings.indirectTimeoutMs * (settings.healthMax + 1),
      });
      const ping = { ...bare(context, nonce), prober: origin.id };
      sendFilled(context, record.alive.address, target, ping);
    },
    acked(message) {
      const { proof, nonce, subject } = message;
      const relay = proof && relays.get(`${proof.prober} ${nonce}`);
      if (!relay || relay.target !== subject) return false;
      relays.delete(`${relay.origin} ${nonce}`);
      const origin = view.get(relay.origin);
      if (origin) {
        sendFilled(context, origin.alive.address, origin.id, {
          ...message,
          digest: digestOf(context),
          head: new Uint8Array(0),
          claims: [],
        });
      }
      return true;
    },
    dueMs() {
      let due = Infinity;
      for (const relay of relays.values()) due = Math.min(due, relay.nackMs, relay.endMs);
      return due;
    },
    run() {
      for (const [key, relay] of relays) {
        if (relay.nackMs <= context.nowMs) {
          relay.nackMs = Infinity;
          nack(relay.origin, relay.nonce);
        }
        if (relay.endMs <= context.nowMs) relays.delete(key);
      }
    },
    shift(byMs) {
      for (const relay of relays.values()) relay.nackMs += byMs;
    },
  };
}
