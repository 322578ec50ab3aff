/**
 * The frames that host and client share. Every JSON frame is `{"message": …}` or `{"error": "…"}`; results carry checksums whose
 * signed text is defined here once, so that both sides hash the same bytes. Errors carry a `reason` as well, for programs; clients that
 * do not know it read the words.
 */
import { base64, utf8 } from "../base/bytes.ts";
import { isRecord } from "../base/json.ts";

/**
 * Why a host ended a session: the function failed; the host has too much to do, or lost the session through no fault of the function; the
 * token is no longer good; anything else.
 */
export const ERROR_REASONS = ["function", "busy", "unauthorized", "host"] as const;

/** One of {@linkcode ERROR_REASONS}. */
export type ErrorReason = typeof ERROR_REASONS[number];

/** A frame of the right shape. */
export type ParsedFrame =
  | { readonly kind: "message"; readonly message: Readonly<Record<string, unknown>> }
  | { readonly kind: "error"; readonly error: string; readonly reason?: ErrorReason };

/** SHA-256 of the three parts of a call, 32 bytes each. */
export interface Checksums {
  readonly input: Uint8Array;
  readonly function: Uint8Array;
  readonly output: Uint8Array;
}

/** The subprotocols that say which kind of token follows. */
export const SUBPROTOCOLS = { account: "cape.runtime", function: "cape.function" } as const;

/** The text of a message frame. */
export function messageFrame(message: unknown): string {
  return JSON.stringify({ message });
}

/** The text of an error frame. */
export function errorFrame(error: string, reason: ErrorReason): string {
  return JSON.stringify({ error, reason });
}

/** Reads a frame whose message is an object; `undefined` for any other shape. */
export function parseFrame(text: string): ParsedFrame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  if (typeof value.error === "string" && value.error !== "") {
    const reason = ERROR_REASONS.find((known) => known === value.reason);
    return { kind: "error", error: value.error, ...(reason && { reason }) };
  }
  return isRecord(value.message) ? { kind: "message", message: value.message } : undefined;
}

/** The JSON members of `checksums`, in the order in which they are signed. */
export function checksumFields(checksums: Checksums): Record<string, string> {
  return {
    input: base64(checksums.input),
    function: base64(checksums.function),
    output: base64(checksums.output),
  };
}

/** What `signed_checksums` signs: the JSON of the fields and one newline. */
export function signedChecksumBytes(checksums: Checksums): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(checksumFields(checksums)) + "\n");
}
