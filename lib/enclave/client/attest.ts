/**
 * The start of every session, from the client's side: send a nonce and nothing else, then judge what comes. Only when evidence,
 * nonce, function checksum and certificate key are as demanded does the caller get the key to which it can encrypt.
 */
import {
  type AttestationPolicy,
  type Binding,
  type Evidence,
  evidenceFromWire,
  verifyEvidence,
} from "../../attestation/mod.ts";
import { base64, fromBase64 } from "../../base/bytes.ts";
import { importRsaJwk, type RsaPublicKey } from "../../crypto/rsa.ts";
import { messageFrame, parseFrame } from "../frames.ts";
import type { FrameSocket } from "../frame_socket.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, printable } from "./endpoint.ts";
import { EnclaveError, type EnclaveErrorReason } from "./errors.ts";

/** What a client demands of an enclave. */
export interface AttestationDemands {
  readonly policy: AttestationPolicy;
  /** SHA-256 of the function's package, 32 bytes; `undefined` where no function is called. */
  readonly checksum?: Uint8Array;
  /** Fresh bytes; only tests give their own. */
  readonly nonce?: Uint8Array;
  /** The time at which certificates have to be valid; now by default. */
  readonly at?: () => Date;
}

/** What was shown and found good. */
export interface Attested {
  readonly evidence: Evidence;
  readonly binding: Binding & { readonly sessionKey: Uint8Array };
  /** Measurements by name as a policy names them, lower-case hex. */
  readonly measurements: Readonly<Record<string, string>>;
  /** The key that signs election certificates, bound by its thumbprint; hosts other than fumata have none. */
  readonly certificateKey?: RsaPublicKey;
}

const NONCE_BYTES = 16;

/** Failures that a refusal lists; the rest is counted. */
const FAILURES_SHOWN_MAX = 3;

/** Attests the enclave behind a fresh socket. On refusal the socket is closed and an {@linkcode EnclaveError} thrown, reason `evidence`. */
export async function attest(
  socket: FrameSocket,
  options: ConnectOptions & AttestationDemands,
  patience: "attestMs" | "accountAttestMs" = "attestMs",
): Promise<Attested> {
  const nonce = options.nonce ?? crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  socket.send(messageFrame({ nonce: base64(nonce) }));
  const patienceMs = { ...CLIENT_TIMEOUTS, ...options.timeouts }[patience];
  const message = await attestationMessage(socket, options, patienceMs);
  const judged = judge(message, nonce, options);
  if (typeof judged !== "string") return judged;
  socket.close();
  throw new EnclaveError("evidence", `Cannot trust the enclave at "${options.url}": ${judged}`);
}

async function attestationMessage(
  socket: FrameSocket,
  options: ConnectOptions,
  patienceMs: number,
): Promise<Readonly<Record<string, unknown>>> {
  const event = await socket.next(patienceMs);
  const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
  if (frame?.kind === "message") return frame.message;
  socket.close();
  const fail = (reason: EnclaveErrorReason, why: string) =>
    new EnclaveError(reason, `Cannot attest the enclave at "${options.url}": ${why}`);
  if (frame?.kind === "error") throw fail(frame.reason ?? "host", printable(frame.error));
  if (event.kind === "timeout") throw fail("timeout", `no evidence in ${patienceMs / 1000} s`);
  if (event.kind === "closed") throw fail("closed", "it closed the connection");
  throw fail("evidence", "an attestation document is expected, another frame came");
}

function judge(
  message: Readonly<Record<string, unknown>>,
  nonce: Uint8Array,
  demands: AttestationDemands,
): Attested | string {
  const wire = message.type === "attestation_doc" && typeof message.message === "string"
    ? fromBase64(message.message)
    : undefined;
  if (!wire) return "an attestation document is expected, another message came";
  const evidence = evidenceFromWire(wire, demands.policy.platform);
  if (typeof evidence === "string") return evidence;
  const verdict = verifyEvidence(evidence, demands.policy, {
    at: demands.at?.() ?? new Date(),
    nonce,
    functionChecksum: demands.checksum,
  });
  if (!verdict.accepted) return describe(verdict.failures.map((failure) => failure.message));
  const { sessionKey, certificateKid } = verdict.binding;
  if (!sessionKey) return "the evidence binds no session key";
  const binding = { ...verdict.binding, sessionKey };
  const { measurements } = verdict;
  if (certificateKid === undefined) return { evidence, binding, measurements };
  const certificateKey = importRsaJwk(message.certificate_key);
  if (typeof certificateKey === "string") {
    return `the evidence binds the certificate key ${certificateKid}; the key that came ${certificateKey}`;
  }
  if (certificateKey.kid !== certificateKid) {
    return `the evidence binds the certificate key ${certificateKid}; the key that came is ` +
      certificateKey.kid;
  }
  return { evidence, binding, measurements, certificateKey };
}

function describe(failures: readonly string[]): string {
  const more = failures.length - FAILURES_SHOWN_MAX;
  const shown = failures.slice(0, FAILURES_SHOWN_MAX).map(printable).join("; ");
  return more > 0 ? `${shown}; and ${more} more` : shown;
}
