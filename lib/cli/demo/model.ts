/**
 * What the demo knows about its cluster: which processes live, whom each node respects, how the nodes see each other, and how long each
 * change took. Pure: it is fed with what the children printed and with what was done to them, and with monotonic times.
 *
 * The nodes agree when every live and honest one respects one and the same certificate that the demo itself has verified. In an open cluster
 * its active set has to be exactly the live nodes; in a roster cluster its leader has to hold the lease. A change (a kill, a node more, …) is pending from the moment it was made until they agree again.
 */
import type { EventRow, FailoverRow, Mood } from "../view/model.ts";

/** What the demo did to the process of a node. */
export type ProcessState =
  | "starting"
  | "runs"
  | "paused"
  | "killed"
  | "leaving"
  | "left";

/** A certificate as one node respects it. */
export interface Respected {
  readonly certificateId: string;
  readonly term: number;
  /** Node id. */
  readonly leader: string;
  readonly leaderName: string;
  /** Node ids. */
  readonly active: readonly string[];
  readonly votes: number;
}

/** One node of the demo. */
export interface DemoNode {
  readonly name: string;
  state: ProcessState;
  id?: string;
  address?: string;
  respected?: Respected;
  /** The highest term that it ever respected: terms only grow, also over a restart. */
  termMax: number;
  /** Of its HTTP interface, `host:port`. */
  http?: string;
  /** Whether the demo made it a liar. */
  isLiar: boolean;
  /** Names of the nodes that hold a proof against it, verified by the demo. */
  readonly provenBy: Set<string>;
  /** Its state (`alive`, `suspect`, `dead`, `left`) in the eyes of other nodes, by their names. */
  readonly seenBy: Map<string, string>;
}

/** A step of the summary. */
export interface Step extends FailoverRow {
  readonly leaderId: string;
  readonly certificateId: string;
}

/** Who voted in a roster cluster, and for how long a leader may act. */
export interface Electorate {
  readonly voters: number;
  readonly faultBound: number;
  readonly votesNeeded: number;
  readonly leaseMs: number;
}

/** A lie that the demo has seen proven. */
export interface Lie {
  /** Name of the liar. */
  readonly liar: string;
  readonly term: number;
}

/** Events that are remembered: more than the tallest window shows. */
const EVENTS_MAX = 200;

/** The model. Times are monotonic ms. */
export class DemoModel {
  readonly nodes = new Map<string, DemoNode>();
  readonly steps: Step[] = [];
  readonly events: EventRow[] = [];
  policy?: string;
  tee?: string;
  checksum?: string;
  /** Of a roster cluster; absent in an open one. */
  electorate?: Electorate;
  readonly lies: Lie[] = [];
  readonly #startMs: number;
  readonly #onEvent: (event: EventRow) => void;
  #agreed?: Respected;
  #violation?: string;
  /** The last lease that a node said it holds. */
  #lease?: { readonly name: string; readonly term: number; readonly untilMs: number };
  /** Terms up to this one have been handed over: their lease counts no more. */
  #overTerm = 0;
  readonly #certificateOfTerm = new Map<number, string>();
  /** Ids of certificates that an event told of: a node that comes back respects an old one for a moment. */
  readonly #told = new Set<string>();
  #pending?: { readonly what: string[]; readonly sinceMs: number };

  constructor(startMs: number, onEvent: (event: EventRow) => void = () => {}) {
    this.#startMs = startMs;
    this.#onEvent = onEvent;
  }

  /** What was done and is not settled yet. */
  get pending(): string | undefined {
    return this.#pending && summarised(this.#pending.what);
  }

  /** The last certificate on which all live nodes agreed. */
  get lastAgreed(): Respected | undefined {
    return this.#agreed;
  }

  /** What breaks a promise of the system (terms only grow); absent while all is well. */
  get violation(): string | undefined {
    return this.#violation;
  }

  /** Nodes whose process runs and is not about to end. */
  live(): DemoNode[] {
    return [...this.nodes.values()].filter((node) => node.state === "runs");
  }

  /** Live nodes that the demo did not make liars: whose word counts. */
  honest(): DemoNode[] {
    return this.live().filter((node) => !node.isLiar);
  }

  /** The certificate that all live nodes respect now. */
  agreed(): Respected | undefined {
    const nodes = [...this.nodes.values()];
    if (nodes.some((node) => node.state === "starting")) return undefined;
    const honest = this.honest();
    const first = honest[0]?.respected;
    if (!first || honest.some((node) => node.respected?.certificateId !== first.certificateId)) {
      return undefined;
    }
    return this.#isInForce(first) ? first : undefined;
  }

  /** How long the lease that the demo heard of last still runs, ms; `undefined` when there is none. */
  leaseRemainingMs(nowMs: number): number | undefined {
    return this.#lease && Math.max(0, this.#lease.untilMs - nowMs);
  }

  /** The node that leads, while it lives and all agree on it. */
  leader(): DemoNode | undefined {
    const id = this.agreed()?.leader;
    return this.live().find((node) => node.id === id);
  }

  /** A node is about to be started, or started again. */
  starting(name: string, what: string, nowMs: number): void {
    const known = this.nodes.get(name);
    if (known) Object.assign(known, { state: "starting", respected: undefined, http: undefined });
    else {
      const marks = { isLiar: false, provenBy: new Set<string>(), seenBy: new Map() };
      this.nodes.set(name, { name, state: "starting", termMax: 0, ...marks });
    }
    this.#begin(what, nowMs);
  }

  /** Something was done to the process of a node. */
  changed(name: string, state: ProcessState, what: string | undefined, nowMs: number): void {
    const node = this.#node(name);
    node.state = state;
    if (state === "killed" || state === "left") {
      node.respected = undefined;
      for (const other of this.nodes.values()) other.seenBy.delete(name);
    }
    if (what !== undefined) this.#begin(what, nowMs);
    this.#settle(nowMs);
  }

  /** The node is up. */
  started(name: string, id: string, address: string, nowMs: number): void {
    const node = this.#node(name);
    node.id = id;
    node.address = address;
    // A node says so twice when it finds out that its function serves a roster.
    if (node.state === "starting") {
      node.state = "runs";
      this.note(`${name} runs at ${address}`, nowMs, "gone");
    }
    this.#settle(nowMs);
  }

  /** From its next start on a node is a liar, or honest again. */
  makeLiar(name: string, isLiar: boolean): void {
    const node = this.#node(name);
    node.isLiar = isLiar;
    node.provenBy.clear();
  }

  /** The node's HTTP interface listens there. */
  serves(name: string, http: string): void {
    this.#node(name).http = http;
  }

  /** The leader is asked to hand over: its lease counts no more. */
  handsOver(name: string, nowMs: number): void {
    this.#overTerm = this.#agreed?.term ?? 0;
    this.#begin(`${name} (leader) hands over`, nowMs);
  }

  /** A node holds the lease of a term from now on for so long. */
  leaseHeld(name: string, term: number, remainingMs: number, nowMs: number): void {
    if (this.#lease && term < this.#lease.term) return;
    this.#lease = { name, term, untilMs: nowMs + remainingMs };
    this.#settle(nowMs);
  }

  /** A node holds its lease no more. */
  leaseLost(name: string, nowMs: number): void {
    if (this.#lease?.name !== name) return;
    this.#lease = undefined;
    this.#settle(nowMs);
  }

  /** A node has shown a proof that another one lied, which the demo has verified. */
  caught(observer: string, liarId: string, term: number, nowMs: number): void {
    const liar = [...this.nodes.values()].find((node) => node.id === liarId);
    if (!liar) return;
    if (!liar.isLiar) this.#violation ??= `${liar.name} lied, which nobody had asked it to`;
    liar.provenBy.add(observer);
    const isNew = !this.lies.some((lie) => lie.liar === liar.name && lie.term === term);
    if (isNew) this.lies.push({ liar: liar.name, term });
    const words = isNew ? "has the proof" : "holds the proof too";
    this.note(`${observer} ${words}: ${liar.name} voted twice in term ${term}`, nowMs, "bad");
  }

  /** The node respects a (verified) certificate, or (`undefined`) none. */
  respects(name: string, respected: Respected | undefined, nowMs: number): void {
    const node = this.#node(name);
    if (respected && respected.term < node.termMax) {
      this.#violation ??= `${name} went back from term ${node.termMax} to term ${respected.term}`;
    }
    if (respected && this.electorate) this.#checkTerm(respected);
    node.respected = respected;
    if (respected) node.termMax = respected.term;
    if (respected && !this.#told.has(respected.certificateId)) {
      this.#told.add(respected.certificateId);
      const { term, leaderName, votes, active } = respected;
      const text = `term ${term}: ${leaderName} elected, certificate verified`;
      const votesOf = this.electorate?.voters ?? active.length;
      this.note(`${text} (${votes} of ${votesOf} votes)`, nowMs, "busy");
    }
    this.#settle(nowMs);
  }

  /** A node sees another in a new state (`undefined`: has forgotten it). The first to see it makes an event. */
  sees(observer: string, id: string, state: string | undefined, nowMs: number): void {
    const node = [...this.nodes.values()].find((one) => one.id === id);
    if (!node) return;
    const isFirst = ![...node.seenBy.values()].some((seen) => seen === state);
    if (state === undefined) node.seenBy.delete(observer);
    else node.seenBy.set(observer, state);
    if (!isFirst || state === undefined || state === "alive" || state === "left") return;
    const words = state === "suspect" ? "does not answer" : `is ${state}`;
    this.note(`${observer} notices: ${node.name} ${words}`, nowMs, "warning");
  }

  /** Adds an event. */
  note(text: string, nowMs: number, mood?: Mood): void {
    const event: EventRow = { atS: (nowMs - this.#startMs) / 1000, text, mood };
    this.events.push(event);
    if (this.events.length > EVENTS_MAX) this.events.shift();
    this.#onEvent(event);
  }

  #begin(what: string, nowMs: number): void {
    if (this.#pending) this.#pending.what.push(what);
    else this.#pending = { what: [what], sinceMs: nowMs };
    this.note(what, nowMs, "warning");
  }

  /** Ends what is pending once all live nodes agree again. */
  #settle(nowMs: number): void {
    const now = this.agreed();
    if (!now) {
      // Nobody did anything, and yet they elect again: a false alarm among the nodes, worth a row of its own.
      if (!this.#pending && this.#agreed && this.#changedByThemselves()) {
        this.#begin("the nodes changed their view", nowMs);
      }
      return;
    }
    const before = this.#agreed;
    if (now.certificateId === before?.certificateId) {
      this.#pending = undefined;
      return;
    }
    if (before && now.term <= before.term) {
      this.#violation ??= `all agree on term ${now.term} after they agreed on ${before.term}`;
    }
    const { what, sinceMs } = this.#pending ?? { what: ["elected again"], sinceMs: nowMs };
    const { term, leaderName, leader, certificateId, votes, active } = now;
    this.#pending = undefined;
    this.#agreed = now;
    this.steps.push({
      what: summarised(what),
      term,
      leader: leaderName,
      leaderId: leader,
      certificateId,
      tookMs: nowMs - sinceMs,
      verified: true,
      votes,
      votesOf: this.electorate?.voters ?? active.length,
    });
    this.note(
      `all ${this.honest().length} ${this.#people()} agree: ${leaderName} leads term ${term}`,
      nowMs,
      "good",
    );
  }

  #people(): string {
    return this.live().some((node) => node.isLiar) ? "honest nodes" : "live nodes";
  }

  /** Whether the leader of this certificate may act by it. */
  #isInForce({ leader, term, active }: Respected): boolean {
    const live = this.live();
    if (this.electorate) {
      const holder = live.find((node) => node.id === leader);
      return holder !== undefined && this.#lease?.name === holder.name &&
        this.#lease.term === term && term > this.#overTerm;
    }
    const ids = new Set(live.map((node) => node.id));
    return active.length === ids.size && active.every((id) => ids.has(id));
  }

  /** A roster cluster has one certificate a term, whatever liars do. */
  #checkTerm({ term, certificateId }: Respected): void {
    const known = this.#certificateOfTerm.get(term) ?? certificateId;
    this.#certificateOfTerm.set(term, known);
    if (known !== certificateId) this.#violation ??= `term ${term} has two certificates`;
  }

  #changedByThemselves(): boolean {
    return this.honest().some((node) =>
      node.respected?.certificateId !== this.#agreed?.certificateId
    );
  }

  #node(name: string): DemoNode {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`Broken invariant: there is no ${name}`);
    return node;
  }
}

/** `5 nodes started` in place of five texts. */
function summarised(what: readonly string[]): string {
  const starts = what.filter((text) => text.endsWith(" started"));
  return starts.length === what.length && starts.length > 1
    ? `${starts.length} nodes started`
    : what.join(", ");
}
