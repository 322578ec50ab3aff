/**
 * The shell of one node: network, clock, disk and enclaves around a pure replica. Everything that comes in is opened and verified
 * at a door (`traffic.ts`, `certificate_door.ts`), becomes one event, and the effects are carried out in their order; what has to be
 * remembered is on disk before what follows is sent. There is one timer, armed for the replica's next deadline (`step_runner.ts`). What
 * differs between open and roster clusters is in the election's part (`open_part.ts`, `roster_part.ts`).
 */
import { type Address, formatAddress } from "../base/address.ts";
import { type PossessionChallenge, provePossession } from "../certificate/possession.ts";
import type { SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import type { ForkEvidence } from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { Coordinate } from "../membership/coordinate.ts";
import type { AliveClaim, Member, NodeId } from "../membership/types.ts";
import { dropped } from "../wire/envelope.ts";
import type { Keyring, KeyringChange } from "../wire/keyring.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { ClusterKeys } from "./cluster_keys.ts";
import { CertificateDoor } from "./certificate_door.ts";
import type { ElectionPart, PartEffect, PartShell } from "./election_part.ts";
import { StepRunner } from "./step_runner.ts";
import type { NodeOptions } from "./node_options.ts";
import { EventLog } from "./event_log.ts";
import { clusterJsonOf, type FunctionDescription } from "./function_description.ts";
import { addressesOf, type GossipEvent } from "./gossip.ts";
import { History } from "./history.ts";
import { type JoinReport, JoinWatch } from "./join_watch.ts";
import { Journal } from "./journal.ts";
import { Mailbox } from "./mailbox.ts";
import { MemberMemory } from "./member_memory.ts";
import { NodeMetrics } from "./node_metrics.ts";
import { electionPart, nodeMembership } from "./node_parts.ts";
import { voterName } from "./roster_cluster.ts";
import type { StoredCertificate } from "./chain_store.ts";
import { StateStore, type StoredKey } from "./state_store.ts";
import { SubLeaseDesk } from "./sub_lease_desk.ts";
import type { Succession } from "./succession.ts";
import { Traffic } from "./traffic.ts";

/** How long a join waits for answers, ms: a datagram there and back takes a fraction of it anywhere on earth. */
const JOIN_WAIT_MS = 3_000;

/** A running node. */
export class Node implements AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly address: Address;
  /** What happened lately. */
  readonly events: EventLog;
  /** What it counted of that. */
  readonly metrics = new NodeMetrics(() => performance.now());
  /** What is worth remembering of it. */
  readonly history: History;
  /** Monotonic ms at which it started, on the clock of {@linkcode Member.sinceMs}. */
  readonly startedMs = performance.now();
  /** What runs under this node's lease in other processes. */
  readonly subLeases: SubLeaseDesk;
  /** Resolves when the node has stopped by itself; rejects with what it cannot go on with. */
  readonly stopped: Promise<void>;

  readonly #options: NodeOptions;
  readonly #domain: Domain;
  readonly #store: StateStore;
  readonly #keys: ClusterKeys;
  readonly #mailbox: Mailbox;
  readonly #traffic: Traffic;
  readonly #journal: Journal;
  readonly #door: CertificateDoor;
  readonly #membership: Membership;
  #part: ElectionPart;
  readonly #joins = new JoinWatch();
  readonly #stop = Promise.withResolvers<void>();
  readonly #leftCluster = Promise.withResolvers<void>();
  readonly #memory: MemberMemory;
  readonly #steps = new StepRunner({
    carryOut: (effect) => this.#carryOut(effect),
    deadlineMs: () => this.#part.deadlineMs(),
    tick: () => this.#dispatch({ type: "tick" }),
    fail: (thrown) => this.#fail(thrown),
  });
  #closed = false;
  #closing?: Promise<void>;

  /** Binds the sockets, reads the state and starts. Throws a `FumataError` for a port in use or a state folder that cannot serve. */
  constructor(options: NodeOptions) {
    this.#options = options;
    this.#domain = { checksum: options.checksum, cluster: options.cluster };
    this.stopped = this.#stop.promise;
    // Whoever started the node may still be busy with something else when it stops; the reason waits for it.
    this.stopped.catch(() => {});
    this.#keys = new ClusterKeys(options.cluster, options.keyFile);
    this.#store = StateStore.open(options.stateFolder);
    const { identity } = this.#store;
    this.#mailbox = new Mailbox(identity, this.#domain, this.#keys.sealer);
    try {
      this.#traffic = this.#createTraffic();
    } catch (thrown) {
      this.#store[Symbol.dispose]();
      throw thrown;
    }
    this.id = identity.id;
    this.address = options.advertise ?? this.#traffic.address;
    this.history = new History(this.id);
    this.events = new EventLog(options.logger, Date.now);
    this.events.follow((event) => {
      this.metrics.note(event);
      this.history.note(event, Date.now());
    });
    this.#journal = new Journal(this.events, this.id);
    this.#door = this.#createDoor();
    const { description } = this.#door.desk;
    this.name = options.name ?? voterName(description, this.id) ?? formatAddress(this.address);
    try {
      this.#membership = nodeMembership(
        options,
        { name: this.name, address: this.address },
        this.#store,
        this.#mailbox,
        description,
      );
      this.#memory = new MemberMemory({
        store: this.#store,
        snapshot: () => this.#membership.snapshot(),
        self: this.id,
        fail: (thrown) => this.#fail(thrown),
      });
      this.#part = this.#createPart();
    } catch (thrown) {
      this.#traffic[Symbol.asyncDispose]();
      this.#store[Symbol.dispose]();
      throw thrown;
    }
    this.subLeases = new SubLeaseDesk({
      nowMs: () => performance.now(),
      grant: (id, wantedMs) => this.#closed ? 0 : this.#part.subLease(id, wantedMs),
      returned: (id) => this.#part.subLeaseReturned(id),
    });
    this.#start();
  }

  /** The other members, in any state. */
  members(): readonly Member[] {
    return this.#membership.members();
  }

  /** What this node says of itself; `undefined` before it has started. */
  get self(): AliveClaim | undefined {
    return this.#membership.self();
  }

  /** Where this node has placed itself in the network. */
  get coordinate(): Coordinate {
    return this.#membership.coordinate();
  }

  get cluster(): string {
    return this.#domain.cluster;
  }

  /** The pinned checksum of the election function, 32 bytes. */
  get checksum(): Uint8Array {
    return this.#domain.checksum;
  }

  /** The present term of the election. */
  get term(): number {
    return this.#part.term;
  }

  /** The TEE whose evidence this node verified in this run, and the function's policy. */
  get enclave(): { readonly platform?: string; readonly policy?: string } {
    const { platform, desk } = this.#door;
    return { platform, policy: desk.description?.policy };
  }

  /** How long this node may act as the leader from now on, ms; 0 when it may not, and always 0 in an open cluster. Ask before every act. */
  leaseRemainingMs(): number {
    // A node that was closed hears of no lost lease any more.
    return this.#closed ? 0 : this.#part.leaseRemainingMs();
  }

  /** Which kind of cluster it runs in. */
  get kind(): FunctionDescription["kind"] {
    return this.#door.kind;
  }

  /** What was proven about liars; nothing in an open cluster. */
  get evidence(): readonly ForkEvidence[] {
    return this.#part.evidence;
  }

  /** The certificates of this roster cluster that are kept here, through its successions, oldest first; none in an open cluster. */
  certificates(): readonly StoredCertificate[] {
    return this.#store.chain.all(this.cluster);
  }

  /** Another text whenever {@linkcode Node.certificates} or {@linkcode Node.enclaveKeys} may have changed, within this run. */
  get chainVersion(): string {
    return `${this.#store.chain.version}.${this.#store.keysVersion}`;
  }

  /** The enclave keys of a function (checksum in hex) for which this node verified evidence, in this run or earlier; the latest last. */
  enclaveKeys(checksum: string): readonly StoredKey[] {
    return this.#store.keys(checksum);
  }

  /** Signs a challenge with this node's key; `undefined` unless the named certificate is in force here and this node is its leader. */
  provePossession(challenge: PossessionChallenge): string | undefined {
    const { leader } = this;
    if (leader?.id !== challenge.certificate || leader.leader !== this.id) return undefined;
    return provePossession(this.#store.identity, this.#domain, challenge);
  }

  /** Asks this node to give its leadership back; does nothing when it has none, or in an open cluster. */
  stepDown(): void {
    this.#part.stepDown();
  }

  /** How far the succession of this cluster is; `undefined` before it was ordered, and always in an open cluster. */
  get succession(): Succession | undefined {
    return this.#part.succession;
  }

  /** Takes the operator's order to close, and passes it on. Throws a `FumataError` for one that is none for this cluster. */
  succeed(order: SuccessionOrderFile): void {
    this.#part.succeed(order);
  }

  /** The certificate that this node respects now. */
  get leader(): VerifiedCertificate | undefined {
    return this.#part.leader;
  }

  /** Frames from the network that were dropped, by reason. */
  get drops(): Traffic["drops"] {
    return this.#traffic.drops;
  }

  /** Frames of each kind that this node opened and that it made, datagrams and streams alike. */
  get frames(): Mailbox["frames"] {
    return this.#mailbox.frames;
  }

  /** `cluster.json` as the attested function told it; `undefined` in an open cluster. */
  get clusterJson(): string | undefined {
    const { description } = this.#door.desk;
    return description && clusterJsonOf(description);
  }

  /** The cluster keys, the primary first; `undefined` when gossip is not sealed. */
  get keyring(): Keyring | undefined {
    return this.#keys.keyring;
  }

  /** Changes the cluster keys, on disk before it counts. Throws a `FumataError` when that is refused. */
  changeKeyring(make: (keyring: Keyring) => KeyringChange): Keyring {
    const keyring = this.#keys.change(make);
    this.#journal.keysChanged(keyring.map((key) => key.id));
    return keyring;
  }

  /** Tries further seeds at once; resolves when all have answered or the time for it is over. */
  join(seeds: readonly Address[], waitMs = JOIN_WAIT_MS): Promise<JoinReport> {
    const start = () => this.#dispatch({ type: "join", seeds });
    return this.#joins.join(seeds, waitMs, start);
  }

  /** Gives up a member that does not answer. The caller has looked that it is not alive. */
  giveUp(id: NodeId): void {
    this.#dispatch({ type: "give-up", id });
  }

  /** Tells the others, waits until enough have heard it (bounded by the profile), and stops. */
  async leave(): Promise<void> {
    this.#journal.leaving();
    await this.#sayGoodbye();
    this.#journal.left();
    await this[Symbol.asyncDispose]();
  }

  /** Stops at once, without a word to the others. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#steps[Symbol.dispose]();
    this.#joins[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    await this.#door[Symbol.asyncDispose]();
    await this.#traffic[Symbol.asyncDispose]();
    this.#store[Symbol.dispose]();
    this.#stop.resolve();
  }

  async #sayGoodbye(): Promise<void> {
    this.#journal.quiet();
    this.#dispatch({ type: "leave" });
    await Promise.race([this.#leftCluster.promise, this.stopped.catch(() => {})]);
  }

  #createTraffic(): Traffic {
    return new Traffic(this.#options.bind, this.#mailbox, {
      gossip: (event) => this.#dispatch(event),
      election: (frame) =>
        this.#part.kinds.has(frame.kind) ? this.#part.receive(frame) : dropped("kind"),
      key: (sender, message) => this.#door.hearKey(sender, message),
      snapshot: () => this.#membership.snapshot(),
      sendFailed: (name, to, reason) => this.#journal.sendFailed(name, this.#nameOf(to), reason),
    });
  }

  #createDoor(): CertificateDoor {
    return new CertificateDoor(this.#domain, this.#options, this.#store, this.#journal, {
      nameOf: (id) => this.#nameOf(id),
      send: (to, kind, body, name) => {
        for (const { id, address } of addressesOf(this.#membership, [to])) {
          this.#traffic.send(id, address, kind, body, name);
        }
      },
      certified: (certificate, from) => this.#part.certified(certificate, from),
      certifiedEarlier: (certificate) => this.#part.certifiedEarlier(certificate),
      keys: (kids, preferred) => this.#part.keys(kids, preferred),
      // The others are told that it goes.
      refused: (error) => void this.#sayGoodbye().then(() => this.#fail(error)),
      fail: (thrown) => this.#fail(thrown),
    });
  }

  #createPart(): ElectionPart {
    return electionPart(this.#options, {
      domain: this.#domain,
      name: this.name,
      membership: this.#membership,
      store: this.#store,
      desk: this.#door.desk,
      canJudgePredecessor: this.#door.canJudgePredecessor,
      journal: this.#journal,
      shell: this.#shell(),
    });
  }

  #shell(): PartShell {
    return {
      run: (step) => this.#steps.run(step),
      send: (to, kind, body, name) => {
        for (const { id, address } of to) this.#traffic.send(id, address, kind, body, name);
      },
      call: (input, kid) => this.metrics.timed(() => this.#door.call(input, kid)),
      onDocument: (document, from, kid) => this.#door.receive(document, from, kid),
      goOn: () => this.#goOn(),
      fail: (thrown) => this.#fail(thrown),
    };
  }

  /** In its turn: the part that is left may be in the middle of a step. */
  #goOn(): void {
    this.#steps.run(() => {
      this.#part = this.#createPart();
      const begin = () => {
        this.#door.tellKeys();
        this.#dispatch({ type: "tick" });
      };
      return [{ type: "act", act: begin }];
    });
  }

  #start(): void {
    const { cluster, stateFolder } = this.#options;
    this.#journal.started(this.name, this.address, cluster, stateFolder);
    this.#journal.sealing(this.#keys.file, this.#traffic.address);
    this.#door.start();
    this.#dispatch({ type: "tick" });
  }

  #dispatch(event: GossipEvent): void {
    this.#steps.run((nowMs) => this.#part.step(event, nowMs));
  }

  #carryOut(effect: PartEffect): void {
    switch (effect.type) {
      case "act":
        effect.act();
        break;
      case "send-gossip":
        this.#traffic.sendGossip(effect.to, effect.recipient, effect.message);
        break;
      case "sync":
        this.#traffic.sync(effect.address);
        break;
      case "persist-incarnation":
        this.#store.saveIncarnation(effect.incarnation);
        break;
      case "member":
        this.#memory.changed();
        this.#traffic.memberChanged(effect.change, this.members());
        this.#journal.member(effect.change);
        break;
      case "report":
        this.#journal.report(effect.report);
        this.#joins.hear(effect.report);
        break;
      case "left":
        this.#leftCluster.resolve();
        break;
      default:
        effect satisfies never;
    }
  }

  #fail(thrown: unknown): void {
    this.#stop.reject(thrown);
    this[Symbol.asyncDispose]();
  }

  #nameOf(id: string): string {
    return this.#membership.member(id)?.name ?? id;
  }
}
