/**
 * The functions of a run, one after the other: the one that it begins with, and in a roster cluster those that the operator may order to go on
 * (design §4.11). Each is a package of its own with its own checksum, roster and policy; what nodes work out by its rules is kept with
 * it, for all nodes that run it work out the same.
 */
import { CLUSTER_FILE, type ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, hex, utf8 } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { FunctionDescription } from "../node/function_description.ts";
import { type CollectorCache, type DigestCache, insecureIdentity, nameOf } from "./identities.ts";
import type { Verdicts } from "./sim_desk.ts";
import type { Heard } from "./sim_door.ts";

/** What an enclave loads. */
export interface SimPackage {
  readonly checksum: Uint8Array;
  /** Files that the function reads. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** A function that nodes run. */
export interface SimFunction {
  /** Its place in the line of successions; 0 is what a run begins with. */
  readonly number: number;
  readonly domain: Domain;
  readonly loaded: SimPackage;
  readonly description: FunctionDescription;
  /** Absent in an open cluster. */
  readonly config?: ClusterConfig;
  /** Places of its voters, in the order of the roster; all in an open cluster. */
  readonly places: readonly number[];
  readonly collectors: CollectorCache;
  readonly digests: DigestCache;
  /** What somebody has heard in bytes. */
  readonly heard: Heard;
  /** What some node has verified in full. */
  readonly verdicts: Verdicts;
}

/** What a function of a roster is like, as far as functions of one run differ. */
export interface Electorate {
  readonly policy: "random" | "highest";
  /** Places of the voters. */
  readonly places: readonly number[];
}

/** What all functions of a run share. */
export interface PackageOptions {
  readonly seed: number;
  readonly cluster: string;
  readonly faultBound: number;
  readonly leaseMs: number;
  readonly driftPpm: number;
}

/** No node has this place. */
const OPERATOR_PLACE = -1;

/** Who may order successions: insecure, for anyone can make that key. */
export function insecureOperator(): Identity {
  return insecureIdentity(OPERATOR_PLACE);
}

/** The package of an open cluster. */
export function openPackage(seed: number): SimPackage {
  return {
    checksum: checksumOf(seed, 0),
    files: new Map([["policy.json", utf8('{"policy":"random"}')]]),
  };
}

/** Packages of a roster cluster: each names the one before it as its predecessor, and the operator where there is more than one. */
export function rosterPackages(
  { seed, cluster, faultBound, leaseMs, driftPpm }: PackageOptions,
  electorates: readonly Electorate[],
): SimPackage[] {
  return electorates.map(({ policy, places }, number) => {
    const roster = places.map((place) => ({
      name: nameOf(place),
      key: base64url(insecureIdentity(place).publicKey),
    }));
    const file = {
      cluster,
      roster,
      faultBound,
      policy,
      lease: { leaseMs, driftPpm },
      ...(electorates.length > 1 && { operatorKey: base64url(insecureOperator().publicKey) }),
      ...(number > 0 && { succeeds: hex(checksumOf(seed, number - 1)) }),
    };
    return {
      checksum: checksumOf(seed, number),
      files: new Map([[CLUSTER_FILE, utf8(JSON.stringify(file))]]),
    };
  });
}

function checksumOf(seed: number, number: number): Uint8Array {
  return sha256(utf8(`fumata simulation ${seed}${number === 0 ? "" : ` ${number}`}`));
}
