/** The end of an electorate as a running node sees it (design §4.11): the operator's order, and the closing certificate that follows from it. */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, equalBytes, hex } from "../base/bytes.ts";
import { isOrderBy, type SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { CertificateDocument } from "../certificate/types.ts";
import type { SuccessionOrder } from "../election/roster/types.ts";

/** How far it is. */
export interface Succession {
  /** Checksum of the function that goes on, hex. */
  readonly successor: string;
  /** Once the electorate is closed: the certificate by which the successor goes on. */
  readonly closing?: { readonly term: number; readonly document: CertificateDocument };
}

/** Why an order is none for this electorate, in one line; `undefined` when it is one. */
export function orderFault(
  order: SuccessionOrderFile,
  domain: Domain,
  { operatorKey }: ClusterConfig,
): string | undefined {
  const { domain: { checksum, cluster }, successor } = order;
  if (cluster !== domain.cluster) {
    return `it is for cluster "${cluster}", this node is in "${domain.cluster}"`;
  }
  if (!equalBytes(checksum, domain.checksum)) {
    return `it closes function ${hex(checksum)}, this node runs ${hex(domain.checksum)}`;
  }
  if (equalBytes(successor, checksum)) return "it names this function itself as its successor";
  if (!operatorKey) return "this cluster.json names no operatorKey";
  return isOrderBy(operatorKey, order) ? undefined : "its signature is not by the operatorKey";
}

/** An order as the core takes it. */
export function coreOrder({ successor, signature }: SuccessionOrderFile): SuccessionOrder {
  return { successor: base64url(successor), signature: base64url(signature) };
}
