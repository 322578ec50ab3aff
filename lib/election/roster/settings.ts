/**
 * Timing of roster elections, and the margin of leases. All in ms.
 *
 * A leader that dies is replaced after about `lease - heartbeat / 2` (its followers' promises run out), one round of votes, one enclave
 * call and one round of certificates; when the next collector was the dead leader, one round of gave-up statements comes on top. So
 * the lease in `cluster.json` decides how fast a cluster fails over: the profiles name the lease that they were made for.
 */

/** The settings of one node. */
export interface RosterSettings {
  /** Time between two heartbeats of a leader. A quarter of the lease, so that two may be lost. Cost: 2(n-1) datagrams each. */
  readonly heartbeatIntervalMs: number;
  /** After how long without a heartbeat a leader counts as silent. At least the lease: before, promises bind the voters anyhow. */
  readonly leaderTimeoutMs: number;
  /** For how long a member must have been held alive before a voter requires it. A collector lists it after half of that. */
  readonly settleMs: number;
  /** How long a collector has; doubles with each term given up in a row. More than `settleMs` and a few round trips. */
  readonly collectorTimeoutMs: number;
  /** The most that the doubling reaches. */
  readonly collectorTimeoutMsMax: number;
  /** Time after which a proposal is sent again to those that have not voted. */
  readonly resendIntervalMs: number;
  /** Wait for each place in line when several nodes could call the enclave with one bundle. */
  readonly callStaggerMs: number;
  /** Least time between two requests for certificates to one member, and between two answers. */
  readonly pullIntervalMs: number;
  /** rho: clocks run at rates within 1 +- rho of true time. Quartz is within 0.0001, a slewed clock within 0.0005. */
  readonly driftRate: number;
  /** How far the wall clock may run away from the monotonic one within a lease before the lease is dropped. Part of the margin. */
  readonly clockJumpMs: number;
}

/** Profiles by name, as membership has them. */
export type RosterProfile = "local" | "lan" | "wan";

/** The lease for which each profile was made: what `cluster.json` should say. */
export const PROFILE_LEASES_MS: Readonly<Record<RosterProfile, number>> = {
  local: 480,
  lan: 800,
  wan: 6_000,
};

/** The settings of a profile under the lease and the drift (parts in a million) that the package states. */
export function rosterSettings(
  profile: RosterProfile,
  leaseMs: number,
  driftPpm: number,
): RosterSettings {
  return {
    ...PROFILES[profile],
    heartbeatIntervalMs: Math.max(1, Math.floor(leaseMs / 4)),
    leaderTimeoutMs: leaseMs,
    driftRate: driftPpm / 1_000_000,
  };
}

/**
 * m: what the leader takes off its lease. A leader whose clock runs at 1 - rho beside followers at 1 + rho needs `2 rho L / (1 + rho)`; what a
 * clock may jump unseen comes on top.
 */
export function leaseMarginMs(leaseMs: number, settings: RosterSettings): number {
  const { driftRate, clockJumpMs } = settings;
  return Math.ceil(2 * driftRate * leaseMs / (1 + driftRate)) + clockJumpMs;
}

const PROFILES = {
  local: {
    settleMs: 200,
    collectorTimeoutMs: 450,
    collectorTimeoutMsMax: 4_000,
    resendIntervalMs: 120,
    callStaggerMs: 100,
    pullIntervalMs: 100,
    clockJumpMs: 20,
  },
  lan: {
    settleMs: 500,
    collectorTimeoutMs: 900,
    collectorTimeoutMsMax: 8_000,
    resendIntervalMs: 250,
    callStaggerMs: 200,
    pullIntervalMs: 250,
    clockJumpMs: 30,
  },
  wan: {
    settleMs: 2_000,
    collectorTimeoutMs: 4_000,
    collectorTimeoutMsMax: 30_000,
    resendIntervalMs: 1_000,
    callStaggerMs: 800,
    pullIntervalMs: 1_000,
    clockJumpMs: 100,
  },
} as const;
