/** What nodes ask the function before they trust it with an election: its kind, policy, bounds and key. */
import { enclaveHost } from "./host.ts";
import { packagePolicy } from "./policy.ts";
import { ACTIVE_NODES_MAX, NAME_CHARACTERS_MAX, TERM_MAX } from "./rules.ts";

/** Answers as JSON. `checksum` is in hex, as people write it. */
export function describe(requestBytesMax: number): string {
  const enclave = enclaveHost();
  return JSON.stringify({
    kind: "open",
    policy: packagePolicy(),
    limits: {
      activeNodesMax: ACTIVE_NODES_MAX,
      nameCharactersMax: NAME_CHARACTERS_MAX,
      termMax: TERM_MAX,
      requestBytesMax,
    },
    kid: enclave.kid,
    certificateKey: enclave.certificateKey,
    checksum: Array.from(enclave.checksum, (byte) => byte.toString(16).padStart(2, "0")).join(""),
  });
}
