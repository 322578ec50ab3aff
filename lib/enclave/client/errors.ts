/**
 * What can go wrong between a client and an enclave, by reason, so that programs need not read messages. The codes of
 * {@linkcode FumataError}, and with them exit codes, follow from the reasons.
 */
import { type ErrorCode, FumataError } from "../../base/errors.ts";

/** Each reason and the code that it has as a {@linkcode FumataError}. */
export const CODES_OF_REASONS = {
  /** The caller's own arguments. */
  usage: "usage",
  /** No connection. */
  unreachable: "unreachable",
  /** Connected, and no answer in time. */
  timeout: "unreachable",
  /** The connection ended: by the host, for idling, or by a network. */
  closed: "unreachable",
  /** The host has too much to do (429, 503, or a session without its turn); try again later, or another host. */
  busy: "unreachable",
  /** The token is missing, void, expired, or for something else (401, 403); also when it ceased to be good within a session. */
  unauthorized: "failure",
  /** There is no such function, user or token (404). */
  "not-found": "failure",
  /** The host said no for another reason; the message has its words. */
  host: "failure",
  /** What came is not this protocol. */
  protocol: "failure",
  /** The evidence does not satisfy the policy, or binds other keys or another function. Nothing but a nonce was sent. */
  evidence: "refused",
  /** The result's checksums or signature are wrong. */
  result: "refused",
  /** The function failed; the message has its words. The session is over. */
  function: "function",
} as const satisfies Record<string, ErrorCode>;

/** Why a call failed. */
export type EnclaveErrorReason = keyof typeof CODES_OF_REASONS;

/** An error of this client: `reason` for programs, a message of one line for people. */
export class EnclaveError extends FumataError {
  readonly reason: EnclaveErrorReason;

  constructor(reason: EnclaveErrorReason, message: string, options?: ErrorOptions) {
    super(CODES_OF_REASONS[reason], message, options);
    this.reason = reason;
  }
}

/** The reason for an HTTP status that is no success; 0 for none at all. */
export function reasonOfStatus(status: number): EnclaveErrorReason {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "not-found";
  if (status === 429 || status === 503) return "busy";
  return status >= 500 || status === 0 ? "unreachable" : "host";
}
