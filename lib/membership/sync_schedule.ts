/**
 * When full state is exchanged (push/pull): with the seeds that let the node in, with members that came back, and now and then with a
 * random member, which catches what gossip missed. One exchange at a time, with a pause between two.
 */
import type { Address } from "../base/address.ts";
import { clusterSize, type Context, type Part } from "./context.ts";
import type { Prober } from "./probe.ts";
import { syncIntervalMs } from "./settings.ts";
import { sameAddress } from "./view.ts";

/** The schedule of one node. */
export interface SyncSchedule extends Part {
  /** Exchange with this address as soon as possible; a later wish replaces one that still waits. */
  want(address: Address): void;
  /** Whether an exchange with this address is under way that this node began. */
  asked(address: Address): boolean;
  /** Whether an exchange that this node began ever came about. */
  everDone(): boolean;
  /** An exchange with this address came about or not. */
  ended(address: Address, ok: boolean): void;
}

/** After this long an exchange of which nothing is heard counts as failed; longer than any shell lets one take. */
const EXCHANGE_MS_MAX = 30_000;

/** The schedule in a context. */
export function createSyncSchedule(context: Context, prober: Prober): SyncSchedule {
  const { settings, view, options } = context;
  let wanted: Address | undefined;
  let startedMs = -Infinity;
  let underWay: Address | undefined;
  let periodicMs = Infinity;
  let everDone = false;

  function earliestMs(): number {
    return startedMs + (underWay ? EXCHANGE_MS_MAX : settings.probeIntervalMs);
  }

  function start(address: Address): void {
    wanted = undefined;
    underWay = address;
    startedMs = context.nowMs;
    context.effects.push({ type: "sync", address });
  }

  function asked(address: Address): boolean {
    return underWay !== undefined && sameAddress(underWay, address);
  }

  function schedule(): void {
    const interval = syncIntervalMs(settings, clusterSize(context));
    periodicMs = context.nowMs + interval * (0.5 + options.prng.float());
  }

  return {
    want(address) {
      wanted = address;
      if (periodicMs === Infinity) schedule();
    },
    asked,
    everDone: () => everDone,
    ended(address, ok) {
      // Others call too: their exchanges end none of this node's.
      if (!asked(address)) return;
      underWay = undefined;
      everDone ||= ok;
      // Until one succeeded the node may know only a part of the cluster.
      if (!everDone) wanted ??= prober.sample(1)[0]?.alive.address;
    },
    dueMs: () => Math.max(earliestMs(), wanted ? -Infinity : periodicMs),
    run() {
      const { nowMs } = context;
      if (earliestMs() > nowMs) return;
      if (wanted) return start(wanted);
      if (periodicMs > nowMs) return;
      schedule();
      const partner = view.activeCount() > 0 ? prober.sample(1)[0] : undefined;
      if (partner) start(partner.alive.address);
    },
    shift() {},
  };
}
