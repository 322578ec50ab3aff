/**
 * A cluster of membership cores in virtual time: a network with delay, loss, duplicates and partitions, nodes that crash, pause and come
 * back, timers that fire late; all from one seed. Claims are signed by a cheap fake whose bytes weigh what real ones do.
 */
import type { Address } from "../../lib/base/address.ts";
import { formatAddress } from "../../lib/base/address.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { assert } from "../../lib/base/errors.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import {
  createMembership,
  type Membership,
  type MembershipOptions,
} from "../../lib/membership/core.ts";
import { DATAGRAM_BYTES_MAX, messageBytes, SEAL_BYTES_MAX } from "../../lib/membership/limits.ts";
import { type MembershipSettings, PROFILES } from "../../lib/membership/settings.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  MemberChange,
  MembershipEffect,
  MembershipEvent,
  MembershipReport,
  NodeId,
  SignAck,
  SignClaim,
} from "../../lib/membership/types.ts";
import { unsignedClaims } from "../../lib/simulate/identities.ts";

/** A key pair stand-in. */
export interface FakeIdentity {
  readonly id: NodeId;
  readonly publicKey: Uint8Array;
  readonly signClaim: SignClaim;
  readonly signAck: SignAck;
}

/** An identity that signs with nothing but its id. */
export function fakeIdentity(prng: Prng): FakeIdentity {
  const bytes = (length: number) => Uint8Array.from({ length }, () => prng.below(256));
  const id = base64url(bytes(32));
  const publicKey = bytes(32);
  return { id, publicKey, ...unsignedClaims({ id, publicKey }) };
}

/** A datagram on its way, as a recorder sees it. */
export interface Datagram {
  readonly sender: NodeId;
  readonly source: Address;
  readonly to: Address;
  readonly recipient?: NodeId;
  readonly message: GossipMessage;
}

/** One node. */
export interface SimNode {
  readonly name: string;
  readonly identity: FakeIdentity;
  readonly address: Address;
  membership: Membership;
  up: boolean;
  pausedUntilMs: number;
  incarnation: number;
  readonly changes: { readonly atMs: number; readonly change: MemberChange }[];
  readonly reports: MembershipReport[];
  readonly headsSeen: string[];
  left: boolean;
  sent: number;
  sentBytes: number;
  syncs: number;
}

/** How the network behaves. */
export interface NetworkOptions {
  readonly seed: number;
  readonly settings?: MembershipSettings;
  /** One-way delay: at least and at most. */
  readonly delayMs?: readonly [number, number];
  readonly loss?: number;
  readonly duplication?: number;
  /** How late a timer fires at most; an idle process is up to 50 ms late. */
  readonly timerLateMs?: number;
}

/** What one node is given. */
export interface NodeOptions {
  readonly seeds?: readonly Address[];
  readonly known?: readonly AliveClaim[];
  readonly lastIncarnation?: number;
  readonly roster?: MembershipOptions["roster"];
  readonly identity?: FakeIdentity;
  readonly address?: Address;
  readonly label?: string;
}

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly act: () => void;
}

/** A network with its nodes. */
export class Cluster {
  readonly prng: Prng;
  readonly settings: MembershipSettings;
  readonly nodes: SimNode[] = [];
  readonly recorded: Datagram[] = [];
  record = false;
  /** Whether nodes keep what changed in their views; thousands of members in one process have no room for it. */
  keepChanges = true;
  loss: number;
  nowMs = 1000;
  readonly #options: Required<NetworkOptions>;
  readonly #byAddress = new Map<string, SimNode>();
  readonly #queue: Scheduled[] = [];
  readonly #tickAt = new Map<SimNode, number>();
  #groupOf: (node: SimNode) => number = () => 0;
  #lastBlind: SimNode | undefined;
  #order = 0;

  constructor(options: NetworkOptions) {
    this.#options = {
      settings: PROFILES.local,
      delayMs: [0.2, 2],
      loss: 0,
      duplication: 0,
      timerLateMs: 10,
      ...options,
    };
    this.settings = this.#options.settings;
    this.loss = this.#options.loss;
    this.prng = createPrng(options.seed);
  }

  /** Adds a node and starts it now. Its address is made from its number. */
  add(options: NodeOptions = {}): SimNode {
    const number = this.nodes.length + 1;
    const identity = options.identity ?? fakeIdentity(this.prng);
    const address = options.address ?? { host: "10.0.0.1", port: 9000 + number };
    const node: SimNode = {
      name: options.label ?? `node${number}`,
      identity,
      address,
      membership: undefined as unknown as Membership,
      up: true,
      pausedUntilMs: 0,
      incarnation: options.lastIncarnation ?? -1,
      changes: [],
      reports: [],
      headsSeen: [],
      left: false,
      sent: 0,
      sentBytes: 0,
      syncs: 0,
    };
    this.nodes.push(node);
    this.#start(node, options);
    return node;
  }

  /** A whole cluster: the first node is everyone's seed; returns when all see all. */
  static formed(size: number, options: NetworkOptions, node: NodeOptions = {}): Cluster {
    const cluster = new Cluster(options);
    const seed = cluster.add(node);
    for (let i = 1; i < size; i++) cluster.add({ ...node, seeds: [seed.address] });
    const formed = cluster.runUntil(() => cluster.allSeeAll(), 60_000, size > 50 ? 20 : 0);
    assert(formed, `a cluster of ${size} forms; seed ${options.seed}`);
    return cluster;
  }

  /** The process dies. */
  crash(node: SimNode): void {
    node.up = false;
  }

  /** The process stands still for a while; datagrams wait in its socket. */
  pause(node: SimNode, forMs: number): void {
    node.pausedUntilMs = this.nowMs + forMs;
  }

  /** Starts a crashed node again, with what it had persisted. */
  restart(node: SimNode, options: NodeOptions = {}): void {
    node.up = true;
    node.left = false;
    this.#start(node, { lastIncarnation: node.incarnation, ...options });
  }

  /** Cuts the network into groups; nodes of different groups do not hear each other. */
  partition(groupOf: (node: SimNode) => number): void {
    this.#groupOf = groupOf;
  }

  heal(): void {
    this.#groupOf = () => 0;
  }

  /** Gives an event to a node as if its shell had. */
  tell(node: SimNode, event: MembershipEvent): void {
    if (!node.up) return;
    const resumeMs = node.pausedUntilMs;
    if (this.nowMs < resumeMs) return this.#at(resumeMs, () => this.tell(node, event));
    for (const effect of node.membership.step(event, this.nowMs)) this.#carryOut(node, effect);
    this.#arm(node);
  }

  /** Delivers a datagram now, whoever sent it. */
  deliver(datagram: Datagram): void {
    const node = this.#nodeAt(datagram.to);
    if (node) this.#hand(node, datagram);
  }

  #hand(node: SimNode, datagram: Datagram): void {
    const { recipient, sender, source, message } = datagram;
    if (recipient !== undefined && recipient !== node.identity.id) return;
    const datagramBytes = messageBytes(message);
    this.tell(node, { type: "message", sender, source, datagramBytes, message });
  }

  /** Runs for so long in virtual time. */
  runFor(ms: number): void {
    const untilMs = this.nowMs + ms;
    this.runUntil(() => false, ms);
    this.nowMs = untilMs;
  }

  /**
   * Runs until the condition holds; gives whether it does before the time is over. It is looked at after every event, or every so many
   * virtual ms: in large clusters it costs more than the events.
   */
  runUntil(condition: () => boolean, maxMs: number, everyMs = 0): boolean {
    const untilMs = this.nowMs + maxMs;
    for (let lookMs = this.nowMs;;) {
      if (this.nowMs >= lookMs) {
        if (condition()) return true;
        lookMs = this.nowMs + everyMs;
      }
      const next = this.#queue[0];
      if (!next || next.atMs > untilMs) {
        this.nowMs = untilMs;
        return condition();
      }
      this.#pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.act();
    }
  }

  /** Nodes that run and have not left. */
  running(): SimNode[] {
    return this.nodes.filter((node) => node.up && !node.left);
  }

  /** Whether all running nodes hold exactly each other for alive. */
  allSeeAll(): boolean {
    const running = this.running();
    const seesAll = (node: SimNode) => {
      const alive = node.membership.members().filter((member) => member.state === "alive");
      return alive.length === running.length - 1 &&
        running.every((other) => other === node || stateOf(node, other) === "alive");
    };
    // Who did not the last time is asked first: most often that is the answer.
    if (this.#lastBlind && running.includes(this.#lastBlind) && !seesAll(this.#lastBlind)) {
      return false;
    }
    this.#lastBlind = running.find((node) => !seesAll(node));
    return this.#lastBlind === undefined;
  }

  /** Changes of a kind that any node saw. */
  changesOf(kind: MemberChange["kind"]): { by: SimNode; about: NodeId; atMs: number }[] {
    return this.nodes.flatMap((by) =>
      by.changes.filter(({ change }) => change.kind === kind)
        .map(({ atMs, change }) => ({ by, about: change.member.id, atMs }))
    );
  }

  #start(node: SimNode, options: NodeOptions): void {
    const { identity } = node;
    this.#byAddress.set(formatAddress(node.address), node);
    node.membership = createMembership({
      self: {
        id: identity.id,
        publicKey: identity.publicKey,
        name: node.name,
        address: node.address,
        tags: {},
        keyMadeS: 0,
      },
      lastIncarnation: options.lastIncarnation ?? -1,
      seeds: options.seeds ?? [],
      known: options.known ?? [],
      settings: this.settings,
      prng: createPrng(this.prng.uint32()),
      nonce: () => hex(Uint8Array.from({ length: 8 }, () => this.prng.below(256))),
      signClaim: identity.signClaim,
      signAck: identity.signAck,
      roster: options.roster,
    });
    this.tell(node, { type: "tick" });
  }

  #carryOut(node: SimNode, effect: MembershipEffect): void {
    switch (effect.type) {
      case "send":
        return this.#send(node, effect.to, effect.recipient, effect.message);
      case "sync":
        return this.#sync(node, effect.address);
      case "changed":
        if (this.keepChanges) node.changes.push({ atMs: this.nowMs, change: effect.change });
        return;
      case "persist-incarnation":
        assert(effect.incarnation > node.incarnation, "incarnations only grow");
        node.incarnation = effect.incarnation;
        return;
      case "head-seen":
        node.headsSeen.push(hex(effect.head));
        return;
      case "reported":
        node.reports.push(effect.report);
        return;
      case "left":
        node.left = true;
        node.up = false;
        return;
      default:
        effect satisfies never;
    }
  }

  #send(node: SimNode, to: Address, recipient: NodeId | undefined, message: GossipMessage): void {
    const bytes = messageBytes(message);
    assert(bytes <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX, `a ${message.kind} fits: ${bytes}`);
    node.sent++;
    node.sentBytes += bytes;
    const datagram = {
      sender: node.identity.id,
      source: node.address,
      to,
      ...(recipient && { recipient }),
      message,
    };
    if (this.record) this.recorded.push(datagram);
    const copies = this.prng.float() < this.#options.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const other = this.#nodeAt(to);
      if (this.prng.float() < this.loss || !other || !this.#connected(node, other)) continue;
      this.#at(this.nowMs + this.#delayMs(), () => this.#hand(other, datagram));
    }
  }

  #sync(node: SimNode, address: Address): void {
    const partner = this.#nodeAt(address);
    node.syncs++;
    const reaches = partner?.up && !partner.left && this.#connected(node, partner);
    if (!reaches || this.nowMs < partner.pausedUntilMs) {
      this.#at(this.nowMs + 1000, () => this.tell(node, { type: "sync-failed", address }));
      return;
    }
    const mine = node.membership.snapshot();
    this.#at(this.nowMs + this.#delayMs(), () => {
      const theirs = partner.membership.snapshot();
      const sender = node.identity.id;
      const callersAddress = { host: node.address.host, port: 40_000 };
      this.tell(partner, { type: "synced", address: callersAddress, sender, claims: mine });
      this.#at(this.nowMs + this.#delayMs(), () => {
        this.tell(node, { type: "synced", address, claims: theirs });
      });
    });
  }

  #nodeAt(address: Address): SimNode | undefined {
    return this.#byAddress.get(formatAddress(address));
  }

  #connected(node: SimNode, other: SimNode): boolean {
    return this.#groupOf(node) === this.#groupOf(other);
  }

  #delayMs(): number {
    const [min, max] = this.#options.delayMs;
    return min + this.prng.float() * (max - min);
  }

  #arm(node: SimNode): void {
    const deadline = node.membership.deadlineMs();
    const before = this.#tickAt.get(node) ?? Infinity;
    if (deadline === undefined) return;
    if (before <= deadline + this.#options.timerLateMs && before > this.nowMs) return;
    const atMs = Math.max(this.nowMs, deadline) + this.prng.float() * this.#options.timerLateMs;
    this.#tickAt.set(node, atMs);
    this.#at(atMs, () => {
      if (this.#tickAt.get(node) !== atMs) return;
      this.#tickAt.delete(node);
      this.tell(node, { type: "tick" });
    });
  }

  #at(atMs: number, act: () => void): void {
    const queue = this.#queue;
    const item = { atMs, order: this.#order++, act };
    let at = queue.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(queue[parent], item)) break;
      queue[at] = queue[parent];
      at = parent;
    }
    queue[at] = item;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop()!;
    if (queue.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1], queue[child])) child++;
      if (isBefore(last, queue[child])) break;
      queue[at] = queue[child];
      at = child;
    }
    queue[at] = last;
  }
}

/** How a node holds another; `undefined` if it does not know it. */
export function stateOf(node: SimNode, other: SimNode): string | undefined {
  return node.membership.member(other.identity.id)?.state;
}

/** The claims of a message, in short, for messages of failed tests. */
export function describe(claims: readonly Claim[]): string {
  return claims.map((claim) => `${claim.type}@${claim.incarnation}`).join(" ");
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs - b.atMs < 0 || (a.atMs === b.atMs && a.order < b.order);
}
