/** What a node is started with, and how it says that it was started for another kind of cluster than it is. */
import type { Address } from "../base/address.ts";
import type { Logger } from "../base/log.ts";
import type { Profile } from "../membership/settings.ts";
import type { EnclaveHost } from "./enclave_hosts.ts";
import type { FunctionDescription } from "./function_description.ts";
import type { Middleman } from "./middleman.ts";

/** What a node is told when it starts. */
export interface NodeOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly bind: Address;
  /** Where others reach it; the bound address if left out. */
  readonly advertise?: Address;
  /** Its label; the advertised address if left out. */
  readonly name?: string;
  readonly cluster: string;
  readonly seeds: readonly Address[];
  readonly profile: Profile;
  readonly tags: Readonly<Record<string, string>>;
  /** Left out: nothing is remembered. */
  readonly stateFolder?: string;
  /** File with the cluster's keys, the primary first. Left out: gossip is signed and readable. */
  readonly keyFile?: string;
  /** The pinned checksum of the election function, 32 bytes. */
  readonly checksum: Uint8Array;
  /** Where the election function runs: one or several, the preferred one first. */
  readonly enclaves: readonly EnclaveHost[];
  readonly logger: Logger;
  /** What the function said of itself, where the state folder cannot remember it: see {@linkcode ClusterKindChanged}. */
  readonly description?: FunctionDescription;
  /** Who stands between this voter and the wire: in tests, and in the demo's liar. */
  readonly middleman?: Middleman;
}

/**
 * The function turned out to be of another kind than the node had started for: start it again with this description. A node that has
 * never attested its function gossips as in an open cluster, so that it does not stand still while the enclave is away.
 */
export class ClusterKindChanged extends Error {
  override readonly name = "ClusterKindChanged";

  constructor(readonly description: FunctionDescription) {
    super(`the function serves ${description.kind} clusters`);
  }
}
