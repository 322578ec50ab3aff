/**
 * One call of a function on behalf of a client: opens what is encrypted in the input, calls, and answers the output with checksums
 * signed by the key that the evidence bound, so that a result can be shown to others.
 */
import { base64 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { SandboxSession } from "../../sandbox/types.ts";
import { checksumFields, signedChecksumBytes } from "../frames.ts";
import type { HostKeys } from "./keys.ts";
import { openSealedInput } from "./sealed_input.ts";
import { CLOSE, type Session, SessionError } from "./session.ts";

/** How calls of one host went, by how they ended; `milliseconds` is the time of all of them. */
export interface CallCounts {
  readonly ended: Record<string, number>;
  milliseconds: number;
}

/** What answers inputs. */
export class CallRunner {
  readonly counts: CallCounts = { ended: {}, milliseconds: 0 };
  readonly #keys: HostKeys;

  constructor(keys: HostKeys) {
    this.#keys = keys;
  }

  /** Calls the function with one input and sends its result. A failure is a {@linkcode SessionError}, which ends the session. */
  async answer(
    session: Session,
    running: SandboxSession,
    functionChecksum: Uint8Array,
    input: Uint8Array,
  ): Promise<void> {
    const seen = await openSealedInput(input, this.#keys.accountKey);
    const startMs = performance.now();
    const outcome = await running.call(seen);
    this.counts.milliseconds += performance.now() - startMs;
    const how = outcome.ok ? "ok" : outcome.reason;
    this.counts.ended[how] = (this.counts.ended[how] ?? 0) + 1;
    if (!outcome.ok) {
      throw outcome.reason === "busy"
        ? new SessionError(outcome.error, CLOSE.busy, "busy")
        : new SessionError(outcome.error, CLOSE.failed, "function");
    }
    // The checksum is that of what the client sent: it has to be able to compare.
    const checksums = {
      input: sha256(input),
      function: functionChecksum,
      output: sha256(outcome.output),
    };
    const signature = await this.#keys.resultKey.sign(signedChecksumBytes(checksums));
    await session.send({
      type: "function_result",
      message: base64(outcome.output),
      checksums: checksumFields(checksums),
      signed_checksums: base64(signature),
    });
  }
}
