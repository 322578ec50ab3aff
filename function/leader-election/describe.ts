/** What nodes ask the function before they trust it with an election: its kind, policy, bounds and key. */
import { CLUSTER_FILE, type ClusterConfig } from "./cluster_config.ts";
import { enclaveHost } from "./host.ts";
import { hexOf } from "./issue.ts";
import { packagePolicy } from "./policy.ts";
import { ROSTER_MAX } from "./roster_rules.ts";
import { ACTIVE_NODES_MAX, NAME_CHARACTERS_MAX, TERM_MAX } from "./rules.ts";

/** Answers for an open cluster as JSON. `checksum` is in hex, as people write it. */
export function describeOpen(requestBytesMax: number): string {
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
    checksum: hexOf(enclave.checksum),
  });
}

/**
 * Answers for a roster cluster as JSON. `clusterJson` is the file as it stands in the package, so that whoever asks reads it with the same
 * reader and gets the same digest; a certificate names that digest.
 */
export function describeRoster(config: ClusterConfig, requestBytesMax: number): string {
  const enclave = enclaveHost();
  return JSON.stringify({
    kind: "roster",
    policy: config.policy,
    clusterJson: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      enclave.readFile(CLUSTER_FILE),
    ),
    limits: {
      rosterMax: ROSTER_MAX,
      nameCharactersMax: NAME_CHARACTERS_MAX,
      termMax: TERM_MAX,
      requestBytesMax,
    },
    kid: enclave.kid,
    certificateKey: enclave.certificateKey,
    checksum: hexOf(enclave.checksum),
  });
}
