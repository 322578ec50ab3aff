/** Rosters, proposals and votes of tests, made with real signatures. */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { bitmapOf, successionMessage } from "../../function/leader-election/roster_rules.ts";
import { type Domain, genesisId, voteMessage } from "../../function/leader-election/rules.ts";
import { base64url, utf8 } from "../../lib/base/bytes.ts";
import {
  closingProposalDigest,
  type ClosingTexts,
  readClusterConfig,
  rosterDigest,
  type RosterProposalTexts,
  type Vote,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { Identity } from "../../lib/crypto/ed25519.ts";
import { certificateKey, testIdentity } from "./_world.ts";

/** Signs for the operator of tests. */
export const OPERATOR: Identity = testIdentity(1000);

/** The identities of a roster, in its order. */
export function voters(count: number): Identity[] {
  return Array.from({ length: count }, (_, i) => testIdentity(i));
}

/** The fields of a `cluster.json`, so that a test can break one. */
// deno-lint-ignore no-explicit-any -- tests put anything into it
export type ConfigFields = Record<string, any>;

/** A `cluster.json` of so many voters `a:1`, `a:2`, …, with as many liars as `faultBound` says. */
export function configFields(count = 4, faultBound = 1, change: ConfigFields = {}): ConfigFields {
  return {
    cluster: "test",
    roster: voters(count).map(({ publicKey }, i) => ({
      name: `a:${i + 1}`,
      key: base64url(publicKey),
    })),
    faultBound,
    policy: "random",
    lease: { leaseMs: 2000, driftPpm: 1000 },
    operatorKey: base64url(OPERATOR.publicKey),
    ...change,
  };
}

/** The config of fields that are in order. */
export function configOf(fields: ConfigFields): ClusterConfig {
  const config = readClusterConfig(utf8(JSON.stringify(fields)));
  if (typeof config === "string") throw new Error(config);
  return config;
}

/** The first proposal of a cluster, with everybody active. */
export function rosterProposal(
  domain: Domain,
  count: number,
  change: Partial<RosterProposalTexts> = {},
): RosterProposalTexts {
  return {
    term: 1,
    prev: base64url(genesisId(sha256, domain)),
    kid: certificateKey().kid,
    bitmap: everybody(count),
    incumbent: "",
    tenure: 0,
    ...change,
  };
}

/** The bitmap of a whole roster. */
export function everybody(count: number): string {
  return base64url(bitmapOf(count, Array.from({ length: count }, (_, i) => i)));
}

/** Votes of these for a proposal. */
export function rosterVotes(
  domain: Domain,
  proposal: RosterProposalTexts,
  by: readonly Identity[],
): Vote[] {
  return votesFor(domain, proposal.term, rosterDigest(domain, proposal), by);
}

/** Votes of these for a closing. */
export function closingVotes(
  domain: Domain,
  closing: ClosingTexts,
  by: readonly Identity[],
): Vote[] {
  return votesFor(domain, closing.term, closingProposalDigest(domain, closing), by);
}

/** The operator's order for a successor's checksum, base64url. */
export function orderFor(domain: Domain, successor: Uint8Array, operator = OPERATOR): string {
  return base64url(operator.sign(successionMessage(domain, successor)));
}

function votesFor(
  domain: Domain,
  term: number,
  digest: Uint8Array,
  by: readonly Identity[],
): Vote[] {
  return by.map((identity) => ({
    key: base64url(identity.publicKey),
    signature: base64url(identity.sign(voteMessage(domain, term, digest))),
  }));
}
