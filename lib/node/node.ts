/**
 * The shell of one node: sockets, clock, disk and enclave around a pure replica. Everything that comes in is opened and verified
 * at the door, becomes one event, and the effects are carried out in their order; what has to be remembered is on disk before
 * what follows is sent. There is one timer, armed for the replica's next deadline. What differs between open and roster clusters is in
 * the election's part (`open_part.ts`, `roster_part.ts`).
 */
import { type Address, formatAddress } from "../base/address.ts";
import { hex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import { type PossessionChallenge, provePossession } from "../certificate/possession.ts";
import type { SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { ForkEvidence } from "../election/roster/types.ts";
import { LAN_ELECTION, LOCAL_ELECTION, WAN_ELECTION } from "../election/settings.ts";
import { createMembership, type Membership } from "../membership/core.ts";
import { PROFILES } from "../membership/settings.ts";
import type { Coordinate } from "../membership/coordinate.ts";
import type { AliveClaim, Claim, Member, MembershipReport, NodeId } from "../membership/types.ts";
import type { Keyring, KeyringChange } from "../wire/keyring.ts";
import { encodeKeyMessage, KEY_KINDS } from "../wire/key_messages.ts";
import { createSealer, type Sealer } from "../wire/sealing.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { CertificateDesk } from "./certificate_desk.ts";
import type { ElectionPart, PartEffect, PartShell } from "./election_part.ts";
import { StepRunner } from "./step_runner.ts";
import { ClusterKindChanged, type NodeOptions } from "./node_options.ts";
import { EnclaveHosts } from "./enclave_hosts.ts";
import type { AttestedFunction } from "./enclave_link.ts";
import { EventLog } from "./event_log.ts";
import { clusterJsonOf, type FunctionDescription } from "./function_description.ts";
import { addressesOf, type GossipEvent } from "./gossip.ts";
import { History } from "./history.ts";
import { Journal } from "./journal.ts";
import { KeyExchange } from "./key_exchange.ts";
import { keyOfKeptEvidence } from "./kept_evidence.ts";
import { KeyringFile } from "./keyring_file.ts";
import { Mailbox, type Received } from "./mailbox.ts";
import { MemberMemory } from "./member_memory.ts";
import { NodeMetrics } from "./node_metrics.ts";
import { OpenPart } from "./open_part.ts";
import { RosterPart } from "./roster_part.ts";
import { rosterOf, voterName } from "./roster_cluster.ts";
import { SourceLimit } from "./source_limit.ts";
import type { StoredCertificate } from "./chain_store.ts";
import { StateStore, type StoredKey } from "./state_store.ts";
import { type LeaseGranter, SubLeaseDesk } from "./sub_lease_desk.ts";
import type { Succession } from "./succession.ts";
import { openTransport, type Transport } from "./transport.ts";

/** What came of an operator's wish to join. */
export interface JoinReport {
  readonly answered: readonly { readonly seed: Address; readonly id: NodeId }[];
  /** Seeds that did not answer in time; they are tried on. */
  readonly silent: readonly Address[];
}

/** How long a join waits for answers, ms: a datagram there and back takes a fraction of it anywhere on earth. */
const JOIN_WAIT_MS = 3_000;

/** An open cluster has no leases: nothing expires there but the node's word that it leads, and a holder should not go by it for longer, ms. */
const OPEN_GRANT_MS_MAX = 2_000;

const ELECTION_SETTINGS = { local: LOCAL_ELECTION, lan: LAN_ELECTION, wan: WAN_ELECTION };

/**
 * How long an enclave host may be out of reach before its key counts as lost, ms. Long against a restart of the host, since a change of
 * key is seen by everyone and for good; short enough that another host takes over while people still look.
 */
const ENCLAVE_PATIENCE_MS = { local: 2_000, lan: 15_000, wan: 60_000 };

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
  readonly #transport: Transport;
  readonly #keyFile?: KeyringFile;
  readonly #sealer?: Sealer;
  readonly #mailbox: Mailbox;
  readonly #journal: Journal;
  readonly #desk: CertificateDesk;
  readonly #keyExchange: KeyExchange;
  readonly #membership: Membership;
  readonly #part: ElectionPart;
  readonly #kind: FunctionDescription["kind"];
  readonly #enclaves: EnclaveHosts;
  readonly #sources = new SourceLimit();
  readonly #reportListeners = new Set<(report: MembershipReport) => void>();
  readonly #stop = Promise.withResolvers<void>();
  readonly #leftCluster = Promise.withResolvers<void>();
  #platform?: string;
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
    if (options.keyFile !== undefined) {
      this.#keyFile = KeyringFile.open(options.keyFile);
      this.#sealer = createSealer(options.cluster, this.#keyFile.keyring);
    }
    this.#store = StateStore.open(options.stateFolder);
    try {
      this.#transport = openTransport(options.bind, {
        datagram: (bytes, source) => this.#onDatagram(bytes, source),
        stream: (frames, source) => this.#onStream(frames, source),
      });
    } catch (thrown) {
      this.#store[Symbol.dispose]();
      throw thrown;
    }
    const { identity } = this.#store;
    this.id = identity.id;
    this.address = options.advertise ?? this.#transport.address;
    this.history = new History(this.id);
    this.events = new EventLog(options.logger, Date.now);
    this.events.follow((event) => {
      this.metrics.note(event);
      this.history.note(event, Date.now());
    });
    this.#journal = new Journal(this.events, this.id);
    this.#mailbox = new Mailbox(identity, this.#domain, this.#sealer);
    this.#desk = new CertificateDesk(this.#domain, this.#store, options.description);
    this.name = options.name ?? voterName(this.#desk.description, this.id) ??
      formatAddress(this.address);
    this.#keyExchange = this.#createKeyExchange();
    const description = this.#desk.description;
    this.#kind = description?.kind ?? "open";
    try {
      this.#membership = this.#createMembership(description);
      this.#memory = new MemberMemory({
        store: this.#store,
        snapshot: () => this.#membership.snapshot(),
        self: this.id,
        fail: (thrown) => this.#fail(thrown),
      });
      this.#part = this.#createPart(description);
    } catch (thrown) {
      this.#transport[Symbol.asyncDispose]();
      this.#store[Symbol.dispose]();
      throw thrown;
    }
    this.subLeases = new SubLeaseDesk(this.#leaseGranter());
    this.#enclaves = new EnclaveHosts(options.enclaves, ENCLAVE_PATIENCE_MS[options.profile], {
      attested: (found) => this.#onAttested(found),
      keyLost: (kid, host) => {
        this.#journal.enclaveKeyLost(kid, host);
        this.#tellKeys();
      },
      givenUp: (host) => {
        this.#journal.enclaveGivenUp(host);
        this.#tellKeys();
      },
      unreachable: (reason, retryMs) => this.#journal.enclaveUnreachable(reason, retryMs),
      refused: (error, isLast) => this.#onRefused(error, isLast),
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
    return { platform: this.#platform, policy: this.#desk.description?.policy };
  }

  /** How long this node may act as the leader from now on, ms; 0 when it may not, and always 0 in an open cluster. Ask before every act. */
  leaseRemainingMs(): number {
    // A node that was closed hears of no lost lease any more.
    if (this.#closed || !(this.#part instanceof RosterPart)) return 0;
    return this.#part.leaseRemainingMs();
  }

  /** Which kind of cluster it runs in. */
  get kind(): FunctionDescription["kind"] {
    return this.#kind;
  }

  /** What was proven about liars; nothing in an open cluster. */
  get evidence(): readonly ForkEvidence[] {
    return this.#part instanceof RosterPart ? this.#part.evidence : [];
  }

  /** The certificates of this roster cluster that are kept here, through its successions, oldest first; none in an open cluster. */
  certificates(): readonly StoredCertificate[] {
    return this.#store.chain.all(this.cluster);
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
    if (this.#part instanceof RosterPart) this.#part.stepDown();
  }

  /** How far the succession of this cluster is; `undefined` before it was ordered, and always in an open cluster. */
  get succession(): Succession | undefined {
    return this.#part instanceof RosterPart ? this.#part.succession : undefined;
  }

  /** Takes the operator's order to close, and passes it on. Throws a `FumataError` for one that is none for this cluster. */
  succeed(order: SuccessionOrderFile): void {
    if (this.#part instanceof RosterPart) return this.#part.succeed(order);
    const why = "this cluster is open, and has no electorate that could close";
    throw new FumataError("refused", `Cannot take the order of succession: ${why}`);
  }

  /** The certificate that this node respects now. */
  get leader(): VerifiedCertificate | undefined {
    return this.#part.leader;
  }

  /** Frames from the network that were dropped, by reason. */
  get drops(): Mailbox["drops"] & { readonly flood: number } {
    return { ...this.#mailbox.drops, flood: this.#sources.refused };
  }

  /** Frames of each kind that this node opened and that it made, datagrams and streams alike. */
  get frames(): Mailbox["frames"] {
    return this.#mailbox.frames;
  }

  /** `cluster.json` as the attested function told it; `undefined` in an open cluster. */
  get clusterJson(): string | undefined {
    const { description } = this.#desk;
    return description && clusterJsonOf(description);
  }

  /** The cluster keys, the primary first; `undefined` when gossip is not sealed. */
  get keyring(): Keyring | undefined {
    return this.#keyFile?.keyring;
  }

  /** Changes the cluster keys, on disk before it counts. Throws a `FumataError` when that is refused. */
  changeKeyring(make: (keyring: Keyring) => KeyringChange): Keyring {
    if (!this.#keyFile || !this.#sealer) {
      throw new FumataError(
        "usage",
        "Cannot change the cluster keys: this node has none; start it with --encrypt FILE",
      );
    }
    const keyring = this.#keyFile.change(make);
    this.#sealer.setKeyring(keyring);
    this.#journal.keysChanged(keyring.map((key) => key.id));
    return keyring;
  }

  /** Tries further seeds at once; resolves when all have answered or the time for it is over. */
  async join(seeds: readonly Address[], waitMs = JOIN_WAIT_MS): Promise<JoinReport> {
    const waiting = new Map(seeds.map((seed) => [formatAddress(seed), seed]));
    const answered: { seed: Address; id: NodeId }[] = [];
    const done = Promise.withResolvers<void>();
    const listener = (report: MembershipReport) => {
      if (report.kind !== "seed-answered" || !waiting.delete(formatAddress(report.seed))) return;
      answered.push({ seed: report.seed, id: report.id });
      if (waiting.size === 0) done.resolve();
    };
    this.#reportListeners.add(listener);
    const timer = setTimeout(done.resolve, waitMs);
    this.stopped.then(done.resolve, done.resolve);
    this.#dispatch({ type: "join", seeds });
    await done.promise;
    clearTimeout(timer);
    this.#reportListeners.delete(listener);
    return { answered, silent: [...waiting.values()] };
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
    this.#memory[Symbol.dispose]();
    await this.#enclaves[Symbol.asyncDispose]();
    await this.#transport[Symbol.asyncDispose]();
    this.#store[Symbol.dispose]();
    this.#stop.resolve();
  }

  async #sayGoodbye(): Promise<void> {
    this.#journal.quiet();
    this.#dispatch({ type: "leave" });
    await Promise.race([this.#leftCluster.promise, this.stopped.catch(() => {})]);
  }

  #createMembership(description: FunctionDescription | undefined): Membership {
    const { identity } = this.#store;
    const roster = description?.kind === "roster" ? rosterOf(description.config) : undefined;
    return createMembership({
      self: {
        id: identity.id,
        publicKey: identity.publicKey,
        name: this.name,
        address: this.address,
        tags: this.#options.tags,
        keyMadeS: this.#store.keyMadeS,
      },
      lastIncarnation: this.#store.incarnation,
      seeds: this.#options.seeds,
      known: this.#knownMembers(),
      settings: PROFILES[this.#options.profile],
      prng: freshPrng(),
      nonce: () => hex(crypto.getRandomValues(new Uint8Array(8))),
      signClaim: this.#mailbox.signClaim,
      signAck: this.#mailbox.signAck,
      ...(roster && {
        roster: {
          ids: new Set(roster.voters.map((voter) => voter.id)),
          faultBound: roster.faultBound,
        },
      }),
    });
  }

  /** Members of an earlier run. Their keys count from the start, for they may speak to this node before they hear that it was away. */
  #knownMembers(): AliveClaim[] {
    const claims = this.#mailbox.readAliveClaims(this.#store.memberClaims());
    for (const { subject, publicKey } of claims) this.#mailbox.know({ id: subject, publicKey });
    return claims;
  }

  #createPart(description: FunctionDescription | undefined): ElectionPart {
    const { profile, seeds, middleman } = this.#options;
    const shared = {
      domain: this.#domain,
      membership: this.#membership,
      store: this.#store,
      desk: this.#desk,
      journal: this.#journal,
      shell: this.#shell(),
      prng: freshPrng(),
      nowMs: performance.now(),
    };
    if (description?.kind !== "roster") {
      const awaitsSeeds = seeds.length > 0;
      const settings = ELECTION_SETTINGS[profile];
      return new OpenPart({ ...shared, name: this.name, settings, awaitsSeeds });
    }
    const { config } = description;
    if (config.cluster !== this.#domain.cluster) {
      throw new FumataError(
        "usage",
        `Cannot run in cluster "${this.#domain.cluster}": the function's cluster.json is for ` +
          `cluster "${config.cluster}"; start the node with --cluster ${config.cluster}`,
      );
    }
    return new RosterPart({ ...shared, config, profile, ...(middleman && { middleman }) });
  }

  #createKeyExchange(): KeyExchange {
    const { enclaves, checksum: functionChecksum } = this.#options;
    const policies = enclaves.flatMap(({ policy }) => policy ?? []);
    return new KeyExchange({
      desk: this.#desk,
      judge: (jwk, evidence) =>
        keyOfKeptEvidence(jwk, evidence, { policies, functionChecksum, now: new Date() }),
      send: (to, message) => {
        const body = encodeKeyMessage(message);
        for (const { id, address } of addressesOf(this.#membership, [to])) {
          this.#sendElection(id, address, KEY_KINDS[message.kind], body, message.kind);
        }
      },
      taken: ({ kid }, from) => {
        this.#journal.keyTaken(kid, this.#nameOf(from));
        this.#judgeWaiting();
      },
      refused: (kid, from, reason) => this.#journal.keyRefused(kid, this.#nameOf(from), reason),
    });
  }

  #shell(): PartShell {
    return {
      run: (step) => this.#steps.run(step),
      send: (to, kind, body, name) => {
        for (const { id, address } of to) this.#sendElection(id, address, kind, body, name);
      },
      call: (input, kid) => this.metrics.timed(() => this.#enclaves.call(input, kid)),
      onDocument: (document, from, kid) => this.#onDocument(document, from, kid),
      fail: (thrown) => this.#fail(thrown),
    };
  }

  #leaseGranter(): LeaseGranter {
    return {
      nowMs: () => performance.now(),
      grant: (id, wantedMs) => {
        if (this.#closed) return 0;
        if (this.#part instanceof RosterPart) return this.#part.subLease(id, wantedMs);
        return this.leader?.leader === this.id ? Math.min(wantedMs, OPEN_GRANT_MS_MAX) : 0;
      },
      returned: (id) => {
        if (this.#part instanceof RosterPart) this.#part.subLeaseReturned(id);
      },
    };
  }

  #start(): void {
    const { cluster, stateFolder } = this.#options;
    this.#journal.started(this.name, this.address, cluster, stateFolder);
    this.#journal.sealing(this.#keyFile, this.#transport.address);
    this.#tellKeys();
    this.#enclaves.start();
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
        if (effect.message.kind === "ping") this.#sources.expect(effect.to);
        this.#transport.send(effect.to, this.#mailbox.gossip(effect.recipient, effect.message));
        break;
      case "sync":
        this.#sync(effect.address);
        break;
      case "persist-incarnation":
        this.#store.saveIncarnation(effect.incarnation);
        break;
      case "member":
        this.#memory.changed();
        if (effect.change.kind === "join") this.#mailbox.know(effect.change.member);
        if (effect.change.kind === "reap") this.#mailbox.forget(effect.change.member.id);
        this.#sources.setMembers(this.members().map((member) => member.address));
        this.#journal.member(effect.change);
        break;
      case "report":
        this.#journal.report(effect.report);
        for (const listener of [...this.#reportListeners]) listener(effect.report);
        break;
      case "left":
        this.#leftCluster.resolve();
        break;
      default:
        effect satisfies never;
    }
  }

  #onDatagram(bytes: Uint8Array, source: Address): void {
    if (!this.#mailbox.isWorthOpening(bytes)) return;
    if (!this.#sources.admits(source, performance.now())) return;
    const received = this.#mailbox.openDatagram(bytes);
    if (received) this.#onReceived(received, source);
  }

  #onStream(frames: readonly Uint8Array[], source: Address): readonly Uint8Array[] {
    const claims: Claim[] = [];
    let syncedWith: string | undefined;
    for (const frame of frames) {
      const received = this.#mailbox.openFrame(frame);
      if (!received) return [];
      if (received.type === "sync") {
        if (syncedWith !== undefined && syncedWith !== received.sender) return [];
        syncedWith = received.sender;
        claims.push(...received.claims);
      } else this.#onReceived(received, source);
    }
    if (syncedWith === undefined) return [];
    const answer = this.#mailbox.sync(syncedWith, this.#membership.snapshot());
    this.#dispatch({ type: "synced", address: source, sender: syncedWith, claims });
    return answer;
  }

  #onReceived(received: Received, source: Address): void {
    switch (received.type) {
      case "gossip":
        return this.#dispatch({
          type: "gossip",
          sender: received.sender,
          source,
          datagramBytes: received.bytes,
          message: received.message,
        });
      case "election": {
        if (!this.#part.kinds.has(received.kind)) return this.#mailbox.count("kind");
        const dropped = this.#part.receive(received);
        if (dropped) this.#mailbox.count(dropped.reason);
        return;
      }
      case "key":
        return this.#hearKey(received);
      case "sync":
        return;
      default:
        received satisfies never;
    }
  }

  #onDocument(document: CertificateDocument, from: NodeId | undefined, kid?: string): boolean {
    const judgement = this.#desk.judge(document, from);
    switch (judgement.kind) {
      case "genuine":
        this.#part.certified(judgement.certificate, from);
        return true;
      case "waits":
        this.#journal.certificateWaits(this.#nameOf(from!));
        this.#enclaves.refresh();
        this.#keyExchange.ask(from!, judgement.kid, performance.now());
        return false;
      case "refused":
        this.#journal.certificateRefused(
          from === undefined ? this.#enclaves.nameOf(kid) : this.#nameOf(from),
          judgement.failures,
        );
        return false;
    }
  }

  #sendElection(id: NodeId, to: Address, kind: number, body: Uint8Array, name: string): void {
    const { bytes, fitsDatagram } = this.#mailbox.election(id, kind, body);
    if (fitsDatagram) return this.#transport.send(to, bytes);
    this.#transport.exchange(to, [bytes]).catch((thrown) => {
      this.#journal.sendFailed(name, this.#nameOf(id), messageOf(thrown));
    });
  }

  async #sync(address: Address): Promise<void> {
    try {
      const frames = this.#mailbox.sync(undefined, this.#membership.snapshot());
      const answer = await this.#transport.exchange(address, frames);
      const claims = answer.flatMap((frame) => {
        const received = this.#mailbox.openFrame(frame);
        return received?.type === "sync" ? received.claims : [];
      });
      this.#dispatch({ type: "synced", address, claims });
    } catch {
      this.#dispatch({ type: "sync-failed", address });
    }
  }

  #onAttested(found: AttestedFunction): void {
    this.#desk.requireSameFunction(found);
    this.#platform = found.evidence.platform;
    try {
      this.#desk.admit(found);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    this.#journal.attested(found, hex(this.#domain.checksum));
    if (found.description.kind !== this.#kind) {
      return this.#fail(new ClusterKindChanged(found.description));
    }
    this.#tellKeys();
    this.#judgeWaiting();
  }

  #judgeWaiting(): void {
    for (const [from, document] of this.#desk.takeWaiting()) this.#onDocument(document, from);
  }

  /** Taking a key writes to the disk. */
  #hearKey({ sender, message }: Extract<Received, { type: "key" }>): void {
    try {
      this.#keyExchange.hear(sender, message, performance.now());
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** When every host is refused from the start that ends the node, which tells the others; else it means that this host is not used. */
  #onRefused(error: FumataError, isLast: boolean): void {
    if (isLast) this.#sayGoodbye().then(() => this.#fail(error));
    else this.#journal.enclaveRefused(error.message);
  }

  /** The living keys; and those of earlier runs, until it is known which key every host has now: a host that answers late is no lost one. */
  #tellKeys(): void {
    const { isAttested, isSettled, kids } = this.#enclaves;
    if (isAttested && isSettled) return this.#part.keys(kids, kids[0]);
    const stored = this.#desk.kids;
    this.#part.keys([...new Set([...kids, ...stored])], kids[0] ?? stored.at(-1));
  }

  #fail(thrown: unknown): void {
    this.#stop.reject(thrown);
    this[Symbol.asyncDispose]();
  }

  #nameOf(id: string): string {
    return this.#membership.member(id)?.name ?? id;
  }
}

function freshPrng(): Prng {
  return createPrng(crypto.getRandomValues(new Uint32Array(1))[0]);
}
