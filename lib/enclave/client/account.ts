/** What the owner of an account asks of a host: its encryption key, and to deploy a package encrypted to that key. */
import { isBase58Id } from "../../base/base58.ts";
import { sealedValueText, sealValue } from "../../crypto/sealed_value.ts";
import {
  type AttestationPolicy,
  type Evidence,
  evidenceFromWire,
  type Verdict,
  verifyEvidence,
} from "../../attestation/mod.ts";
import { parseNitroDocument } from "../../attestation/nitro_format.ts";
import { Malformed, structured } from "../../attestation/structure.ts";
import { fromBase64 } from "../../base/bytes.ts";
import { isRecord } from "../../base/json.ts";
import { messageFrame, parseFrame } from "../frames.ts";
import { request, unexpected } from "./http.ts";
import { attest, type AttestationDemands, type Attested } from "./attest.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, openEndpoint, printable } from "./endpoint.ts";
import { EnclaveError, type EnclaveErrorReason } from "./errors.ts";

/** An attested key. */
export interface AccountKey {
  /** RSA-4096, DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly attested: Attested;
}

/** Fetches the account's encryption key. Throws an {@linkcode EnclaveError}. */
export async function fetchAccountKey(
  options: ConnectOptions & Omit<AttestationDemands, "checksum">,
): Promise<AccountKey> {
  const socket = await openEndpoint("/v1/key", options);
  const attested = await attest(socket, options, "accountAttestMs");
  socket.close();
  return { publicKey: encryptionKey(attested, options.url), attested };
}

/**
 * Fetches a user's encryption key without a token. The document is not fresh: it may be some time old, and is judged at the moment when its
 * own certificate began. So it shows that an enclave which satisfies the policy holds the key, not that it runs now. Throws an
 * {@linkcode EnclaveError}.
 */
export async function fetchUserKey(options: {
  readonly url: string;
  readonly user: string;
  readonly policy: AttestationPolicy;
}): Promise<{ readonly publicKey: Uint8Array; readonly verdict: Verdict }> {
  const { url, user, policy } = options;
  const path = `/v1/user/${encodeURIComponent(user)}/key`;
  const answer = await request(options, "GET", path);
  const text = isRecord(answer) ? answer.attestation_document : undefined;
  const wire = typeof text === "string" ? fromBase64(text) : undefined;
  if (!wire) throw unexpected(options, path);
  const refuse = (why: string) =>
    new EnclaveError("evidence", `Cannot trust the key of ${user} from "${url}": ${why}`);
  const evidence = evidenceFromWire(wire, policy.platform);
  if (typeof evidence === "string") throw refuse(evidence);
  const at = evidenceBegan(evidence) ?? new Date();
  const verdict = verifyEvidence(evidence, policy, { at });
  if (!verdict.accepted) {
    throw refuse(verdict.failures.map((failure) => printable(failure.message)).join("; "));
  }
  const { encryptionKey } = verdict.binding;
  if (!encryptionKey) throw refuse("the evidence binds no encryption key");
  return { publicKey: encryptionKey, verdict };
}

/** A value encrypted to an account's key, as the text `cape:…` that may stand as or in an input. */
export async function encryptForAccount(
  publicKey: Uint8Array,
  plain: Uint8Array,
): Promise<string> {
  return sealedValueText(await sealValue(publicKey, plain));
}

/** Deploys a package; gives the function's id. The package leaves only encrypted to the attested key. Throws an {@linkcode EnclaveError}. */
export async function deployPackage(
  options: ConnectOptions & Omit<AttestationDemands, "checksum"> & {
    readonly zip: Uint8Array;
    readonly name: string;
    readonly isPublic?: boolean;
  },
): Promise<{ readonly id: string }> {
  const { deployMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const socket = await openEndpoint("/v1/deploy", options);
  const attested = await attest(socket, options, "accountAttestMs");
  const fail = (reason: EnclaveErrorReason, why: string) =>
    new EnclaveError(reason, `Cannot deploy "${options.name}" to "${options.url}": ${why}`);
  try {
    const key = encryptionKey(attested, options.url);
    const isPublic = options.isPublic ?? false;
    socket.send(messageFrame({ function_name: options.name, public: isPublic }));
    socket.send(await sealValue(key, options.zip));
    const event = await socket.next(deployMs);
    const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
    if (frame?.kind === "error") throw fail(frame.reason ?? "host", printable(frame.error));
    const id = frame?.kind === "message" ? frame.message.id : undefined;
    if (typeof id === "string" && isBase58Id(id)) return { id };
    if (event.kind === "timeout") throw fail("timeout", `no answer in ${deployMs / 1000} s`);
    if (event.kind === "closed") {
      throw fail("closed", "it closed the connection; the package may be too large for it");
    }
    throw fail("protocol", "an id is expected, another frame came");
  } finally {
    socket.close();
  }
}

/** When the certificate that signed a Nitro-format document began; others are judged now. */
function evidenceBegan({ platform, document }: Evidence): Date | undefined {
  if (platform !== "nitro" && platform !== "simulated") return undefined;
  const parsed = structured(() => parseNitroDocument(document).certificate);
  return parsed instanceof Malformed ? undefined : new Date(parsed.notBeforeMs);
}

function encryptionKey(attested: Attested, url: string): Uint8Array {
  const key = attested.binding.encryptionKey;
  if (key) return key;
  throw new EnclaveError(
    "evidence",
    `Cannot trust the enclave at "${url}": the evidence is expected to bind an encryption key, none came`,
  );
}
