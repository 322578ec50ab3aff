/** What the checks of a certificate find, and what they share. */
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url } from "../base/bytes.ts";
import type { Claims } from "./format.ts";

/** What was checked. */
export type CertificateCheck =
  | "document"
  | "certificate"
  | "key"
  | "signature"
  | "beacon"
  | "vote"
  | "checksum"
  | "cluster"
  | "kind"
  | "policy"
  | "digest"
  | "leader"
  | "draw"
  | "id"
  | "voter"
  | "quorum"
  | "tee"
  /** Only for rosters, from here on. */
  | "config"
  | "active"
  | "lease"
  | "incumbent"
  | "genesis"
  | "successor"
  | "order";

/** One thing that is wrong. */
export type Finding = readonly [check: CertificateCheck, message: string];

/** A vote of a bundle, read. */
export interface ReadVote {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  /** Node id of the voter. */
  readonly voter: string;
}

/** What the certificate's hashes and signatures are bound to. */
export function domainOf(claims: Claims): Domain {
  return { checksum: claims.checksum, cluster: claims.cluster };
}

/** Whether enough distinct members of the electorate voted, and nobody else. `electorate` has ids as bytes; `lack` is what a stranger is not. */
export function* checkBundle(
  bundle: readonly ReadVote[],
  electorate: readonly Uint8Array[],
  needed: number,
  lack: string,
): Generator<Finding> {
  const listed = new Set(electorate.map(base64url));
  const voters = new Set<string>();
  for (const [i, { voter }] of bundle.entries()) {
    if (!listed.has(voter)) yield ["voter", `bundle[${i}] is by ${voter}, who is not ${lack}`];
    else if (voters.has(voter)) yield ["voter", `bundle[${i}] is a second vote by ${voter}`];
    else voters.add(voter);
  }
  if (voters.size < needed) {
    yield ["quorum", `${voters.size} of ${electorate.length} nodes voted; ${needed} are needed`];
  }
}
