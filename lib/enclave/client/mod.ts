/** The client of enclave hosts: attest and pin before anything leaves, then call; deploy, keys and tokens of the account. */
export { type AttestationDemands, type Attested } from "./attest.ts";
export { type AccountKey, deployPackage, fetchAccountKey } from "./account.ts";
export { connectEnclave, type EnclaveConnection, type EnclaveOptions } from "./connection.ts";
export {
  CLIENT_TIMEOUTS,
  type ClientTimeouts,
  type ConnectOptions,
  type EnclaveAddress,
  type SocketConstructor,
} from "./endpoint.ts";
export {
  createToken,
  deleteToken,
  type ListedToken,
  listTokens,
  type TokenRequest,
} from "./tokens.ts";
