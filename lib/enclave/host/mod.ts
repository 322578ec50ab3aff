/** The enclave host. */
export {
  type EnclaveHost,
  type EnclaveHostOptions,
  startEnclaveHost,
  USER_DEFAULT,
} from "./host.ts";
export type { TlsIdentity } from "./listener.ts";
export type { ConnectionCount } from "./session_door.ts";
