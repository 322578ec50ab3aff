/** What the benches of clusters share. */

/** What happens to the leader: the process ends, or stands still until the failover is over. */
export type How = "kill" | "stop";

/** One failover, ms from just before the signal. */
export interface Failover {
  /** Until all survivors name the same new leader. */
  readonly agreedMs: number;
  /** Until that leader holds its lease, where there is such a thing. */
  readonly leasedMs?: number;
}

/** A running cluster of real processes. */
export interface BenchCluster extends AsyncDisposable {
  /** Takes the leader away, waits until there is another, and brings the old one back. */
  failOver(how: How): Promise<Failover>;
}

/** Longer than any failover: whatever takes so long does not come any more. */
export const WAIT_MS_MAX = 60_000;
