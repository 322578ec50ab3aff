/**
 * Whether the certificate of a roster cluster says what follows from the rules and from the package's `cluster.json` (design §4.6): the
 * verifier brings that file, so that neither the enclave nor the certificate says who votes, how many are needed, how leaders are drawn
 * or how long a lease is.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import {
  closingCertificateId,
  closingDigest,
  drawRosterLeader,
  isBitmap,
  quorum,
  rosterProposalDigest,
  successionMessage,
} from "../../function/leader-election/roster_rules.ts";
import { certificateId, genesisId } from "../../function/leader-election/rules.ts";
import { base64url, equalBytes, hex } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { verifyEd25519 } from "../crypto/ed25519.ts";
import { checkBundle, domainOf, type Finding, type ReadVote } from "./findings.ts";
import type { ClosingClaims, RosterClaims } from "./format.ts";

/** Everything that is wrong with a certificate that names a leader. */
export function* checkRoster(
  claims: RosterClaims,
  kid: Uint8Array,
  bundle: readonly ReadVote[],
  config: ClusterConfig,
): Generator<Finding> {
  const domain = domainOf(claims);
  const { term, prev, digest, bitmap, incumbent, tenure, leader } = claims;
  yield* checkConfig(claims, config);
  if (claims.policy !== config.policy) {
    yield ["policy", `the policy is "${claims.policy}"; the package has "${config.policy}"`];
  }
  const { leaseMs } = config.lease;
  if (claims.leaseMs !== leaseMs) {
    yield ["lease", `the lease is ${claims.leaseMs} ms; the package has ${leaseMs} ms`];
  }
  const proposal = { term, prev, kid, bitmap, incumbent, tenure };
  if (!equalBytes(digest, rosterProposalDigest(sha256, domain, proposal))) {
    yield [
      "digest",
      "the digest is not that of term, prev, kid, active nodes, incumbent and tenure",
    ];
  }
  yield* checkIncumbent(claims, config);
  const beacon = sha256(claims.beaconSignature);
  if (
    !equalBytes(claims.id, certificateId(sha256, domain, { term, digest, kid, beacon, leader }))
  ) {
    yield ["id", "the certificate id is not the hash of what it says"];
  }
  if (isBitmap(config.roster.length, bitmap)) yield* checkDraw(claims, beacon, config);
  else yield ["active", `the bitmap is none of ${config.roster.length} voters`];
  yield* checkVotes(bundle, config);
}

/** Everything that is wrong with a closing certificate. */
export function* checkClosing(
  claims: ClosingClaims,
  kid: Uint8Array,
  bundle: readonly ReadVote[],
  config: ClusterConfig,
): Generator<Finding> {
  const domain = domainOf(claims);
  const { term, prev, digest, successor } = claims;
  yield* checkConfig(claims, config);
  yield* checkGenesis(claims, config);
  if (!equalBytes(digest, closingDigest(sha256, domain, term, prev, kid, successor))) {
    yield ["digest", "the digest is not that of term, prev, kid and successor"];
  }
  if (!equalBytes(claims.id, closingCertificateId(sha256, domain, { term, digest, kid }))) {
    yield ["id", "the certificate id is not the hash of what it says"];
  }
  if (equalBytes(successor, claims.checksum)) {
    yield ["successor", "the successor is the function itself"];
  }
  const { operatorKey } = config;
  if (!operatorKey) yield ["order", "the package names no operator, so it has no successor"];
  else if (!verifyEd25519(operatorKey, successionMessage(domain, successor), claims.order)) {
    yield ["order", "the order is not the operator's signature for this successor"];
  }
  yield* checkVotes(bundle, config);
}

function* checkConfig(
  claims: RosterClaims | ClosingClaims,
  config: ClusterConfig,
): Generator<Finding> {
  if (config.cluster !== claims.cluster) {
    yield ["cluster", `the cluster is "${claims.cluster}"; the package has "${config.cluster}"`];
  }
  if (!equalBytes(claims.config, config.digest)) {
    const [wanted, came] = [hex(config.digest), hex(claims.config)];
    yield ["config", `the enclave's cluster.json has the hash ${came}; that at hand has ${wanted}`];
  }
}

/** The incumbent and its tenure come with each other, and neither with a beginning. */
function* checkIncumbent(claims: RosterClaims, config: ClusterConfig): Generator<Finding> {
  const { incumbent, tenure } = claims;
  const hasIncumbent = incumbent.length > 0;
  if (hasIncumbent !== tenure > 0) {
    yield ["incumbent", `the tenure is ${tenure} with ${hasIncumbent ? "an" : "no"} incumbent`];
  }
  if (hasIncumbent && !config.roster.some((member) => equalBytes(member.id, incumbent))) {
    yield ["incumbent", `the incumbent ${base64url(incumbent)} is not in the roster`];
  }
  yield* checkGenesis(claims, config);
  if (isGenesis(claims) && hasIncumbent) {
    yield ["genesis", "there is an incumbent, but nobody led before"];
  }
}

/** A package that succeeds another begins at that one's closing certificate. */
function* checkGenesis(
  claims: RosterClaims | ClosingClaims,
  config: ClusterConfig,
): Generator<Finding> {
  if (config.succeeds && isGenesis(claims)) {
    yield ["genesis", `it begins from nothing; the package succeeds ${hex(config.succeeds)}`];
  }
}

function isGenesis(claims: RosterClaims | ClosingClaims): boolean {
  return equalBytes(claims.prev, genesisId(sha256, domainOf(claims)));
}

function* checkDraw(
  claims: RosterClaims,
  beacon: Uint8Array,
  config: ClusterConfig,
): Generator<Finding> {
  const { leader, leaderName, leaderKey } = claims;
  const drawn = drawRosterLeader(
    sha256,
    domainOf(claims),
    config,
    beacon,
    config.roster,
    claims,
  );
  if (!drawn) {
    yield ["active", "the bitmap names nobody"];
    return;
  }
  if (!equalBytes(leader, drawn.id) || leaderName !== drawn.name) {
    const [wanted, came] = [base64url(drawn.id), base64url(leader)];
    yield ["draw", `the leader is ${leaderName} (${came}); ${drawn.name} (${wanted}) was drawn`];
  } else if (!equalBytes(leaderKey, drawn.key)) {
    yield ["leader", "the leader's key is not that of the roster"];
  }
}

function checkVotes(bundle: readonly ReadVote[], config: ClusterConfig): Generator<Finding> {
  const { roster, faultBound } = config;
  const electorate = roster.map((member) => member.id);
  return checkBundle(bundle, electorate, quorum(roster.length, faultBound), "in the roster");
}
