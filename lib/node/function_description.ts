/**
 * What an attested function says of itself (`describe`): open or roster cluster, how it draws, and for a roster the whole of
 * `cluster.json`. The answer is worth as much as the checksum that was pinned; its text is kept, so that a node can start while the
 * enclave is away.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { POLICIES, type Policy } from "../../function/leader-election/rules.ts";
import { utf8 } from "../base/bytes.ts";
import { readClusterConfig } from "../certificate/roster_proposal.ts";

/** What the function is. `text` is what it answered. */
export type FunctionDescription =
  | { readonly kind: "open"; readonly policy: Policy; readonly text: string }
  | {
    readonly kind: "roster";
    readonly policy: ClusterConfig["policy"];
    readonly config: ClusterConfig;
    readonly text: string;
  };

/** `cluster.json` as the function told it; `undefined` of an open cluster. */
export function clusterJsonOf({ kind, text }: FunctionDescription): string | undefined {
  return kind === "roster" ? JSON.parse(text).clusterJson : undefined;
}

/** Whether elections by the one and by the other are the same; the keys of their hosts may differ. */
export function isSameFunction(one: FunctionDescription, other: FunctionDescription): boolean {
  return one.kind === other.kind && one.policy === other.policy &&
    clusterJsonOf(one) === clusterJsonOf(other);
}

/** Reads the answer, or says in a few words why it is none that this node understands. */
export function parseDescription(text: string): FunctionDescription | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "its description is not JSON";
  }
  const { kind, policy, clusterJson } = (value ?? {}) as Record<string, unknown>;
  if (kind === "open") {
    const known = POLICIES.find((name) => name === policy);
    return known
      ? { kind, policy: known, text }
      : `its policy is "${policy}"; ${POLICIES.join(" or ")} is wanted`;
  }
  if (kind === "roster" && typeof clusterJson === "string") {
    const config = readClusterConfig(utf8(clusterJson));
    return typeof config === "string" ? config : { kind, policy: config.policy, config, text };
  }
  return `it describes itself as kind "${kind}"; open or roster is wanted`;
}
