/**
 * One simulated node: an identity, a machine with clocks and a disk, and the process on it (`sim_process.ts`) with what its effects mean. A liar
 * differs from the others by its mouth and its ears only.
 */
import type { Address } from "../base/address.ts";
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { Identity } from "../crypto/ed25519.ts";
import { rosterCertificate } from "../election/roster/certificate.ts";
import type { LastVote, RosterCertificate } from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { AliveClaim, NodeId } from "../membership/types.ts";
import type { CertificateDesk } from "../node/certificate_desk.ts";
import type { GossipEvent } from "../node/gossip.ts";
import { Mailbox } from "../node/mailbox.ts";
import { type Liar, liarOf } from "./liars.ts";
import type { NodeClock } from "./node_clock.ts";
import { SubLeaseDesk } from "../node/sub_lease_desk.ts";
import { coreOrder, orderFault } from "../node/succession.ts";
import { RosterBody, type SimBody, type SimEffect } from "./sim_body.ts";
import { bootBody, bootMembership } from "./sim_boot.ts";
import { SimCourts } from "./sim_courts.ts";
import { SimDoor } from "./sim_door.ts";
import { SimEnclaveLink } from "./sim_enclave_link.ts";
import { ChainBody, ClosingBody } from "./sim_successor.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimFunction } from "./sim_function.ts";
import type { Packet } from "./sim_network.ts";
import { SimMouth } from "./sim_mouth.ts";
import { SimProcess, type Step } from "./sim_process.ts";
import { exchangeStates } from "./sim_stream.ts";
import type { World } from "./world.ts";

/** Datagrams that wait in the socket of a process that stands still: what the default buffer of Linux holds. */
const SOCKET_DATAGRAMS_MAX = 166;
/** How soon a liar starts again whose core has stopped for good, ms. */
const LIAR_RESTART_MS = 20;

/** The node. */
export class SimNode {
  readonly place: number;
  readonly name: string;
  readonly identity: Identity;
  readonly clock: NodeClock;
  readonly disk: SimDisk;
  readonly address: Address;
  readonly mouth: SimMouth;
  mailbox!: Mailbox;
  door!: SimDoor;
  liar?: Liar;
  /** It is no machine of this cluster any more, or not yet one. */
  isEnrolled: boolean;
  /** Why it stopped for good. */
  failStopped?: string;
  /** No enclave is within its reach. */
  isWithoutEnclave = false;
  membership!: Membership;
  body!: SimBody;
  courts!: SimCourts;
  /** The living enclave keys that its core was told of last. */
  kidsTold: readonly string[] = [];
  /** What it was told before, while it is being told anew: what was due by its timers it still does by these. */
  kidsToldBefore: readonly string[] = [];
  /** Who runs under the lease of this process; absent in an open cluster. */
  subLeases?: SubLeaseDesk;
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #prng: Prng;
  #function!: SimFunction;
  #link!: SimEnclaveLink;
  /** What the core granted of the sub-lease that was asked for last. */
  #grantedMs = 0;

  constructor(
    world: World,
    said: {
      readonly place: number;
      readonly name: string;
      readonly identity: Identity;
      readonly clock: NodeClock;
      readonly disk: SimDisk;
      readonly address: Address;
      readonly prng: Prng;
    },
  ) {
    this.#world = world;
    this.place = said.place;
    this.name = said.name;
    this.identity = said.identity;
    this.clock = said.clock;
    this.disk = said.disk;
    this.address = said.address;
    this.#prng = said.prng;
    this.mouth = new SimMouth(world, this);
    const [first] = world.functions;
    this.isEnrolled = first.places.includes(this.place);
    this.#install(first);
    this.#process = new SimProcess(world, this.clock, this.disk, this.#prng, {
      deadlineMs: () => this.body.deadlineMs(),
      tick: (clock) => this.body.gossip({ type: "tick" }, clock),
      carryOut: (effect) => this.#carryOut(effect),
    });
  }

  /** Where its certificates are verified. */
  get desk(): CertificateDesk {
    return this.courts.desk;
  }

  get id(): NodeId {
    return this.identity.id;
  }

  /** What it runs, or will when it starts. */
  get function(): SimFunction {
    return this.#function;
  }

  /** Whether its process runs. */
  get isUp(): boolean {
    return this.#process.isUp;
  }

  /** Another number for every life of its process. */
  get generation(): number {
    return this.#process.generation;
  }

  /** Whether the process runs and is neither stopped, asleep nor waiting for its disk. */
  get isAwake(): boolean {
    return this.isUp && !this.#process.isHalted;
  }

  /** An operator asks it to step down. */
  stepDown(): void {
    if (!(this.body instanceof RosterBody)) return;
    const { voter } = this.body;
    this.tell((clock) => voter.elect({ type: "step-down" }, clock));
  }

  /** An operator gives it an order of succession. Whether it took it. */
  takeOrder(order: SuccessionOrderFile): boolean {
    const { domain, config } = this.#function;
    if (!this.isAwake || !(this.body instanceof RosterBody) || !config) return false;
    if (orderFault(order, domain, config) !== undefined) return false;
    const { voter } = this.body;
    this.tell((clock) => voter.elect({ type: "succession", order: coreOrder(order) }, clock));
    return true;
  }

  /** Starts the process, which is down, under another function. When the state folder does not allow that it stays down, under the one it had. */
  bootUnder(next: SimFunction): boolean {
    const before = this.#function;
    this.#install(next);
    try {
      this.boot();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof FumataError) || thrown.code !== "refused") throw thrown;
      this.#process.stop();
      this.#process.clear();
      this.#install(before);
      return false;
    }
  }

  /** Starts the process with what its disk holds. */
  boot(): void {
    const world = this.#world;
    const prng = this.#prng;
    this.#process.start();
    if (this.liar?.lie === "amnesia") this.disk.forget(hex(this.#function.domain.checksum));
    this.courts = this.#createCourts();
    this.#link = new SimEnclaveLink(world, this, prng, () => this.courts.judgeWaiting());
    this.membership = bootMembership(world, this, prng);
    this.#createBody();
    this.#link.tellKeys();
    this.tell((clock) => this.body.gossip({ type: "tick" }, clock));
    this.#link.attestLater(prng.float() * 20);
  }

  /** The process dies; what was saved stays, and of a save under way nobody knows. */
  crash(): void {
    if (!this.isUp) return;
    this.#process.stop();
    this.disk.members = this.membership.snapshot()
      .filter((claim): claim is AliveClaim => claim.type === "alive" && claim.subject !== this.id);
    this.#process.clear();
    this.#world.crashed(this);
  }

  /** It dies after so many more effects, unless something else kills it before; `struck` is called when it has. */
  crashAfter(effects: number, struck: () => void): void {
    this.#process.doom(effects, () => {
      this.crash();
      struck();
    });
  }

  /** Nothing is to kill it any more. */
  spare(): void {
    this.#process.spare();
  }

  /** Tells its core the living keys anew. */
  tellKeys(): void {
    this.#link.tellKeys();
  }

  /** The process is stopped until then. */
  pause(untilMs: number): void {
    this.#process.pause(untilMs);
  }

  /** The machine sleeps until then. */
  suspend(untilMs: number): void {
    this.#process.suspend(untilMs);
  }

  /** How long this node may act as the leader, asked as an application asks. */
  leaseRemainingMs(): number {
    if (!this.isAwake || !(this.body instanceof RosterBody)) return 0;
    const { voter } = this.body;
    this.tell((clock) => voter.readClocks(clock));
    return voter.leaseRemainingMs(this.clock.monotonicMs(this.#world.nowMs));
  }

  /** The highest certificate that a voter holds. */
  get headCertificate(): RosterCertificate | undefined {
    return this.body instanceof RosterBody ? this.body.voter.headCertificate : undefined;
  }

  /** When it did what it says now, by its monotonic clock: what it says leaves later when its disk is slow. */
  get steppedMs(): number {
    return this.#process.steppedMs;
  }

  /** Steps of its process that began, in all lives. */
  get stepped(): number {
    return this.#process.stepped;
  }

  /** Its last vote under its function, as it is on its disk. */
  get storedVote(): LastVote | undefined {
    return this.disk.rosterMemory(hex(this.#function.domain.checksum))?.lastVote;
  }

  /** Who gathers the votes of the term in which this voter is. */
  get collector(): NodeId | undefined {
    return this.body instanceof RosterBody ? this.body.voter.collector : undefined;
  }

  /** Runs a step and carries out what follows; a step that comes up meanwhile runs after it. */
  tell(step: Step): void {
    this.#process.tell(step);
  }

  /** Something arrives from the network. */
  receive(packet: Packet): void {
    const world = this.#world;
    if (!this.isUp || this.clock.isSuspended(world.nowMs)) return;
    const { isHalted, waiting } = this.#process;
    if (isHalted && waiting >= SOCKET_DATAGRAMS_MAX) return;
    const opened = this.door.open(packet);
    if (!opened) return;
    if (opened.type === "gossip") {
      const { type: _, ...rest } = opened;
      const event: GossipEvent = {
        type: "gossip",
        source: world.nodes[packet.from].address,
        ...rest,
      };
      return this.tell((clock) => this.body.gossip(event, clock));
    }
    if (opened.type === "key") return this.courts.hearKey(opened.sender, opened.message);
    const { sender, message } = opened;
    if (this.liar && !this.liar.hears(message, packet.from)) return;
    if (message.kind === "certificate") this.onDocument(message.document, sender);
    else this.tell((clock) => this.body.message(sender, message, clock));
  }

  /** Judges a document and takes it when it holds; `from` is absent when this node's own call brought it. */
  onDocument(document: CertificateDocument, from: NodeId | undefined): boolean {
    return this.courts.receive(document, from);
  }

  #install(own: SimFunction): void {
    this.#function = own;
    this.mailbox = new Mailbox(this.identity, own.domain, undefined, this.#world.claims);
    this.door = new SimDoor(this.#world, own, this.id, this.mailbox);
    if (this.liar) this.liar = liarOf(this.liar.lie, this, this.#world, this.#prng);
  }

  #createCourts(): SimCourts {
    return new SimCourts(this.#world, this, {
      certified: (certificate, from) =>
        this.tell((clock) => this.body.certified(certificate, from, clock)),
      certifiedEarlier: (certificate) => this.#certifiedEarlier(certificate),
      attest: () => this.#link.attestLater(0),
    });
  }

  #createBody(): void {
    const world = this.#world;
    const { desk, membership } = this;
    const nowMs = this.clock.monotonicMs(world.nowMs);
    const goOn = () => this.#goOn();
    this.body = bootBody(world, this, { desk, membership, prng: this.#prng, nowMs, goOn });
    this.subLeases = this.#createSubLeases();
    world.booted(this);
  }

  /** The election goes on as what fits the folder now; in its turn, for the one that is left may be in the middle of a step. */
  #goOn(): void {
    this.tell(() => {
      this.#createBody();
      return [];
    });
    this.#link.tellKeys();
    this.tell((clock) => this.body.gossip({ type: "tick" }, clock));
  }

  /** Somebody sent a genuine certificate of the function before. */
  #certifiedEarlier(certificate: VerifiedCertificate): void {
    this.tell(() => {
      this.#save(() => this.#takeEarlier(certificate));
      return [];
    });
  }

  #takeEarlier(certificate: VerifiedCertificate): void {
    const { body } = this;
    if (!(body instanceof ClosingBody || body instanceof ChainBody)) return;
    if (!body.takeEarlier(certificate)) return;
    const world = this.#world;
    const before = world.functions[this.#function.number - 1];
    world.adopted(this, rosterCertificate(certificate)!, before);
    this.#goOn();
  }

  #createSubLeases(): SubLeaseDesk | undefined {
    if (!(this.body instanceof RosterBody)) return undefined;
    const { voter } = this.body;
    return new SubLeaseDesk({
      nowMs: () => this.clock.monotonicMs(this.#world.nowMs),
      grant: (id, wantedMs) => {
        this.#grantedMs = 0;
        this.tell((clock) => voter.elect({ type: "sub-lease", id, wantedMs }, clock));
        return this.#grantedMs;
      },
      returned: (id) =>
        this.tell((clock) => voter.elect({ type: "sub-lease-returned", id }, clock)),
    });
  }

  /** Plans something, unless the process dies before. */
  later(atMs: number, run: () => void): void {
    this.#process.later(atMs, run);
  }

  #carryOut(effect: SimEffect): void {
    const world = this.#world;
    const act = this.body.act(effect);
    // What is saved counts from the moment it is on the disk.
    if (act?.type === "save") {
      return this.#save(() => {
        act.commit();
        world.watch(this, effect);
      });
    }
    world.watch(this, effect);
    switch (effect.type) {
      case "send-gossip":
        return this.mouth.gossip(effect);
      case "sync":
        return exchangeStates(world, this, effect.address);
      case "persist-incarnation":
        return this.#save(() => this.disk.incarnation = effect.incarnation);
      case "send-election":
        return this.mouth.elect(effect);
      case "sub-lease-granted":
        this.#grantedMs = effect.grantedMs;
        return;
      case "member":
      case "report":
      case "left":
        return;
    }
    switch (act?.type) {
      case undefined:
        return;
      case "call":
        return this.#link.call(act);
      case "tell":
        return this.#process.tellNext(act.step);
      case "fail":
        this.crash();
        // Under an honest core that only lost its memory it stays down, as the one of an honest node does.
        if (this.liar && this.liar.lie !== "amnesia") this.#startAgain();
        else this.failStopped = act.reason;
        return;
      default:
        act satisfies never;
    }
  }

  /** A liar's owner does not care what its core has seen of its lies. */
  #startAgain(): void {
    const world = this.#world;
    world.at(world.nowMs + LIAR_RESTART_MS, () => {
      if (!this.isUp && this.isEnrolled && !this.disk.isFull) this.boot();
    });
  }

  #save(commit: () => void): void {
    if (!this.#process.save(commit)) this.crash();
  }
}
