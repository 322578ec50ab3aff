/**
 * Rounds of gossip beside what rides on probes (Lifeguard's memberlist has them too): while claims wait, a few members get them every
 * gossip interval; with nothing to say nothing is sent. The recently dead are among the targets, so that one that is not dead learns of it.
 */
import { type Context, type Part, sendFilled } from "./context.ts";
import type { Prober } from "./probe.ts";
import type { MemberRecord } from "./view.ts";

/** Rounds of gossip in a context. */
export function createGossip(context: Context, prober: Prober): Part {
  const { settings, view, options } = context;
  let lastMs = -Infinity;

  function recentlyDead(): MemberRecord[] {
    return [...view.dead()]
      .filter((record) => context.nowMs - record.sinceMs < settings.gossipToDeadMs);
  }

  return {
    dueMs: () =>
      context.queue.size() > 0 && view.activeCount() > 0
        ? lastMs + settings.gossipIntervalMs
        : Infinity,
    run() {
      lastMs = context.nowMs;
      const targets = prober.sample(settings.gossipFanout);
      const dead = recentlyDead();
      if (dead.length > 0) targets.push(dead[options.prng.below(dead.length)]);
      for (const { id, alive } of targets) {
        if (context.queue.size() === 0) return;
        sendFilled(context, alive.address, id, { kind: "gossip", claims: [] });
      }
    },
    shift() {},
  };
}
