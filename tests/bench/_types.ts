/** What the benches of clusters share. */

/** What happens to the leader: the process ends, stands still, or is cut off from the others until the failover is over. */
export type How = "kill" | "stop" | "drop";

/** All ways to lose a leader. */
export const HOWS: readonly How[] = ["kill", "stop", "drop"];

/** One change of leader, ms from just before what caused it. */
export interface Failover {
  /** Until all survivors name the same new leader. */
  readonly agreedMs: number;
  /** Until that leader holds its lease, where there is such a thing. */
  readonly leasedMs?: number;
  /** Where the time went, where that is known. */
  readonly steps?: Steps;
}

/** The steps of one election, ms each, as the log lines of the nodes were read here; they add up to `agreedMs`. */
export interface Steps {
  /** Until the first node noticed that it needs another leader. */
  readonly detection: number;
  /** From then until the proposal that was elected: promises that run out, terms given up. */
  readonly candidacy: number;
  /** From the proposal until its collector had a quorum. */
  readonly votes: number;
  /** From then until the first node had the verified certificate. */
  readonly enclave: number;
  /** From then until all had it. */
  readonly spread: number;
}

/** A running cluster of real processes. */
export interface BenchCluster extends AsyncDisposable {
  /** Takes the leader away, waits until there is another, and brings the old one back. */
  failOver(how: How): Promise<Failover>;
  /** Has the leader hand over, where the system has that. */
  handOver?(): Promise<Failover>;
}

/** Longer than any failover, on a busy machine, too: whatever takes so long does not come any more. */
export const WAIT_MS_MAX = 240_000;
