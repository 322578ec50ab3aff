/**
 * A graceful leave: the node signs that it leaves, lets gossip carry it, and shows it to some members in pings until enough of them have
 * confirmed by their acks, or the time for it is over. Only then may the process go.
 */
import { bare, clusterSize, type Context, type Part, sendFilled } from "./context.ts";
import type { Own } from "./own.ts";
import type { Prober } from "./probe.ts";
import type { NodeId } from "./types.ts";

/** The leave of one node. */
export interface Leaving extends Part {
  begin(): void;
  /** Gives whether the nonce was one of these pings. */
  acked(nonce: string, subject: NodeId): boolean;
  /** Whether the node has left: it does nothing any more. */
  done(): boolean;
}

/** Nonces of pings kept: some rounds of them. */
const NONCES_MAX = 64;

/** The leave in a context. */
export function createLeaving(context: Context, own: Own, prober: Prober): Leaving {
  const { settings, options } = context;
  const nonces = new Map<string, NodeId>();
  const confirmed = new Set<NodeId>();
  let untilMs = Infinity;
  let roundMs = Infinity;
  let left = false;

  function finish(): void {
    left = true;
    context.effects.push({ type: "left" });
  }

  function round(): void {
    roundMs = context.nowMs + settings.probeTimeoutMs;
    const wanted = 2 * settings.leaveConfirmations;
    for (const { id, alive } of prober.sample(wanted)) {
      if (confirmed.has(id) || nonces.size >= NONCES_MAX) continue;
      const nonce = options.nonce();
      nonces.set(nonce, id);
      sendFilled(context, alive.address, id, bare(context, nonce), [own.left()!]);
    }
  }

  return {
    begin() {
      if (untilMs !== Infinity || left) return;
      own.leave();
      if (clusterSize(context) === 1) return finish();
      untilMs = context.nowMs + settings.leaveTimeoutMs;
      round();
    },
    acked(nonce, subject) {
      if (nonces.get(nonce) !== subject) return false;
      nonces.delete(nonce);
      confirmed.add(subject);
      return true;
    },
    done: () => left,
    dueMs: () => Math.min(untilMs, roundMs),
    run() {
      if (untilMs === Infinity || left) return;
      const needed = Math.min(settings.leaveConfirmations, clusterSize(context) - 1);
      // Those who confirmed pass it on, and gossip has had its turns when the queue is empty.
      const told = confirmed.size >= needed && context.queue.size() === 0;
      if (told || untilMs <= context.nowMs) return finish();
      if (roundMs <= context.nowMs) round();
    },
    shift() {},
  };
}
