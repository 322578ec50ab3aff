/** The account's functions over plain HTTP: list, look at one, remove one. And testing a package, which stores nothing. */
import { fromHex } from "../../base/bytes.ts";
import { isRecord } from "../../base/json.ts";
import { sha256 } from "../../crypto/digest.ts";
import { sealNativeHpke } from "../../crypto/hpke_native.ts";
import { attest, type AttestationDemands } from "./attest.ts";
import { requireResultKey } from "./connection.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, openEndpoint, printable } from "./endpoint.ts";
import { request, unexpected } from "./http.ts";
import { readResult } from "./result.ts";

/** A function in the list. */
export interface ListedFunction {
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** One function in full, as far as the host tells. */
export interface FunctionDetails extends ListedFunction {
  /** SHA-256 of the package: what the host says, for people; pin what `deploy` printed. */
  readonly checksum?: Uint8Array;
  readonly isPublic?: boolean;
  /** How it is kept from the machine, in a few words. */
  readonly isolation?: string;
}

/** Functions of the account, oldest first. `limit` is 50 by default and at most 1000. Throws an {@linkcode EnclaveError}. */
export async function listFunctions(
  options: ConnectOptions,
  page: { readonly limit?: number; readonly offset?: number } = {},
): Promise<ListedFunction[]> {
  const { limit = 50, offset = 0 } = page;
  const path = `/v1/functions?limit=${limit}&offset=${offset}`;
  const answer = await request(options, "GET", path);
  const list = Array.isArray(answer) ? answer.map(listedOf) : [undefined];
  if (!list.every((item) => item !== undefined)) throw unexpected(options, "/v1/functions");
  return list;
}

/** One function. Throws an {@linkcode EnclaveError}, reason `not-found` when there is none of this id. */
export async function getFunction(options: ConnectOptions, id: string): Promise<FunctionDetails> {
  const path = `/v1/functions/${encodeURIComponent(id)}`;
  const answer = await request(options, "GET", path);
  const listed = listedOf(answer);
  if (!listed || !isRecord(answer)) throw unexpected(options, path);
  const { checksum, isolation, public: isPublic } = answer;
  return {
    ...listed,
    checksum: typeof checksum === "string" ? fromHex(checksum) : undefined,
    isPublic: typeof isPublic === "boolean" ? isPublic : undefined,
    isolation: typeof isolation === "string" ? printable(isolation) : undefined,
  };
}

/** Removes a function with its keys. Throws an {@linkcode EnclaveError}, reason `not-found` when there is none of this id. */
export async function deleteFunction(options: ConnectOptions, id: string): Promise<void> {
  await request(options, "DELETE", `/v1/functions/${encodeURIComponent(id)}`);
}

/** Runs a package once on an input; the host stores nothing. Both leave only sealed to the attested session. Throws an {@linkcode EnclaveError}. */
export async function testPackage(
  options: ConnectOptions & Omit<AttestationDemands, "checksum"> & {
    readonly zip: Uint8Array;
    readonly input: Uint8Array;
  },
): Promise<Uint8Array> {
  const { deployMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const { url, zip, input } = options;
  const socket = await openEndpoint("/v1/test", options);
  const attested = await attest(socket, options);
  const resultKey = await requireResultKey(socket, attested, options);
  try {
    socket.send(sealNativeHpke(attested.binding.sessionKey, zip));
    socket.send(sealNativeHpke(attested.binding.sessionKey, input));
    return await readResult(await socket.next(deployMs), {
      url,
      name: "the package",
      waitedMs: deployMs,
      input,
      functionChecksum: sha256(zip),
      resultKey,
    });
  } finally {
    socket.close();
  }
}

function listedOf(value: unknown): ListedFunction | undefined {
  if (!isRecord(value) || typeof value.id !== "string") return undefined;
  const text = (field: unknown) => printable(String(field));
  return { id: text(value.id), name: text(value.name), createdAt: text(value.created_at) };
}
