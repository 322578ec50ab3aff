/**
 * A roster cluster for one node: the core's roster, rules and requests made from the package's `cluster.json`, the enclave's own rules
 * and the node's key. Texts in and out, bytes inside.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { quorum } from "../../function/leader-election/roster_rules.ts";
import { type Domain, genesisId } from "../../function/leader-election/rules.ts";
import { base64url } from "../base/bytes.ts";
import { assert, FumataError } from "../base/errors.ts";
import {
  closeRequest,
  rosterElectRequest,
  rosterProposalTexts,
} from "../certificate/roster_proposal.ts";
import type { CertificateDocument } from "../certificate/types.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { Roster, RosterEffect, RosterRules } from "../election/roster/types.ts";
import type { FunctionDescription } from "./function_description.ts";
import { rosterElectionRules } from "../wire/roster_signing.ts";

/** Electorates that were made of a config: codecs ask for them at every message. */
const rosters = new WeakMap<ClusterConfig, Roster>();

/** The electorate as the core knows it. */
export function rosterOf(config: ClusterConfig): Roster {
  const known = rosters.get(config);
  if (known) return known;
  const roster = {
    voters: config.roster.map(({ id, key }) => ({ id: base64url(id), key: base64url(key) })),
    faultBound: config.faultBound,
    votesNeeded: quorum(config.roster.length, config.faultBound),
    leaseMs: config.lease.leaseMs,
    ...(config.sticky && { stickyTenureMax: config.maxTenure || Infinity }),
  };
  rosters.set(config, roster);
  return roster;
}

/** Throws a `FumataError` unless the node with this key is a voter. */
export function requireVoter(config: ClusterConfig, { id, publicKey }: Identity): void {
  if (rosterOf(config).voters.some((voter) => voter.id === id)) return;
  throw new FumataError(
    "failure",
    `Cannot join the roster of cluster "${config.cluster}": this node's key ` +
      `${base64url(publicKey)} is not in its cluster.json; start it with the state ` +
      "folder of a listed key, or deploy a package that lists this one",
  );
}

/** What the roster calls the node `id`, as its certificates will; `undefined` for who is no voter, and in open clusters. */
export function voterName(
  description: FunctionDescription | undefined,
  id: string,
): string | undefined {
  if (description?.kind !== "roster") return undefined;
  return description.config.roster.find((voter) => base64url(voter.id) === id)?.name;
}

/** `prev` of the first certificate. */
export function rosterGenesis(domain: Domain): string {
  return base64url(genesisId(sha256, domain));
}

/** The rules of the core for one node. `nonce` gives 16 random bytes in base64url. */
export function rosterRules(
  identity: Identity,
  domain: Domain,
  config: ClusterConfig,
  nonce: () => string,
): RosterRules {
  return rosterElectionRules(identity, domain, rosterOf(config).voters, nonce);
}

/** The input of the election function for a call that the core asks for. `closing` is what a successor's first certificate follows. */
export function rosterRequest(
  config: ClusterConfig,
  call: Extract<RosterEffect, { type: "call-enclave" }>,
  closing: CertificateDocument | undefined,
): Uint8Array {
  const { proposal, votes, prev, order } = call;
  const previous = (prev?.document ?? closing)?.certificate;
  if (proposal.type === "leader") {
    return rosterElectRequest(rosterProposalTexts(config, proposal), votes, previous);
  }
  assert(order, "a closing is proposed only by order of the operator");
  return closeRequest(proposal, order.signature, votes, previous);
}
