/** The enclave host. */
export {
  type ConnectionCount,
  type EnclaveHost,
  type EnclaveHostOptions,
  startEnclaveHost,
  USER_DEFAULT,
} from "./host.ts";
export type { Content } from "./routes.ts";
export type { TlsIdentity } from "./listener.ts";
