/** Answers that a function seals to a key of its caller (`replyTo`), of either language. */
import { sealNativeHpke } from "../crypto/hpke_native.ts";
import type { CallOutcome } from "./types.ts";

/** Bytes of the key: raw X25519. */
export const REPLY_KEY_BYTES = 32;

/** The outcome with its output sealed; a failure when the key is none. */
export function sealedOutcome(
  outcome: Extract<CallOutcome, { ok: true }>,
  replyKey: Uint8Array,
): CallOutcome {
  try {
    return { ...outcome, output: sealNativeHpke(replyKey, outcome.output) };
  } catch {
    const error = "Cannot reply: the key is no X25519 key";
    return { ok: false, reason: "threw", error, log: outcome.log };
  }
}
