/** The report on an accepted certificate: what it says, and what that means. */
import type { ClusterConfig } from "../../../function/leader-election/cluster_config.ts";
import { PLATFORM_NAMES, type Verdict } from "../../attestation/mod.ts";
import { base64url, hex } from "../../base/bytes.ts";
import {
  type CertificateVerdict,
  type Claims,
  type Meaning,
  type MeaningFacts,
  meaningOf,
} from "../../certificate/mod.ts";
import type { PinnedFunction } from "./pinned_function.ts";

/** A verdict that accepts. */
export type Accepted = Extract<CertificateVerdict, { ok: true }>;

/** What else was found out. */
export interface Findings {
  readonly pinned: PinnedFunction;
  /** What stands behind the key; absent when the user vouches for it. */
  readonly evidence?: Verdict;
  /** The URL at which the leader's key was proven. */
  readonly provedAt?: string;
  /** The file in which the term was remembered. */
  readonly storedIn?: string;
  readonly termMin?: number;
}

/** What was proven, taken on trust and not proven. */
function meaning({ certificate, claims }: Accepted, found: Findings): Meaning {
  const { evidence, pinned } = found;
  return meaningOf({
    about: aboutOf(claims, pinned.config),
    votes: certificate.document.bundle.length,
    term: certificate.term,
    kid: certificate.kid,
    checksum: hex(claims.checksum),
    ...(evidence && { platform: evidence.platform }),
    vouchers: { key: "--keys", ...(!pinned.isConfigPinned && { config: "--cluster-json" }) },
    ...(found.provedAt !== undefined && { provedAt: found.provedAt }),
    howToProve: "--prove URL asks for a signature",
    ...(found.storedIn !== undefined && { storedIn: found.storedIn }),
    ...(found.termMin !== undefined && { termMin: found.termMin }),
  });
}

/** A certificate that is not of an open cluster was accepted by its roster. */
function aboutOf(claims: Claims, config: ClusterConfig | undefined): MeaningFacts["about"] {
  if (claims.kind === "open") {
    return { kind: "open", policy: claims.policy, activeNodes: claims.active.length };
  }
  const electorate = { voters: config!.roster.length, faultBound: config!.faultBound };
  return claims.kind === "roster"
    ? { kind: "roster", policy: claims.policy, ...electorate }
    : { kind: "closing", successor: hex(claims.successor), ...electorate };
}

/** The report for people. */
export function textReport(accepted: Accepted, found: Findings): string {
  const { certificate, claims } = accepted;
  const { proven, trusted, notProven } = meaning(accepted, found);
  return [
    `certificate  ${certificate.id}`,
    `cluster      ${claims.cluster}`,
    `term         ${certificate.term}`,
    ...leaderLines(claims),
    `tee          ${PLATFORM_NAMES[claims.tee]}`,
    `issued       ${new Date(claims.issuedAt * 1000).toISOString()}`,
    ...proven.map((line) => `proven       ${line}`),
    ...trusted.map((line) => `on trust     ${line}`),
    ...notProven.map((line) => `not proven   ${line}`),
    claims.kind === "closing" ? "verified: it names no leader" : "verified",
    "",
  ].join("\n");
}

/** The report for programs, as JSON has it. */
export function jsonReport(accepted: Accepted, found: Findings): object {
  const { document: _, ...certificate } = accepted.certificate;
  const { claims } = accepted;
  return {
    verified: true,
    kind: claims.kind,
    cluster: claims.cluster,
    checksum: hex(claims.checksum),
    ...certificate,
    ...(claims.kind === "closing"
      ? { successor: hex(claims.successor) }
      : { leaderKey: base64url(claims.leaderKey), policy: claims.policy }),
    tee: claims.tee,
    issuedAt: claims.issuedAt,
    ...meaning(accepted, found),
  };
}

function leaderLines(claims: Claims): string[] {
  if (claims.kind === "closing") {
    return ["leader       none: it closes the cluster", `successor    ${hex(claims.successor)}`];
  }
  return [
    `leader       ${claims.leaderName} (${base64url(claims.leader)})`,
    `leader key   ${base64url(claims.leaderKey)}`,
    ...(claims.kind === "roster" ? [`lease        ${claims.leaseMs} ms a promise`] : []),
  ];
}
