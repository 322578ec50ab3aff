/** What a verified certificate means, in words: what was proven, what is taken on trust, what was not proven. */
import type { ClusterConfig } from "../../../function/leader-election/cluster_config.ts";
import { quorum } from "../../../function/leader-election/roster_rules.ts";
import { PLATFORM_NAMES, type Verdict } from "../../attestation/mod.ts";
import { base64url, hex } from "../../base/bytes.ts";
import type { CertificateVerdict, Claims } from "../../certificate/mod.ts";
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

/** The meaning of an acceptance. */
export interface Meaning {
  readonly proven: readonly string[];
  readonly trusted: readonly string[];
  readonly notProven: readonly string[];
}

/** What was proven, taken on trust and not proven. */
export function meaningOf(accepted: Accepted, found: Findings): Meaning {
  const { certificate, claims } = accepted;
  const { evidence, pinned } = found;
  const proven: string[] = [];
  const trusted: string[] = [];
  const notProven: string[] = [];
  const votes = certificate.document.bundle.length;

  if (claims.kind === "open") {
    proven.push(
      `${votes} of the ${claims.active.length} nodes that it lists voted for exactly this proposal`,
    );
  } else {
    proven.push(...electorateLines(votes, claims, pinned.config!));
  }
  proven.push(
    `the key ${certificate.kid} signed the certificate${
      claims.kind === "closing" ? "" : " and its beacon"
    }`,
  );
  if (claims.kind === "closing") {
    proven.push(`the operator ordered to go on as function ${hex(claims.successor)}`);
  } else {
    proven.push(`the draw (${claims.policy}) was recomputed and gives this leader`);
  }
  if (claims.kind !== "open") {
    if (pinned.isConfigPinned) {
      proven.push("roster, policy, lease and fault bound are those of the package");
    } else {
      trusted.push("that this cluster.json is that of the function: --cluster-json says so");
    }
  }
  if (evidence) {
    proven.push(
      `the key belongs to function ${hex(claims.checksum)} in a ${evidence.platform} TEE`,
    );
    if (evidence.platform === "simulated") {
      trusted.push("the simulated TEE: whoever holds its root can sign anything");
    }
  } else {
    trusted.push("that this key was born in an enclave that runs this function: --keys says so");
  }
  if (found.storedIn !== undefined) {
    proven.push(`no greater term was seen by ${found.storedIn}, which has this one now`);
  } else if (found.termMin !== undefined) {
    proven.push(`its term is at least ${found.termMin}`);
  }
  notProven.push("that no later term exists");
  if (found.provedAt !== undefined) {
    proven.push(`whoever answers at ${found.provedAt} holds the leader's key, or passes it on`);
  } else if (claims.kind !== "closing") {
    notProven.push("that whoever gave it to you is the leader; --prove URL asks for a signature");
  }
  if (claims.kind === "open") {
    notProven.push(
      "that it is the only leader: the cluster is open, and every part of a partition elects its own",
    );
  } else if (claims.kind === "roster") {
    notProven.push("that the leader holds its lease now: only the leader can know");
  }
  notProven.push("when it was issued: the time in it is the enclave's own word");
  return { proven, trusted, notProven };
}

/** The report for people. */
export function textReport(accepted: Accepted, found: Findings): string {
  const { certificate, claims } = accepted;
  const { proven, trusted, notProven } = meaningOf(accepted, found);
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
    ...meaningOf(accepted, found),
  };
}

function electorateLines(votes: number, claims: Claims, config: ClusterConfig): string[] {
  const { roster, faultBound } = config;
  const needed = quorum(roster.length, faultBound);
  const liars = faultBound === 0 ? "no voter lies" : `at most ${faultBound} of them lie`;
  const who = claims.kind === "closing" ? "to close" : "for exactly this proposal";
  const only = claims.kind === "closing"
    ? `if ${liars}, nobody leads in this function after term ${claims.term}`
    : `if ${liars}, nobody else leads in term ${claims.term}`;
  return [`${votes} of the ${roster.length} voters voted ${who}; ${needed} are needed`, only];
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
