/**
 * This node's own claim: raised above every accusation (SWIM, section 4.2: only the subject refutes, by a higher incarnation) and above
 * whatever else was signed with its key. A raise is persisted before anything that carries it is sent.
 */
import { type Context, type Part, reported } from "./context.ts";
import { INCARNATION_MAX } from "./limits.ts";
import type { AliveClaim, LeftClaim } from "./types.ts";

/** Own claim of one node. */
export interface Own extends Part {
  /** Starts above the last incarnation. Called once, before anything else. */
  start(): void;
  claim(): AliveClaim;
  /** Set once the node leaves. */
  left(): LeftClaim | undefined;
  /** Raises the incarnation because it was accused; several accusations within a short time are answered together. */
  refute(): void;
  /** Somebody showed this node a claim of its own key that it did not make. */
  foreign(incarnation: number): void;
  /** From now on the node's claim is that it leaves; nothing is refuted any more. */
  leave(): LeftClaim;
}

/** The own claim in a context. */
export function createOwn(context: Context): Own {
  const { options, settings } = context;
  let claim: AliveClaim | undefined;
  let left: LeftClaim | undefined;
  let raisedMs = -Infinity;
  let refuteMs = Infinity;
  let foreignReported = false;

  function raiseTo(incarnation: number): void {
    // At the very top there is nothing left to say; the jump limit keeps even a thief of the key from getting there quickly.
    if (incarnation > INCARNATION_MAX || left) return;
    const { address, name, tags, keyMadeS } = options.self;
    context.incarnation = incarnation;
    const facts = { address, name, tags, keyMadeS };
    claim = options.signClaim({ type: "alive", incarnation, ...facts }) as AliveClaim;
    context.effects.push({ type: "persist-incarnation", incarnation });
    context.queue.push(claim);
    raisedMs = context.nowMs;
    refuteMs = Infinity;
  }

  return {
    start: () => raiseTo(options.lastIncarnation + 1),
    claim: () => claim!,
    left: () => left,
    refute() {
      // Each refutation costs a write to disk: whoever accuses in a loop gets one for each probe timeout.
      const earliestMs = raisedMs + settings.probeTimeoutMs;
      if (earliestMs <= context.nowMs) raiseTo(context.incarnation + 1);
      else refuteMs = earliestMs;
    },
    foreign(incarnation) {
      if (!foreignReported) reported(context, { kind: "own-key-elsewhere", incarnation });
      foreignReported = true;
      if (incarnation >= context.incarnation) raiseTo(incarnation + 1);
    },
    leave() {
      left ??= options.signClaim({ type: "left", incarnation: context.incarnation }) as LeftClaim;
      context.queue.push(left);
      return left;
    },
    dueMs: () => left ? Infinity : refuteMs,
    run() {
      if (refuteMs <= context.nowMs) raiseTo(context.incarnation + 1);
    },
    shift() {},
  };
}
