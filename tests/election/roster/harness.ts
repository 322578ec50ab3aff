/**
 * The world of the roster core: nodes with drifting clocks in virtual time, a network that loses, doubles, delays, replays and cuts (one way
 * or both), processes that die between any two effects and come back with what they had stored, machines that are suspended, an enclave, and
 * liars. One seed decides everything. What must always hold is checked after every step.
 */
import { createPrng, type Prng } from "../../../lib/base/prng.ts";
import type { Digest } from "../../../lib/certificate/types.ts";
import { RosterElection } from "../../../lib/election/roster/roster_election.ts";
import { type RosterSettings, rosterSettings } from "../../../lib/election/roster/settings.ts";
import type { RosterNote } from "../../../lib/election/roster/notes.ts";
import {
  EMPTY_MEMORY,
  type Head,
  type MemberView,
  type Roster,
  type RosterCertificate,
  type RosterEffect,
  type RosterEvent,
  type RosterMemory,
  type RosterMessage,
} from "../../../lib/election/roster/types.ts";
import {
  certify,
  type Draw,
  GENESIS,
  isGenuine,
  KID,
  rosterOf,
  rulesOf,
  verified,
} from "./_rules.ts";

/** How a member is seen to be gone: so long after it was last heard. */
const DETECTION_MS = 500;
const PROBE_MS = 100;

/** A run takes some ten thousand; more is a storm of messages that answer each other. */
const STEPS_MAX = 400_000;

export interface WorldOptions {
  readonly n: number;
  readonly f?: number;
  readonly seed?: number;
  readonly leaseMs?: number;
  /** See `Roster`. */
  readonly stickyTenureMax?: number;
  /** Who leads; by a quick hash when left out. */
  readonly draw?: Draw;
  /** Views of membership are made by the world; else the test sets them. */
  readonly ownViews?: boolean;
  readonly settings?: Partial<RosterSettings>;
  /** What a node's first certificate follows; genesis when left out. */
  readonly originOf?: (id: string) => Head;
}

/** A message on its way; a liar may replace it by others. */
export interface Sent {
  readonly from: string;
  readonly to: string;
  readonly message: RosterMessage;
}

/** A node that does not keep to the protocol: it sees what its honest core would send and what comes in. */
export interface Liar {
  /** What it sends instead. */
  sends(sent: Sent, world: World): readonly Sent[];
  /** Whether its core is to hear of it. */
  hears(sent: Sent, world: World): boolean;
}

export class WorldNode {
  election!: RosterElection;
  isUp = false;
  memory: RosterMemory = EMPTY_MEMORY;
  kids: Digest[] = [KID];
  enclave: "up" | "down" | "refuses" = "up";
  liar?: Liar;
  /** The clock: local = offset + rate * (true - standstill). */
  rate = 1;
  offsetMs = 0;
  standstillMs = 0;
  suspendedUntilMs = 0;
  isPaused = false;
  generation = 0;
  /** Dies after so many more effects. */
  effectsLeft = Infinity;
  leader?: RosterCertificate;
  failStopped?: string;
  stopsWorkAtOnce = true;
  readonly notes: RosterNote[] = [];
  readonly effects: RosterEffect[] = [];
  readonly heardMs = new Map<string, number>();
  lastView = "";
  readonly voted = new Map<number, Digest>();
  votedTermMax = 0;
  leaseHeldCount = 0;

  constructor(readonly id: string) {}
}

export class World {
  nowMs = 1_000;
  readonly roster: Roster;
  readonly settings: RosterSettings;
  readonly nodes = new Map<string, WorldNode>();
  readonly prng: Prng;
  readonly sent: Sent[] = [];
  enclaveCalls = 0;
  lossRate = 0;
  doubleRate = 0;
  delayMs: readonly [number, number] = [1, 8];
  /** Whether a message from a to b gets through. */
  link: (from: string, to: string, message: RosterMessage) => boolean = () => true;
  /** Liars' accusations, by accused. */
  readonly accused = new Map<string, Set<string>>();
  readonly certificates: RosterCertificate[] = [];
  /** Times at which somebody held a lease, for liveness. */
  leaseSeenMs = -Infinity;
  keepSent = true;
  readonly #isOwnViews: boolean;
  readonly #draw?: Draw;
  readonly #originOf: (id: string) => Head;
  readonly #queue = new Heap();
  #steps = 0;

  constructor(options: WorldOptions) {
    this.roster = rosterOf(options.n, options.f ?? 0, options.leaseMs, options.stickyTenureMax);
    this.settings = { ...rosterSettings("local", this.roster.leaseMs, 2_000), ...options.settings };
    this.prng = createPrng(options.seed ?? 1);
    this.#isOwnViews = options.ownViews ?? true;
    this.#draw = options.draw;
    this.#originOf = options.originOf ?? (() => GENESIS);
    for (const { id } of this.roster.voters) this.nodes.set(id, new WorldNode(id));
    if (options.seed !== undefined) {
      for (const node of this.nodes.values()) {
        node.rate = 1 + (this.prng.float() * 2 - 1) * this.settings.driftRate;
        node.offsetMs = this.prng.float() * 1_000_000;
      }
    }
  }

  get ids(): string[] {
    return [...this.nodes.keys()];
  }

  node(id: string): WorldNode {
    return this.nodes.get(id)!;
  }

  /** Starts all nodes. */
  start(): this {
    for (const id of this.ids) this.boot(id);
    return this;
  }

  boot(id: string): void {
    const node = this.node(id);
    node.isUp = true;
    node.isPaused = false;
    node.effectsLeft = Infinity;
    node.standstillMs -= Math.max(0, node.suspendedUntilMs - this.nowMs);
    node.suspendedUntilMs = 0;
    node.generation++;
    node.heardMs.clear();
    node.lastView = "";
    node.election = new RosterElection({
      self: id,
      roster: this.roster,
      rules: rulesOf(id, this.roster, () => `nonce-${this.prng.uint32()}`),
      settings: this.settings,
      memory: node.memory,
      origin: this.#originOf(id),
      prng: createPrng(this.prng.uint32()),
      nowMs: this.localMs(node),
    });
    this.step(node, { type: "keys", kids: node.kids, preferred: node.kids[0] });
    if (this.#isOwnViews) this.#probeLater(node, this.prng.below(20));
  }

  /** The process dies; what it persisted stays. */
  crash(id: string): void {
    const node = this.node(id);
    node.isUp = false;
    node.generation++;
    node.leader = undefined;
  }

  /** The machine sleeps: its monotonic clock stands still, its wall clock does not. */
  suspend(id: string, ms: number): void {
    const node = this.node(id);
    if (!node.isUp || node.suspendedUntilMs > this.nowMs) return;
    node.suspendedUntilMs = this.nowMs + ms;
    node.standstillMs += ms;
    this.at(node.suspendedUntilMs, () => {
      if (node.isUp) this.step(node, { type: "tick" });
    });
  }

  /** The process is stopped and goes on later; its clocks run. */
  pause(id: string, ms: number): void {
    const node = this.node(id);
    const { generation } = node;
    node.isPaused = true;
    this.at(this.nowMs + ms, () => {
      if (node.generation !== generation) return;
      node.isPaused = false;
      this.step(node, { type: "tick" });
    });
  }

  localMs(node: WorldNode): number {
    const asleepMs = Math.max(0, node.suspendedUntilMs - this.nowMs);
    return node.offsetMs + node.rate * (this.nowMs - node.standstillMs + asleepMs);
  }

  /** A view in which all the others are alive and have answered. */
  setViews(of: Partial<Record<string, Partial<MemberView>>> = {}, at: string[] = this.ids): void {
    for (const id of at) {
      this.step(this.node(id), {
        type: "view",
        members: this.ids.filter((other) => other !== id).map((other) => ({
          id: other,
          state: "alive",
          verified: true,
          accusations: 0,
          ...of[other],
        })),
      });
    }
  }

  /** Tells a node something, the way the shell does: the clocks first, then the event, then the effects in order. */
  step(node: WorldNode, event: RosterEvent): void {
    if (!node.isUp || node.isPaused || node.suspendedUntilMs > this.nowMs) return;
    const nowMs = this.localMs(node);
    const { generation } = node;
    const clocks = node.election.step({ type: "clocks", wallMs: this.nowMs }, nowMs);
    for (const effect of [...clocks, ...node.election.step(event, nowMs)]) {
      if (node.generation !== generation) break;
      if (node.effectsLeft-- <= 0) {
        this.crash(node.id);
        break;
      }
      this.#carryOut(node, effect);
    }
    this.#scheduleTick(node);
    this.#checkLeases();
  }

  #scheduleTick(node: WorldNode): void {
    if (!node.isUp) return;
    const deadline = node.election.deadlineMs();
    if (deadline === undefined) return;
    const { generation } = node;
    const waitMs = Math.max(0, deadline - this.localMs(node)) / node.rate;
    // A little later, so that rounding never makes a tick that comes too early for ever.
    this.at(this.nowMs + waitMs + 0.001, () => {
      if (node.generation !== generation || !node.isUp) return;
      const due = node.election.deadlineMs();
      if (due === undefined) return;
      if (due <= this.localMs(node)) this.step(node, { type: "tick" });
    });
  }

  #carryOut(node: WorldNode, effect: RosterEffect): void {
    if (this.keepSent) node.effects.push(effect);
    switch (effect.type) {
      case "persist":
        this.#persist(node, effect.change);
        break;
      case "send":
        for (const to of effect.to) this.#emit({ from: node.id, to, message: effect.message });
        break;
      case "call-enclave":
        this.#callEnclave(node, effect);
        break;
      case "leader":
        node.leader = effect.certificate;
        break;
      case "stop-work":
        if (node.stopsWorkAtOnce) {
          const { certificateId } = effect;
          this.at(this.nowMs + 1, () => this.step(node, { type: "released", certificateId }));
        }
        break;
      case "lease-held":
        node.leaseHeldCount++;
        break;
      case "fail-stop":
        node.failStopped = effect.reason;
        this.crash(node.id);
        break;
      case "note":
        if (this.keepSent) node.notes.push(effect.note);
        break;
      case "head":
      case "lease-lost":
      case "sub-lease-granted":
      case "closed":
        break;
      default:
        effect satisfies never;
    }
  }

  #persist(node: WorldNode, change: Partial<RosterMemory>): void {
    const before = node.memory.head?.proposal.term ?? 0;
    if (change.head && change.head.proposal.term <= before) {
      throw new Error(`I3: ${node.id} accepted term ${change.head.proposal.term} after ${before}`);
    }
    node.memory = { ...node.memory, ...change };
  }

  #emit(sent: Sent): void {
    const node = this.node(sent.from);
    if (!node.liar) {
      this.#checkHonest(node, sent.message);
      return this.deliver(sent);
    }
    for (const other of node.liar.sends(sent, this)) this.deliver(other);
  }

  /** Puts a message on the network. */
  deliver(sent: Sent): void {
    if (this.keepSent) this.sent.push(sent);
    if (!isGenuine(this.roster, sent.from, sent.message)) throw new Error("forged by the harness");
    if (!this.link(sent.from, sent.to, sent.message)) return;
    if (this.lossRate > 0 && this.prng.float() < this.lossRate) return;
    const copies = this.doubleRate > 0 && this.prng.float() < this.doubleRate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const [least, most] = this.delayMs;
      const delayMs = least + this.prng.float() * (most - least);
      this.at(this.nowMs + delayMs, () => this.arrive(sent));
    }
  }

  /** A message reaches its recipient. */
  arrive({ from, to, message }: Sent): void {
    const node = this.node(to);
    if (!node.isUp) return;
    if (node.isPaused || node.suspendedUntilMs > this.nowMs) return;
    if (node.liar && !node.liar.hears({ from, to, message }, this)) return;
    if (message.kind === "certificate") {
      const certificate = verified(message.document);
      this.step(node, { type: "certificate", certificate, from });
    } else this.step(node, { type: "message", sender: from, message });
  }

  #callEnclave(
    node: WorldNode,
    { proposal, votes, digest }: Extract<RosterEffect, { type: "call-enclave" }>,
  ): void {
    this.enclaveCalls++;
    const { generation } = node;
    this.at(this.nowMs + 5 + this.prng.float() * 10, () => {
      if (node.generation !== generation) return;
      if (node.enclave !== "up") {
        const refused = node.enclave === "refuses";
        const reason = refused ? "no" : "unreachable";
        return this.step(node, { type: "enclave-failed", digest, reason, refused });
      }
      const answer = certify(this.roster, proposal, votes, this.#draw);
      if (typeof answer === "string") throw new Error(`I10: the enclave got ${answer}`);
      this.#checkCertificate(answer);
      this.step(node, { type: "certificate", certificate: answer });
    });
  }

  at(atMs: number, run: () => void): void {
    this.#queue.push(atMs, run);
  }

  /** Runs for so long, or until the condition holds; whether it did. */
  advance(ms: number, until: () => boolean = () => false): boolean {
    const endMs = this.nowMs + ms;
    while (!until()) {
      const next = this.#queue.peekMs();
      if (next === undefined || next > endMs) {
        this.nowMs = endMs;
        return until();
      }
      if (this.#steps++ > STEPS_MAX) throw new Error("the world does not come to rest");
      this.nowMs = Math.max(this.nowMs, next);
      this.#queue.pop()();
    }
    return true;
  }

  /** Who holds a lease now. */
  lessees(): string[] {
    const found: string[] = [];
    for (const node of this.nodes.values()) {
      if (!node.isUp || node.isPaused || node.suspendedUntilMs > this.nowMs) continue;
      if (node.election.leaseRemainingMs(this.localMs(node)) > 0) found.push(node.id);
    }
    return found;
  }

  #checkLeases(): void {
    const lessees = this.lessees();
    if (lessees.length > 1) throw new Error(`I2: leases of ${lessees} at ${this.nowMs}`);
    if (lessees.length > 0) this.leaseSeenMs = this.nowMs;
  }

  #checkCertificate(certificate: RosterCertificate): void {
    const { term } = certificate.proposal;
    const other = this.certificates.find((known) => known.proposal.term === term);
    if (!other) this.certificates.push(certificate);
    else if (other.id !== certificate.id) throw new Error(`I1: two certificates of term ${term}`);
  }

  #checkHonest(node: WorldNode, message: RosterMessage): void {
    if (message.kind === "vote") this.#checkVote(node, message.term, message.digest);
    if (message.kind === "proposal") {
      const { term } = message.proposal;
      this.#checkVote(node, term, node.memory.lastVote?.digest ?? "none");
    }
    if (message.kind === "lease-ack" && node.memory.promisedMsMax < this.roster.leaseMs) {
      throw new Error(`${node.id} acked before it stored that it ever promised`);
    }
    if (message.kind === "step-down" && node.memory.steppedDown === undefined) {
      throw new Error(`${node.id} sent a step-down before it stored it`);
    }
  }

  #checkVote(node: WorldNode, term: number, digest: Digest): void {
    const stored = node.memory.lastVote;
    if (stored?.term !== term || stored.digest !== digest) {
      throw new Error(`I5: ${node.id} sent a vote in term ${term} that it had not stored`);
    }
    const before = node.voted.get(term);
    if ((before !== undefined && before !== digest) || term < node.votedTermMax) {
      throw new Error(`I5: ${node.id} voted twice or back in term ${term}`);
    }
    node.voted.set(term, digest);
    node.votedTermMax = term;
  }

  /** How things stand and what was said last, for people. */
  trace(): string {
    const lines = this.sent.slice(-60).map(({ from, to, message }) =>
      `${from} -> ${to} ${JSON.stringify(message)}`
    );
    for (const node of this.nodes.values()) {
      const { lastVote, head, promisedMsMax } = node.memory;
      lines.push(JSON.stringify({
        id: node.id,
        up: node.isUp,
        liar: node.liar?.constructor.name,
        term: node.election.term,
        head: head?.id,
        leader: head?.leader,
        lastVote,
        promisedMsMax,
        dueInMs: (node.election.deadlineMs() ?? Infinity) - this.localMs(node),
        failStopped: node.failStopped,
        notes: node.notes.slice(-4),
      }));
    }
    return lines.join("\n");
  }

  // Membership.

  #probeLater(node: WorldNode, inMs: number): void {
    const { generation } = node;
    this.at(this.nowMs + inMs, () => {
      if (node.generation !== generation) return;
      if (!node.isPaused && node.suspendedUntilMs <= this.nowMs) this.#probe(node);
      this.#probeLater(node, PROBE_MS);
    });
  }

  #probe(node: WorldNode): void {
    const probe: RosterMessage = { kind: "want-certificate", id: "probe" };
    const reachable = this.ids.filter((id) => {
      const other = this.node(id);
      return id !== node.id && other.isUp && !other.isPaused &&
        other.suspendedUntilMs <= this.nowMs &&
        this.link(node.id, id, probe) && this.link(id, node.id, probe);
    });
    for (const id of reachable) node.heardMs.set(id, this.nowMs);
    const members: MemberView[] = [];
    for (const id of this.ids) {
      const heardMs = node.heardMs.get(id);
      if (id === node.id || heardMs === undefined) continue;
      members.push({
        id,
        state: this.nowMs - heardMs < DETECTION_MS ? "alive" : "dead",
        verified: true,
        accusations: this.accused.get(id)?.size ?? 0,
      });
    }
    const view = JSON.stringify(members);
    if (view !== node.lastView) {
      node.lastView = view;
      this.step(node, { type: "view", members });
    }
    if (reachable.length > 0) {
      const from = reachable[this.prng.below(reachable.length)];
      const { head } = this.node(from).election;
      if (head.term > node.election.head.term) this.step(node, { type: "head-seen", from, head });
    }
  }
}

/** What is to happen, by time and then by order of arrival. */
class Heap {
  #items: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;

  push(atMs: number, run: () => void): void {
    const items = this.#items;
    const item = { atMs, order: this.#order++, run };
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  peekMs(): number | undefined {
    return this.#items[0]?.atMs;
  }

  pop(): () => void {
    const items = this.#items;
    const top = items[0];
    const last = items.pop()!;
    if (items.length > 0) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= items.length) break;
        if (child + 1 < items.length && isBefore(items[child + 1], items[child])) child++;
        if (!isBefore(items[child], last)) break;
        items[at] = items[child];
        at = child;
      }
      items[at] = last;
    }
    return top.run;
  }
}

function isBefore(
  a: { readonly atMs: number; readonly order: number },
  b: { readonly atMs: number; readonly order: number },
): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}
