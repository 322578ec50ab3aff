/**
 * What a live view of a cluster shows, as plain data: who makes it (a demo that owns the processes, a node that is asked over HTTP)
 * is of no concern to the renderer. All texts may come from strangers; the renderer makes them harmless.
 */

/** How a row is to be taken at a glance. */
export type Mood = "good" | "busy" | "warning" | "bad" | "gone";

/** One node as a row. */
export interface NodeRow {
  readonly name: string;
  readonly address: string;
  /** `runs`, `paused`, `killed`, `left`, … */
  readonly state: string;
  readonly mood: Mood;
  // A column that no row has is not shown.
  /** How the other nodes see it, such as `alive` or `suspect 2/4`. */
  readonly seenAs?: string;
  /** What it respects, such as `term 4 node-2`; empty while it respects nothing. */
  readonly respects?: string;
  /** For how long it has been in its state, such as `3 min`. */
  readonly since?: string;
  /** Round trip to it, such as `0.4 ms`. */
  readonly rtt?: string;
  readonly isLeader: boolean;
}

/** One change of leader that is over. */
export interface FailoverRow {
  readonly what: string;
  readonly term: number;
  readonly leader: string;
  readonly tookMs: number;
  readonly verified: boolean;
  readonly votes: number;
  readonly votesOf: number;
}

/** One thing that happened. */
export interface EventRow {
  /** Seconds since the view began. */
  readonly atS: number;
  /** The time of day in its place, where the view began after what it shows. */
  readonly clock?: string;
  readonly text: string;
  readonly mood?: Mood;
}

/** One key that the user may press. */
export interface KeyHint {
  readonly key: string;
  readonly does: string;
  /** The same for small windows, where the first word of it alone says something else. */
  readonly short?: string;
}

/** Everything that is shown. */
export interface ClusterView {
  readonly title: string;
  /** The leader that all live nodes respect; absent while they do not agree. */
  readonly leader?: { readonly name: string; readonly verified: boolean };
  readonly term: number;
  /** How long the leader may act without hearing from the others; absent where nobody holds a lease. */
  readonly lease?: { readonly remainingMs: number; readonly ofMs: number };
  /** What nobody may overlook, such as who was caught lying. */
  readonly alert?: string;
  /** What is going on now, such as `node-2 killed, electing`. */
  readonly doing?: string;
  readonly policy?: string;
  /** The platform; `insecure` marks it as one that proves nothing. */
  readonly tee?: { readonly name: string; readonly insecure: boolean };
  readonly checksum?: string;
  /** In the order in which they are shown. */
  readonly nodes: readonly NodeRow[];
  /** Newest last. */
  readonly failovers: readonly FailoverRow[];
  /** Newest last. */
  readonly events: readonly EventRow[];
  readonly keys: readonly KeyHint[];
}
