/**
 * One simulated node: the shell of `lib/node/node.ts` in virtual time. Events come one at a time, effects are carried out in their order,
 * one timer waits for the next deadline, and the process can die between any two effects or stand still while a save takes long.
 */
import type { Address } from "../base/address.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { RosterCertificate, RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import { createMembership, type Membership } from "../membership/core.ts";
import { PROFILES } from "../membership/settings.ts";
import type { AliveClaim, NodeId } from "../membership/types.ts";
import { CertificateDesk } from "../node/certificate_desk.ts";
import type { GossipEvent } from "../node/gossip.ts";
import { Mailbox } from "../node/mailbox.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import type { ClockReading } from "../node/roster_voter.ts";
import { simulatedRules, unsignedClaims } from "./identities.ts";
import type { Liar } from "./liars.ts";
import type { NodeClock } from "./node_clock.ts";
import { OpenBody, RosterBody, type SimBody, type SimEffect } from "./sim_body.ts";
import { SimDoor } from "./sim_door.ts";
import { SimEnclaveLink } from "./sim_enclave_link.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { Packet, Payload } from "./sim_network.ts";
import type { World } from "./world.ts";

/** Datagrams that wait in the socket of a process that stands still: what the default buffer of Linux holds. */
const SOCKET_DATAGRAMS_MAX = 166;
/** How late a timer fires at most, ms. */
const TIMER_LATE_MS = 4;
/** How long a stream that does not come about is waited for, ms. */
const STREAM_TIMEOUT_MS = 1_000;

type Step = (clock: ClockReading) => readonly SimEffect[];

/** The node. */
export class SimNode {
  readonly place: number;
  readonly name: string;
  readonly identity: Identity;
  readonly clock: NodeClock;
  readonly disk: SimDisk;
  readonly address: Address;
  readonly mailbox: Mailbox;
  liar?: Liar;
  isUp = false;
  /** Dies after so many more effects. */
  effectsLeft = Infinity;
  /** Why it stopped for good. */
  failStopped?: string;
  /** No enclave is within its reach. */
  isWithoutEnclave = false;
  membership!: Membership;
  body!: SimBody;
  desk!: CertificateDesk;
  readonly #world: World;
  readonly #door: SimDoor;
  readonly #prng: Prng;
  #generation = 0;
  #pausedUntilMs = 0;
  #saving?: { commit(): void };
  #steps: Step[] = [];
  #effects: readonly SimEffect[] = [];
  #done = 0;
  #isBusy = false;
  #tickAtMs = Infinity;
  #link!: SimEnclaveLink;

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
    this.mailbox = new Mailbox(this.identity, world.domain);
    this.#door = new SimDoor(world, this.id, this.mailbox);
  }

  get id(): NodeId {
    return this.identity.id;
  }

  /** Whether the process runs and is neither stopped, asleep nor waiting for its disk. */
  get isAwake(): boolean {
    return this.isUp && !this.#isHalted;
  }

  /** An operator asks it to step down. */
  stepDown(): void {
    if (!(this.body instanceof RosterBody)) return;
    const { voter } = this.body;
    this.tell((clock) => voter.elect({ type: "step-down" }, clock));
  }

  /** Starts the process with what its disk holds. */
  boot(): void {
    const world = this.#world;
    this.isUp = true;
    this.effectsLeft = Infinity;
    this.#generation++;
    if (this.liar?.lie === "amnesia") this.disk.forget();
    this.#pausedUntilMs = 0;
    this.clock.wake(world.nowMs);
    this.#tickAtMs = Infinity;
    this.desk = new CertificateDesk(world.domain, this.disk, world.description);
    this.#link = new SimEnclaveLink(world, this, this.#prng);
    for (const kid of this.disk.kids) this.#link.admit(kid);
    this.membership = this.#createMembership();
    this.body = this.#createBody();
    this.#link.tellKeys();
    this.tell((clock) => this.body.gossip({ type: "tick" }, clock));
    this.#link.attestLater(this.#prng.float() * 20);
  }

  /** The process dies; what was saved stays, and of a save under way nobody knows. */
  crash(): void {
    if (!this.isUp) return;
    this.isUp = false;
    if (this.#saving && this.#prng.below(2) === 0) this.#saving.commit();
    this.#saving = undefined;
    this.disk.members = this.membership.snapshot()
      .filter((claim): claim is AliveClaim => claim.type === "alive" && claim.subject !== this.id);
    this.#generation++;
    this.#steps = [];
    this.#effects = [];
    this.#done = 0;
    this.#world.crashed(this);
  }

  /** The process is stopped until then. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    this.later(untilMs, () => this.#resume());
  }

  /** The machine sleeps until then. */
  suspend(untilMs: number): void {
    const world = this.#world;
    if (!this.isUp || this.clock.isSuspended(world.nowMs)) return;
    this.clock.suspend(world.nowMs, untilMs);
    this.later(untilMs, () => this.#resume());
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

  /** Who gathers the votes of the term in which this voter is. */
  get collector(): NodeId | undefined {
    return this.body instanceof RosterBody ? this.body.voter.collector : undefined;
  }

  /** Runs a step and carries out what follows; a step that comes up meanwhile runs after it. */
  tell(step: Step): void {
    if (!this.isUp) return;
    this.#steps.push(step);
    this.#proceed();
  }

  /** Something arrives from the network. */
  receive(packet: Packet): void {
    const world = this.#world;
    if (!this.isUp || this.clock.isSuspended(world.nowMs)) return;
    if (this.#isHalted && this.#steps.length >= SOCKET_DATAGRAMS_MAX) return;
    const opened = this.#door.open(packet);
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
    const { sender, message } = opened;
    if (this.liar && !this.liar.hears(message, packet.from)) return;
    if (message.kind === "certificate") this.onDocument(message.document, sender);
    else this.tell((clock) => this.body.message(sender, message, clock));
  }

  /** Sends an election message as it is, in this node's name. */
  send(to: number, message: RosterMessage | ElectionMessage): void {
    const payload = this.#isEncoded
      ? this.#door.encodedElection(to, message)
      : { type: "election" as const, message };
    this.#world.network.send({ from: this.place, to, payload });
  }

  /** Judges a document and takes it when it holds; `from` is absent when this node's own call brought it. */
  onDocument(document: CertificateDocument, from: NodeId | undefined): boolean {
    const world = this.#world;
    const known = world.verified.get(document);
    const certificate = known && this.desk.keys.has(known.kid)
      ? known
      : this.#judge(document, from);
    if (!certificate) return false;
    world.verified.set(document, certificate);
    this.tell((clock) => this.body.certified(certificate, from, clock));
    return true;
  }

  get #isHalted(): boolean {
    const { nowMs } = this.#world;
    return nowMs < this.#pausedUntilMs || this.#saving !== undefined ||
      this.clock.isSuspended(nowMs);
  }

  get #isEncoded(): boolean {
    return this.#world.encodes || this.liar !== undefined;
  }

  #judge(document: CertificateDocument, from: NodeId | undefined): VerifiedCertificate | undefined {
    const judgement = this.desk.judge(document, from);
    if (judgement.kind === "waits") this.#link.attestLater(0);
    return judgement.kind === "genuine" ? judgement.certificate : undefined;
  }

  #createMembership(): Membership {
    const world = this.#world;
    const { signClaim, signAck } = world.signs ? this.mailbox : unsignedClaims(this.identity);
    const roster = world.config && rosterOf(world.config);
    return createMembership({
      self: {
        id: this.id,
        publicKey: this.identity.publicKey,
        name: this.name,
        address: this.address,
        tags: {},
        keyMadeS: this.place,
      },
      lastIncarnation: this.disk.incarnation,
      seeds: world.seedsOf(this.place),
      known: this.disk.members,
      settings: PROFILES.local,
      prng: createPrng(this.#prng.uint32()),
      nonce: () => this.#prng.uint32().toString(16).padStart(16, "0"),
      signClaim,
      signAck,
      ...(roster && {
        roster: {
          ids: new Set(roster.voters.map((voter) => voter.id)),
          faultBound: roster.faultBound,
        },
      }),
    });
  }

  #createBody(): SimBody {
    const world = this.#world;
    const { identity, name, disk, desk, membership } = this;
    const prng = this.#prng;
    const nowMs = this.clock.monotonicMs(world.nowMs);
    const options = { identity, name, domain: world.domain, disk, desk, membership, prng, nowMs };
    if (!world.config) return new OpenBody(options, world.seedsOf(this.place).length > 0);
    const { collectors, signs } = world;
    const rules = simulatedRules(identity, world.domain, world.config, { prng, collectors, signs });
    return new RosterBody(options, world.config, rules);
  }

  #resume(): void {
    if (!this.isUp || this.#isHalted) return;
    const tick: Step = (clock) => this.body.gossip({ type: "tick" }, clock);
    // Timers and sockets are both overdue, and either may come first.
    if (this.#prng.below(2) === 0) this.#steps.unshift(tick);
    else this.#steps.push(tick);
    this.#proceed();
  }

  #proceed(): void {
    if (this.#isBusy || this.#isHalted) return;
    this.#isBusy = true;
    while (this.isUp && !this.#isHalted) {
      if (this.#done < this.#effects.length) this.#carryOut(this.#effects[this.#done++]);
      else {
        const step = this.#steps.shift();
        if (!step) break;
        this.#done = 0;
        this.#effects = step(this.#reading());
      }
    }
    this.#isBusy = false;
    this.#arm();
  }

  #reading(): ClockReading {
    const { nowMs } = this.#world;
    return { nowMs: this.clock.monotonicMs(nowMs), wallMs: this.clock.wallMs(nowMs) };
  }

  #arm(): void {
    if (!this.isUp || this.#isHalted) return;
    const world = this.#world;
    const deadline = this.body.deadlineMs();
    if (deadline === undefined) return;
    const waitMs = this.clock.trueMs(
      Math.max(0, deadline - this.clock.monotonicMs(world.nowMs)),
    );
    const dueMs = world.nowMs + waitMs;
    // A timer that fires earlier does no harm: it looks again.
    if (this.#tickAtMs <= dueMs + TIMER_LATE_MS) return;
    const atMs = dueMs + 0.001 + this.#prng.float() * TIMER_LATE_MS;
    this.#tickAtMs = atMs;
    this.later(atMs, () => {
      if (this.#tickAtMs !== atMs) return;
      this.#tickAtMs = Infinity;
      if (!this.#isHalted) this.tell((clock) => this.body.gossip({ type: "tick" }, clock));
    });
  }

  /** Plans something, unless the process dies before. */
  later(atMs: number, run: () => void): void {
    const generation = this.#generation;
    this.#world.at(atMs, () => {
      if (this.#generation === generation) run();
    });
  }

  #carryOut(effect: SimEffect): void {
    if (this.effectsLeft-- <= 0) return this.crash();
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
      case "send-gossip": {
        const { to, recipient, message } = effect;
        const place = world.placeOf(to);
        if (place === undefined) return;
        const said = this.liar ? this.liar.gossips(message) : message;
        const payload: Payload = this.#isEncoded
          ? this.#door.encodedGossip(recipient, said)
          : { type: "gossip", recipient, message: said };
        return world.network.send({ from: this.place, to: place, payload });
      }
      case "sync":
        return this.#sync(effect.address);
      case "persist-incarnation":
        return this.#save(() => this.disk.incarnation = effect.incarnation);
      case "send-election":
        for (const { address } of effect.to) {
          const to = world.placeOf(address);
          if (to === undefined) continue;
          if (!this.liar) this.send(to, effect.message);
          else {
            for (const said of this.liar.says(effect.message as RosterMessage, to)) {
              this.send(said.to, said.message);
            }
          }
        }
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
        return void this.#steps.push(act.step);
      case "fail":
        this.failStopped = act.reason;
        return this.crash();
      default:
        act satisfies never;
    }
  }

  #save(commit: () => void): void {
    if (this.disk.isFull) return this.crash();
    if (this.disk.saveMs === 0) return commit();
    const saving = { commit };
    this.#saving = saving;
    this.later(this.#world.nowMs + this.disk.saveMs, () => {
      if (this.#saving !== saving) return;
      commit();
      this.#saving = undefined;
      this.#proceed();
    });
  }

  /** Full state over a stream: there and back, or a failure after a while. */
  #sync(address: Address): void {
    const world = this.#world;
    const place = world.placeOf(address);
    const partner = place === undefined ? undefined : world.nodes[place];
    const isReached = partner?.isAwake && world.network.isOpen(this.place, partner.place) &&
      world.network.isOpen(partner.place, this.place);
    const fail = () =>
      this.later(
        world.nowMs + STREAM_TIMEOUT_MS,
        () => this.tell((clock) => this.body.gossip({ type: "sync-failed", address }, clock)),
      );
    if (!isReached) return fail();
    const mine = this.#door.carried(undefined, this.membership.snapshot());
    const generation = this.#generation;
    world.at(world.nowMs + world.network.drawDelayMs(), () => {
      // A process that stands still answers nobody, and its state may not be on its disk yet.
      if (!partner.isAwake) return this.#generation === generation ? fail() : undefined;
      const theirs = partner.#door.carried(this.id, partner.membership.snapshot());
      const source = { host: this.address.host, port: 1 };
      const sender = this.id;
      const heard = partner.#door.opened(mine);
      partner.tell((clock) =>
        partner.body.gossip({ type: "synced", address: source, sender, claims: heard }, clock)
      );
      world.at(world.nowMs + world.network.drawDelayMs(), () => {
        if (this.#generation !== generation) return;
        const claims = this.#door.opened(theirs);
        this.tell((clock) => this.body.gossip({ type: "synced", address, claims }, clock));
      });
    });
  }
}
