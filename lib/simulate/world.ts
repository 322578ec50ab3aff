/**
 * The world of one run: virtual time, the network, the enclaves and the nodes. Everything that happens is an event of one queue, and all chance
 * comes from one seed, so two runs of one seed are the same to the last byte.
 */
import type { Address } from "../base/address.ts";
import { base64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { type RsaJwk, thumbprint } from "../crypto/thumbprint.ts";
import type { RosterCertificate, RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import { parseDescription } from "../node/function_description.ts";
import { createClaimReader } from "../wire/claims.ts";
import { EventQueue } from "./event_queue.ts";
import { insecureIdentity, nameOf } from "./identities.ts";
import { NodeClock } from "./node_clock.ts";
import type { SimEffect } from "./sim_body.ts";
import { SimDisk } from "./sim_disk.ts";
import { SimEnclave } from "./sim_enclave.ts";
import {
  type Electorate,
  openPackage,
  rosterPackages,
  type SimFunction,
  type SimPackage,
} from "./sim_function.ts";
import { type Packet, SimNetwork } from "./sim_network.ts";
import { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  /** 1..64 in a roster cluster, 1..1000 in an open one. */
  readonly nodes: number;
  readonly kind: "roster" | "open";
  readonly faultBound: number;
  readonly leaseMs: number;
  /** rho in millionths: how far clocks run apart. */
  readonly driftPpm: number;
  readonly enclaves: number;
  /** Everything is encoded, signed, decoded and verified. */
  readonly encodes: boolean;
  /** Everything is signed: needed as soon as somebody lies, or there are several functions. */
  readonly signs: boolean;
  /** Functions that may go on after the first, in their order; a voter may have a place beyond `nodes`. */
  readonly successors?: readonly Electorate[];
  /** Voters that missed how their predecessor was closed ask the others for it, as real ones do; else the operator brings it, and they can't start without. */
  readonly fetchesClosings?: boolean;
}

/** Who looks on from outside. */
export interface Watcher {
  /** An effect is about to be carried out. */
  effect(node: SimNode, effect: SimEffect): void;
  crashed(node: SimNode): void;
  /** A process starts, and has done nothing yet. */
  booted?(node: SimNode): void;
  /** An input is sent to whoever is at the address of an enclave. */
  input?(node: SimNode, enclave: SimEnclave): void;
  /** An election message leaves a node, also a lie. */
  said?(node: SimNode, to: number, message: RosterMessage | ElectionMessage): void;
  /** A node that missed the closing certificate of a predecessor goes by it from now on: the operator put it into its folder, or others told it. */
  adopted?(node: SimNode, closing: RosterCertificate, under: SimFunction): void;
}

const CLUSTER = "simulated";
const PORT_FIRST = 1_000;
/** Events of one node within a millisecond: some hundred messages and their timers may meet there, not thousands of them. */
const EVENTS_A_MS_MAX = 1_000;

/** The world. */
export class World {
  nowMs = 0;
  /** Events of the queue so far. */
  events = 0;
  /** A running hash of what happened, for comparing runs. */
  fingerprint = 0;
  readonly prng: Prng;
  /** The one that everybody starts with, and those that may succeed it. */
  readonly functions: readonly SimFunction[];
  readonly encodes: boolean;
  readonly signs: boolean;
  readonly fetchesClosings: boolean;
  /** What one node has found genuine, no other verifies again. */
  readonly claims = createClaimReader(CLUSTER);
  readonly network: SimNetwork;
  readonly enclaves: readonly SimEnclave[];
  readonly nodes: readonly SimNode[];
  readonly watchers: Watcher[] = [];
  /** What is written down, where somebody wants to read it. */
  trace?: (line: string) => void;
  readonly #nodesById: ReadonlyMap<string, SimNode>;
  readonly #queue = new EventQueue();
  /** When the present millisecond began, and what happened in it. */
  #momentMs = 0;
  #momentEvents = 0;
  readonly #seedsNamed = new Map<number, number>();
  readonly #keys = new Map<string, { readonly key: RsaPublicKey; readonly loaded: SimPackage }>();

  constructor(options: WorldOptions) {
    const { seed } = options;
    this.prng = createPrng(seed);
    this.encodes = options.encodes;
    this.signs = options.signs || options.encodes;
    this.fetchesClosings = options.fetchesClosings ?? false;
    const packages = packagesOf(options);
    this.enclaves = Array.from(
      { length: options.enclaves },
      (_, i) => new SimEnclave(`enclave${i + 1}`, packages[0], createPrng(this.#draw())),
    );
    const electorates = electoratesOf(options);
    this.functions = packages.map((loaded, number) => {
      const description = parseDescription(this.enclaves[0].describe(loaded));
      assert(typeof description !== "string", `the function describes itself: ${description}`);
      return {
        number,
        domain: { checksum: loaded.checksum, cluster: CLUSTER },
        loaded,
        description,
        ...(description.kind === "roster" && { config: description.config }),
        places: electorates[number].places,
        collectors: new Map(),
        digests: new WeakMap(),
        heard: new Map(),
        verdicts: new Map(),
      };
    });
    const nodes = 1 + Math.max(...electorates.flatMap(({ places }) => places));
    this.network = new SimNetwork(
      nodes,
      createPrng(this.#draw()),
      (packet, delayMs) => this.at(this.nowMs + delayMs, () => this.#deliver(packet)),
    );
    const rho = options.driftPpm / 1_000_000;
    this.nodes = Array.from({ length: nodes }, (_, place) =>
      new SimNode(this, {
        place,
        name: nameOf(place),
        identity: insecureIdentity(place),
        clock: new NodeClock(
          // Every second clock is as wrong as it may be: that is where the margin of leases matters.
          1 + rho * [-1, 1, this.prng.float(), -this.prng.float()][this.prng.below(4)],
          Math.floor(this.prng.float() * 1_000_000),
        ),
        disk: new SimDisk(nameOf(place)),
        address: { host: "10.0.0.1", port: PORT_FIRST + place },
        prng: createPrng(this.#draw()),
      }));
    this.#nodesById = new Map(this.nodes.map((node) => [node.id, node]));
  }

  /** Starts all nodes, within a moment. */
  start(): void {
    for (const node of this.nodes) {
      this.at(this.prng.float() * 50, () => {
        if (!node.isUp && node.isEnrolled) node.boot();
      });
    }
  }

  /** Plans something, at a true time in ms. */
  at(atMs: number, run: () => void): void {
    this.#queue.push(atMs, run);
  }

  /** Runs until a time, or until the condition holds; whether it did. */
  runUntil(untilMs: number, isDone: () => boolean = () => false): boolean {
    for (;;) {
      const nextMs = this.#queue.nextMs();
      if (nextMs === undefined || nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      this.events++;
      this.#demandProgress();
      this.#queue.pop()();
      if (isDone()) return true;
    }
    this.nowMs = untilMs;
    return isDone();
  }

  /** A timer that is due again as soon as it was served would end neither a run nor, in a real node, the use of a core. */
  #demandProgress(): void {
    if (this.nowMs >= this.#momentMs + 1) {
      this.#momentMs = this.nowMs;
      this.#momentEvents = 0;
    }
    if (++this.#momentEvents <= EVENTS_A_MS_MAX * this.nodes.length) return;
    throw new Violation(
      "progress",
      `${this.#momentEvents} events within a millisecond: time stands still`,
      this.nowMs,
    );
  }

  /** Shows an effect to everybody who looks on. */
  watch(node: SimNode, effect: SimEffect): void {
    this.fingerprint = Math.imul(
      this.fingerprint ^ (this.events + node.place) ^ effect.type.length,
      0x01000193,
    ) ^ Math.floor(this.nowMs * 1_000);
    for (const watcher of this.watchers) watcher.effect(node, effect);
  }

  /** An election message leaves a node. */
  said(node: SimNode, to: number, message: RosterMessage | ElectionMessage): void {
    for (const watcher of this.watchers) watcher.said?.(node, to, message);
  }

  /** An input leaves a node. */
  input(node: SimNode, enclave: SimEnclave): void {
    for (const watcher of this.watchers) watcher.input?.(node, enclave);
  }

  /** A node is given what closed a predecessor. */
  adopted(node: SimNode, closing: RosterCertificate, under: SimFunction): void {
    for (const watcher of this.watchers) watcher.adopted?.(node, closing, under);
  }

  /** A process starts. */
  booted(node: SimNode): void {
    for (const watcher of this.watchers) watcher.booted?.(node);
  }

  /** A process died. */
  crashed(node: SimNode): void {
    for (const watcher of this.watchers) watcher.crashed(node);
  }

  /** The place at an address; `undefined` for none of this world. */
  placeOf(address: Address): number | undefined {
    const place = address.port - PORT_FIRST;
    return place in this.nodes ? place : undefined;
  }

  /** Whom a node asks first: the first two, in a ring with everybody's neighbour, and whom the operator named to it. */
  seedsOf(place: number): readonly Address[] {
    return this.seedNodesOf(place).map(({ address }) => address);
  }

  /** The same, as nodes. */
  seedNodesOf(place: number): readonly SimNode[] {
    const count = this.nodes.length;
    const named = this.#seedsNamed.get(place);
    const places = new Set(
      [0, 1, (place + 1) % count, ...named === undefined ? [] : [named]]
        .filter((seed) => seed !== place && seed < count),
    );
    return [...places].map((seed) => this.nodes[seed]);
  }

  /** Names one more to a node, from its next start on, in place of who was named before. */
  nameSeed(place: number, seed: number): void {
    this.#seedsNamed.set(place, seed);
  }

  /** A key that some enclave of this world has or had. */
  keyOf(kid: string): RsaPublicKey {
    for (const enclave of this.enclaves) {
      for (const [loaded, key] of enclave.keys()) this.#keys.set(key.kid, { key, loaded });
    }
    const known = this.#keys.get(kid);
    assert(known, "a kid that was attested is an enclave's");
    return known.key;
  }

  /** The same from its JWK, as messages and disks hold it, when an enclave under this function had it; or why there is none. */
  keyOfJwk({ loaded }: SimFunction, jwk: RsaJwk): RsaPublicKey | string {
    const known = this.#keys.get(base64url(thumbprint(jwk)));
    return known?.loaded === loaded ? known.key : "is no enclave's of this world";
  }

  /** Enclave keys of a function that anybody attested, by kid. */
  keysOf({ loaded }: SimFunction): Map<string, RsaPublicKey> {
    const own = [...this.#keys].filter(([, known]) => known.loaded === loaded);
    return new Map(own.map(([kid, { key }]) => [kid, key]));
  }

  /** The node with an id; `undefined` for a stranger. */
  nodeOf(id: string): SimNode | undefined {
    return this.#nodesById.get(id);
  }

  /** What a node is called; the id itself for a stranger. */
  nameOf(id: string): string {
    return this.nodeOf(id)?.name ?? id;
  }

  #deliver(packet: Packet): void {
    this.nodes[packet.to].receive(packet);
  }

  #draw(): number {
    return this.prng.uint32();
  }
}

/** Of every function, in their order; an open cluster has one, of all. */
function electoratesOf({ nodes, successors = [] }: WorldOptions): Electorate[] {
  const places = Array.from({ length: nodes }, (_, place) => place);
  return [{ policy: "random", places }, ...successors];
}

function packagesOf(options: WorldOptions): SimPackage[] {
  if (options.kind === "open") return [openPackage(options.seed)];
  return rosterPackages({ ...options, cluster: CLUSTER }, electoratesOf(options));
}
