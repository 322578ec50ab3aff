/**
 * What can go wrong in a run, as plain data: a run is its seed and a list of these, so that a failure can be told, repeated and shrunk.
 *
 * Nodes are named by their places in the roster. Some faults aim at roles: whoever leads when the fault strikes. Blind faults alone call most
 * broken protocols safe, because what is dangerous (the leader cut off while all the others start anew) hardly ever comes by itself.
 */
import type { Disguise, EnclaveMood } from "./sim_enclave.ts";

/** Ways to lie. Each liar has one, beside keeping to the protocol otherwise. */
export const LIES = [
  /** Shows every second voter another proposal, and has certified what a quorum votes for. */
  "two-proposals",
  /** Votes for whatever anybody proposes, promised or not. */
  "votes-for-all",
  /** Acks every heartbeat and keeps no promise. */
  "acks-all",
  /** Keeps certificates to itself and shows them late to a few. */
  "withholds",
  /** Gives up every term, also of the future. */
  "jumps-terms",
  /** Votes again for proposals of the past. */
  "votes-back",
  /** Says that others step down, and itself when it does not. */
  "forges-step-downs",
  /** Hears everything and says nothing. */
  "silent",
  /** Accuses the living. */
  "accuses",
  /** Comes back without what its elections had to remember. */
  "amnesia",
  /** Has a hostile enclave certify without a quorum, and passes that on. */
  "colludes",
  /** Passes on what the collector proposes as its own, for votes that are not its to gather. */
  "usurps",
  /** Proposes the key of another enclave although that of the last certificate lives: another key is another draw. */
  "changes-keys",
  /** Acks heartbeats under another certificate than theirs. */
  "acks-others",
  /** Says old step-downs again, its own and those of others, while somebody leads; and asks those that they may have released for their votes. */
  "repeats-step-downs",
] as const;

/** One of {@linkcode LIES}. */
export type Lie = typeof LIES[number];

/** A node by its place, or whoever leads at that moment. */
export type Target = number | "leader";

/** One thing that goes wrong. `forMs` is how long it lasts. */
export type Fault =
  /** How the whole network behaves from now on. Rates are 0..1; delays of one way, ms. */
  | {
    readonly kind: "network";
    readonly lossRate: number;
    readonly duplicateRate: number;
    /** Only where messages are encoded. */
    readonly corruptRate: number;
    readonly delayMs: readonly [least: number, most: number];
  }
  /** Nodes of `side` and the others do not hear each other. */
  | { readonly kind: "partition"; readonly side: readonly number[]; readonly forMs: number }
  /** Nothing gets from one node to the other. */
  | {
    readonly kind: "one-way";
    readonly from: number;
    readonly to: number;
    readonly forMs: number;
  }
  /** A node hears nobody (`in`), is heard by nobody (`out`), or both. */
  | {
    readonly kind: "isolate";
    readonly node: Target;
    readonly direction: "in" | "out" | "both";
    readonly forMs: number;
  }
  /** The process dies after so many more effects, and starts again so long after that. */
  | {
    readonly kind: "crash";
    readonly node: Target;
    readonly afterEffects: number;
    readonly forMs: number;
  }
  /**
   * The next collector and the leader do not hear each other, and the collector holds the leader for silent while all others have just promised it their lease; after a while these
   * start anew, unless `restartAfterMs` is absent. Only promises stand between two leaders then.
   */
  | { readonly kind: "hush"; readonly forMs: number; readonly restartAfterMs?: number }
  /** All nodes but the leader start anew at one moment, while it is cut off. */
  | { readonly kind: "restart-others"; readonly forMs: number }
  /** The state folder is gone, and the key with it: the node is dead for good. Not when a quorum would be lost. */
  | { readonly kind: "lose-state"; readonly node: number }
  /** The process is stopped; its clocks run and its socket fills. */
  | { readonly kind: "pause"; readonly node: Target; readonly forMs: number }
  /** The machine sleeps: its monotonic clock stands still, its wall clock does not. */
  | { readonly kind: "suspend"; readonly node: Target; readonly forMs: number }
  | { readonly kind: "wall-jump"; readonly node: Target; readonly byMs: number }
  | {
    readonly kind: "slow-disk";
    readonly node: Target;
    readonly saveMs: number;
    readonly forMs: number;
  }
  /** Saves fail, so the process stops, until there is room again. */
  | { readonly kind: "full-disk"; readonly node: Target; readonly forMs: number }
  /** An enclave behaves otherwise, with `untilCalled` for longer than stated if nobody has called it so before. */
  | {
    readonly kind: "enclave";
    readonly enclave: number;
    readonly mood: EnclaveMood;
    readonly forMs: number;
    readonly untilCalled?: true;
  }
  | {
    readonly kind: "slow-enclave";
    readonly enclave: number;
    readonly byMs: number;
    readonly forMs: number;
  }
  /** Somebody else answers at the address of an enclave. */
  | {
    readonly kind: "impostor";
    readonly enclave: number;
    readonly disguise: Disguise;
    readonly forMs: number;
  }
  /** The enclave restarts and could not unseal its key. */
  | { readonly kind: "rekey"; readonly enclave: number }
  /** A node does not reach any enclave. */
  | { readonly kind: "no-enclave"; readonly node: Target; readonly forMs: number }
  /** Somebody on the network plays recorded messages to whom they were sent. */
  | { readonly kind: "replay"; readonly messages: number }
  /** An operator asks the leader to step down. */
  | { readonly kind: "step-down" }
  /** An operator orders that the cluster goes on as its next function. */
  | { readonly kind: "succession" }
  /** A node lies from now on. */
  | { readonly kind: "liar"; readonly node: number; readonly lie: Lie };

/** A fault and when it strikes, true ms from the beginning of the run. */
export interface ScheduledFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/** A fault in one line, for people; `name` tells what a place is called. */
export function faultText(fault: Fault, name: (place: number) => string): string {
  const { kind, ...rest } = fault;
  const words = Object.entries(rest).map(([key, value]) => {
    const isPlace = key === "node" || key === "from" || key === "to" || key === "side";
    return `${key}=${
      isPlace ? placesText(value, name) : Array.isArray(value) ? value.join("-") : value
    }`;
  });
  return [kind, ...words].join(" ");
}

function placesText(value: unknown, name: (place: number) => string): string {
  return [value].flat().map((place) => typeof place === "number" ? name(place) : place).join("+");
}
