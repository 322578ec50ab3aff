/** The enclave host. */
export {
  type ConnectionCount,
  type EnclaveHost,
  type EnclaveHostOptions,
  startEnclaveHost,
  USER_DEFAULT,
} from "./host.ts";
export type { TlsIdentity } from "./listener.ts";
