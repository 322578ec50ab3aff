/** Timing of elections. All in ms. */

/** The settings of an open cluster's election. */
export interface ElectionSettings {
  /** How long the view must stand still before it is voted on. Longer: fewer elections while many nodes come and go. */
  readonly settleMs: number;
  /** How long a node whose seeds have not answered holds back from electing alone. */
  readonly joinGraceMs: number;
  /** How long a term may take before it is given up; doubles with each term given up in a row. */
  readonly termTimeoutMs: number;
  /** The most that the doubling reaches. */
  readonly termTimeoutMsMax: number;
  /** Wait for each place in line when several nodes could call the enclave with one bundle. */
  readonly callStaggerMs: number;
  /** Least time between two requests for certificates to one member. */
  readonly pullIntervalMs: number;
}

/** For one machine or one rack: an election takes some tens of ms, so that a second without one means trouble. */
export const LOCAL_ELECTION: ElectionSettings = {
  settleMs: 200,
  joinGraceMs: 3_000,
  termTimeoutMs: 1_500,
  termTimeoutMsMax: 12_000,
  callStaggerMs: 150,
  pullIntervalMs: 400,
};

/** For networks of one site. */
export const LAN_ELECTION: ElectionSettings = {
  settleMs: 500,
  joinGraceMs: 5_000,
  termTimeoutMs: 3_000,
  termTimeoutMsMax: 24_000,
  callStaggerMs: 300,
  pullIntervalMs: 1_000,
};

/** Across sites, with round trips of some hundred ms. */
export const WAN_ELECTION: ElectionSettings = {
  settleMs: 1_500,
  joinGraceMs: 10_000,
  termTimeoutMs: 8_000,
  termTimeoutMsMax: 60_000,
  callStaggerMs: 1_000,
  pullIntervalMs: 3_000,
};
