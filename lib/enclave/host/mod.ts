/** The enclave host. */
export {
  type ConnectionCount,
  type EnclaveHost,
  type EnclaveHostOptions,
  startEnclaveHost,
} from "./host.ts";
