/** What the owner of an account asks of a host: its encryption key, and to deploy a package encrypted to that key. */
import { isBase58Id } from "../../base/base58.ts";
import { FumataError } from "../../base/errors.ts";
import { sealValue } from "../../crypto/sealed_value.ts";
import { messageFrame, parseFrame } from "../frames.ts";
import { attest, type AttestationDemands, type Attested } from "./attest.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, openEndpoint, printable } from "./endpoint.ts";

/** An attested key. */
export interface AccountKey {
  /** RSA-4096, DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly attested: Attested;
}

/** Fetches the account's encryption key. Throws a {@linkcode FumataError}. */
export async function fetchAccountKey(
  options: ConnectOptions & Omit<AttestationDemands, "checksum">,
): Promise<AccountKey> {
  const socket = await openEndpoint("/v1/key", options);
  const attested = await attest(socket, options);
  socket.close();
  return { publicKey: encryptionKey(attested, options.url), attested };
}

/** Deploys a package; gives the function's id. The package leaves only encrypted to the attested key. Throws a {@linkcode FumataError}. */
export async function deployPackage(
  options: ConnectOptions & Omit<AttestationDemands, "checksum"> & {
    readonly zip: Uint8Array;
    readonly name: string;
    readonly isPublic?: boolean;
  },
): Promise<{ readonly id: string }> {
  const { deployMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const socket = await openEndpoint("/v1/deploy", options);
  const attested = await attest(socket, options);
  const fail = (code: "failure" | "unreachable", why: string) =>
    new FumataError(code, `Cannot deploy "${options.name}" to "${options.url}": ${why}`);
  try {
    const key = encryptionKey(attested, options.url);
    const isPublic = options.isPublic ?? false;
    socket.send(messageFrame({ function_name: options.name, public: isPublic }));
    socket.send(await sealValue(key, options.zip));
    const event = await socket.next(deployMs);
    const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
    if (frame?.kind === "error") throw fail("failure", printable(frame.error));
    const id = frame?.kind === "message" ? frame.message.id : undefined;
    if (typeof id === "string" && isBase58Id(id)) return { id };
    throw fail(
      "unreachable",
      event.kind === "timeout"
        ? `no answer in ${deployMs / 1000} s`
        : event.kind === "closed"
        ? "it closed the connection; the package may be too large for it"
        : "an id is expected, another frame came",
    );
  } finally {
    socket.close();
  }
}

function encryptionKey(attested: Attested, url: string): Uint8Array {
  const key = attested.binding.encryptionKey;
  if (key) return key;
  throw new FumataError(
    "refused",
    `Cannot trust the enclave at "${url}": the evidence is expected to bind an encryption key, none came`,
  );
}
