/** Calling the election function for the certificate of a proposal, and what its answer is: JSON with the certificate in it. */
import { fromUtf8 } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import type { Vote } from "../certificate/types.ts";
import type { PartShell } from "./election_part.ts";
import { callSealed } from "./sealed_call.ts";

/** Why there is no certificate. */
export interface CallFailure {
  readonly reason: string;
  /** The function itself refused or answered nonsense; else it was out of reach. */
  readonly refused: boolean;
}

/**
 * Asks a host that holds the key `kid` for the certificate of what these votes are for, and hands it on. `makeRequest` is called here, so that
 * what it throws is a failure like others; gives that, or `undefined` when the certificate was taken.
 */
export async function callForCertificate(
  shell: PartShell,
  kid: string,
  votes: readonly Vote[],
  makeRequest: () => Uint8Array,
): Promise<CallFailure | undefined> {
  try {
    const answer = await callSealed(makeRequest(), (input) => shell.call(input, kid));
    const document = { certificate: certificateOf(answer), bundle: votes };
    if (shell.onDocument(document, undefined, kid)) return undefined;
    throw new FumataError("function", "the certificate in the answer does not verify");
  } catch (thrown) {
    const refused = thrown instanceof FumataError && thrown.code === "function";
    return { reason: messageOf(thrown), refused };
  }
}

/** The JWS of an answer. Throws a `function` error when there is none. */
export function certificateOf(answer: Uint8Array): string {
  try {
    const value = JSON.parse(fromUtf8(answer) ?? "");
    if (typeof value?.certificate === "string") return value.certificate;
  } catch { /* said below */ }
  throw new FumataError("function", "Cannot use the function's answer: it holds no certificate");
}
