/** Reading a `function_result`: the checksums have to be those of what was sent and came, and signed by the key that the evidence bound. */
import { equalBytes, fromBase64 } from "../../base/bytes.ts";
import { isRecord } from "../../base/json.ts";
import { sha256 } from "../../crypto/digest.ts";
import { type Checksums, parseFrame, signedChecksumBytes } from "../frames.ts";
import type { SocketEvent } from "../frame_socket.ts";
import { printable } from "./endpoint.ts";
import { EnclaveError } from "./errors.ts";
import type { ResultVerifier } from "./result_key.ts";

/** What a result is an answer to. */
export interface ResultContext {
  readonly url: string;
  /** What was called, for messages. */
  readonly name: string;
  readonly waitedMs: number;
  readonly input: Uint8Array;
  readonly functionChecksum: Uint8Array;
  readonly resultKey: ResultVerifier;
}

/** The output in a frame. Throws an {@linkcode EnclaveError}. */
export async function readResult(event: SocketEvent, context: ResultContext): Promise<Uint8Array> {
  const { url, name, waitedMs } = context;
  const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
  if (frame?.kind === "message") return await checked(frame.message, context);
  if (frame?.kind === "error") {
    throw new EnclaveError(
      // Hosts other than fumata give words only.
      frame.reason ?? "function",
      `Cannot get a result from ${name}: ${printable(frame.error)}`,
    );
  }
  const none = `Cannot get a result from "${url}"`;
  switch (event.kind) {
    case "timeout":
    case "slow":
      throw new EnclaveError("timeout", `${none}: none came in ${waitedMs / 1000} s`);
    case "closed":
      throw new EnclaveError("closed", `${none}: the connection is closed`);
    case "text":
    case "binary":
      throw refused(url, "a function result is expected, another frame came");
    default:
      return event satisfies never;
  }
}

async function checked(
  message: Readonly<Record<string, unknown>>,
  context: ResultContext,
): Promise<Uint8Array> {
  const { url } = context;
  const output = bytesOf(message.message);
  const signature = bytesOf(message.signed_checksums);
  const claimed = isRecord(message.checksums) ? message.checksums : {};
  if (message.type !== "function_result" || !output || !signature) {
    throw refused(url, "a signed function result is expected, another message came");
  }
  const actual: Checksums = {
    input: sha256(context.input),
    function: context.functionChecksum,
    output: sha256(output),
  };
  for (const part of ["input", "function", "output"] as const) {
    const named = bytesOf(claimed[part]);
    if (!named || !equalBytes(named, actual[part])) {
      throw refused(url, `its checksum of the ${part} is not that of what was sent or came`);
    }
  }
  if (!await context.resultKey(signedChecksumBytes(actual), signature)) {
    throw refused(url, "its signature is not by the key that the evidence bound");
  }
  return output;
}

function refused(url: string, why: string): EnclaveError {
  return new EnclaveError("result", `Cannot trust the result of "${url}": ${why}`);
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}
