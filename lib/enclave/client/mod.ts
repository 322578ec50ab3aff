/** The client of enclave hosts: attest and pin before anything leaves, then call; deploy, keys and tokens of the account. */
export { type AttestationDemands, type Attested } from "./attest.ts";
export {
  type AccountKey,
  deployPackage,
  encryptForAccount,
  fetchAccountKey,
  fetchUserKey,
} from "./account.ts";
export {
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
