/**
 * The client of enclave hosts: attest and pin before anything leaves, then call; deploy, test, encrypt; functions, keys and tokens of the
 * account. It runs in Deno as it stands, and in Node (20 or newer) as one file:
 *
 * ```sh
 * deno bundle -o enclave_client.mjs lib/enclave/client/mod.ts
 * ```
 *
 * Browsers have a client of their own in `lib/enclave/browser`. A call in one piece:
 *
 * ```ts
 * import { type EnclaveOptions, runFunction } from "./mod.ts";
 *
 * async function shout(target: EnclaveOptions, text: string): Promise<string> {
 *   return new TextDecoder().decode(await runFunction(target, new TextEncoder().encode(text)));
 * }
 * ```
 *
 * Several calls on one connection, whose function keeps its state until it closes:
 *
 * ```ts
 * import { connectEnclave, type EnclaveOptions } from "./mod.ts";
 *
 * async function callAll(target: EnclaveOptions, inputs: Uint8Array[]): Promise<Uint8Array[]> {
 *   using connection = await connectEnclave(target);
 *   return await Promise.all(inputs.map((input) => connection.invoke(input)));
 * }
 * ```
 *
 * Whom to call and what to demand is one object. Nothing but a nonce leaves before the evidence satisfied the policy and named the function
 * by its checksum; else an error says so, with a `reason` for programs:
 *
 * ```ts
 * import { EnclaveError, type EnclaveOptions, runFunction } from "./mod.ts";
 *
 * const target: EnclaveOptions = {
 *   url: "http://127.0.0.1:1",
 *   token: "e30.e30.e30",
 *   functionId: "YmoDB35PKxZS9v6eaU84YR",
 *   checksum: new Uint8Array(32),
 *   policy: { platform: "nitro", measurements: { pcr0: "ab".repeat(48) } },
 * };
 * try {
 *   await runFunction(target, new TextEncoder().encode("input"));
 *   throw new Error("there is no host");
 * } catch (error) {
 *   if (!(error instanceof EnclaveError) || error.reason !== "unreachable") throw error;
 * }
 * ```
 *
 * Values that only functions of the account can read are encrypted beforehand and stand as or in an input:
 *
 * ```ts
 * import { encryptForAccount, fetchUserKey } from "./mod.ts";
 *
 * async function encryptFor(where: Parameters<typeof fetchUserKey>[0], text: string): Promise<string> {
 *   const { publicKey } = await fetchUserKey(where);
 *   return await encryptForAccount(publicKey, new TextEncoder().encode(text));
 * }
 * ```
 */
export { type AttestationDemands, type Attested } from "./attest.ts";
export {
  type AccountKey,
  deployPackage,
  encryptForAccount,
  fetchAccountKey,
  fetchUserKey,
} from "./account.ts";
export {
  attestFunction,
  connectEnclave,
  type EnclaveConnection,
  type EnclaveOptions,
  runFunction,
} from "./connection.ts";
export {
  CLIENT_TIMEOUTS,
  type ClientTimeouts,
  type ConnectOptions,
  type EnclaveAddress,
  type SocketConstructor,
} from "./endpoint.ts";
export { EnclaveError, type EnclaveErrorReason } from "./errors.ts";
export {
  deleteFunction,
  type FunctionDetails,
  getFunction,
  type ListedFunction,
  listFunctions,
  testPackage,
} from "./functions.ts";
export {
  createToken,
  deleteToken,
  type ListedToken,
  listTokens,
  type TokenRequest,
} from "./tokens.ts";
