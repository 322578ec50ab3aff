/**
 * The shell of one node: sockets, clock, disk and enclave around the pure replica. Everything that comes in is opened and verified
 * at the door, becomes one event, and the effects are carried out in their order; what has to be remembered is on disk before
 * what follows is sent. There is one timer, armed for the replica's next deadline.
 */
import { type Address, formatAddress } from "../base/address.ts";
import { base64url, fromUtf8, hex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { createPrng } from "../base/prng.ts";
import { electRequest } from "../certificate/proposal.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import { verifyCertificate } from "../certificate/verify.ts";
import { importRsaJwk, type RsaPublicKey } from "../crypto/rsa.ts";
import { OpenElection } from "../election/open_election.ts";
import { LAN_ELECTION, LOCAL_ELECTION, WAN_ELECTION } from "../election/settings.ts";
import type { ElectionMessage } from "../election/types.ts";
import { createMembership } from "../membership/core.ts";
import { type Profile, PROFILES } from "../membership/settings.ts";
import type { AliveClaim, Claim, Member, MembershipReport, NodeId } from "../membership/types.ts";
import type { Keyring, KeyringChange } from "../wire/keyring.ts";
import { createSealer, type Sealer } from "../wire/sealing.ts";
import { type Domain, POLICIES, type Policy } from "../../function/leader-election/rules.ts";
import { type AttestedConnection, type AttestedFunction, EnclaveLink } from "./enclave_link.ts";
import { openElectionRules } from "./election_rules.ts";
import { EventLog } from "./event_log.ts";
import { Journal } from "./journal.ts";
import { KeyringFile } from "./keyring_file.ts";
import { Mailbox, type Received } from "./mailbox.ts";
import { Replica, type ReplicaEffect, type ReplicaEvent } from "./replica.ts";
import { StateStore } from "./state_store.ts";
import { openTransport, type Transport } from "./transport.ts";

/** What a node is told when it starts. */
export interface NodeOptions {
  /** Where to listen; port 0 takes a free one. */
  readonly bind: Address;
  /** Where others reach it; the bound address if left out. */
  readonly advertise?: Address;
  /** Its label; the advertised address if left out. */
  readonly name?: string;
  readonly cluster: string;
  readonly seeds: readonly Address[];
  readonly profile: Profile;
  readonly tags: Readonly<Record<string, string>>;
  /** Left out: nothing is remembered. */
  readonly stateFolder?: string;
  /** File with the cluster's keys, the primary first. Left out: gossip is signed and readable. */
  readonly keyFile?: string;
  /** The pinned checksum of the election function, 32 bytes. */
  readonly checksum: Uint8Array;
  /** Makes an attested connection to the election function. */
  readonly connect: () => Promise<AttestedConnection>;
  readonly logger: Logger;
}

/** What came of an operator's wish to join. */
export interface JoinReport {
  readonly answered: readonly { readonly seed: Address; readonly id: NodeId }[];
  /** Seeds that did not answer in time; they are tried on. */
  readonly silent: readonly Address[];
}

/** How long a join waits for answers, ms: a datagram there and back takes a fraction of it anywhere on earth. */
const JOIN_WAIT_MS = 3_000;

const ELECTION_SETTINGS = { local: LOCAL_ELECTION, lan: LAN_ELECTION, wan: WAN_ELECTION };

/** How often known addresses are written down, ms: they only speed up a restart. */
const REMEMBER_MEMBERS_MS = 5_000;

/** Certificates that wait for evidence of their key, one a sender. */
const AWAITING_KEY_MAX = 16;

/** A running node. */
export class Node implements AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly address: Address;
  /** What happened lately. */
  readonly events: EventLog;
  /** Monotonic ms at which it started, on the clock of {@linkcode Member.sinceMs}. */
  readonly startedMs = performance.now();
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
  readonly #replica: Replica;
  readonly #link: EnclaveLink;
  readonly #keys = new Map<string, RsaPublicKey>();
  readonly #reportListeners = new Set<(report: MembershipReport) => void>();
  readonly #awaitingKey = new Map<string, CertificateDocument>();
  readonly #stop = Promise.withResolvers<void>();
  readonly #leftCluster = Promise.withResolvers<void>();
  #policy?: Policy;
  #platform?: string;
  #timer?: ReturnType<typeof setTimeout>;
  #rememberTimer?: ReturnType<typeof setInterval>;
  #membersChanged = false;
  #leaving = false;
  #closed = false;

  /** Binds the sockets, reads the state and starts. Throws a `FumataError` for a port in use or a state folder that cannot serve. */
  constructor(options: NodeOptions) {
    this.#options = options;
    this.#domain = { checksum: options.checksum, cluster: options.cluster };
    this.stopped = this.#stop.promise;
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
    this.name = options.name ?? formatAddress(this.address);
    this.events = new EventLog(options.logger, Date.now);
    this.#journal = new Journal(this.events, this.id);
    this.#mailbox = new Mailbox(identity, this.#domain, this.#sealer);
    this.#restoreKeys();
    this.#replica = this.#createReplica();
    this.#link = new EnclaveLink(options.connect, {
      attested: (found) => this.#onAttested(found),
      unreachable: (reason, retryMs) => this.#journal.enclaveUnreachable(reason, retryMs),
      refused: (error) => this.#onRefused(error),
    });
    this.#start();
  }

  /** The other members, in any state. */
  members(): readonly Member[] {
    return this.#replica.members();
  }

  /** What this node says of itself; `undefined` before it has started. */
  get self(): AliveClaim | undefined {
    return this.#replica.self();
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
    return this.#replica.term;
  }

  /** The TEE whose evidence this node verified in this run, and the function's policy. */
  get enclave(): { readonly platform?: string; readonly policy?: Policy } {
    return { platform: this.#platform, policy: this.#policy };
  }

  /** The certificate that this node respects now. */
  get leader(): VerifiedCertificate | undefined {
    return this.#replica.respected;
  }

  /** Frames from the network that were dropped, by reason. */
  get drops(): Mailbox["drops"] {
    return this.#mailbox.drops;
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
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#rememberTimer);
    try {
      this.#rememberMembers();
    } catch { /* said already when it mattered */ }
    await this.#link[Symbol.asyncDispose]();
    await this.#transport[Symbol.asyncDispose]();
    this.#store[Symbol.dispose]();
    this.#stop.resolve();
  }

  async #sayGoodbye(): Promise<void> {
    this.#leaving = true;
    this.#dispatch({ type: "leave" });
    await Promise.race([this.#leftCluster.promise, this.stopped.catch(() => {})]);
  }

  #createReplica(): Replica {
    const { identity } = this.#store;
    const nowMs = performance.now();
    const prng = createPrng(crypto.getRandomValues(new Uint32Array(1))[0]);
    const history = this.#store.history(hex(this.#domain.checksum), this.#domain.cluster);
    const election = new OpenElection({
      self: identity.id,
      rules: openElectionRules(identity, this.#domain),
      settings: ELECTION_SETTINGS[this.#options.profile],
      memory: { head: this.#restoreHead(history.head), lastVote: history.lastVote },
      prng,
      nowMs,
      awaitsSeeds: this.#options.seeds.length > 0,
    });
    const membership = createMembership({
      self: {
        id: identity.id,
        publicKey: identity.publicKey,
        name: this.name,
        address: this.address,
        tags: this.#options.tags,
      },
      lastIncarnation: this.#store.incarnation,
      seeds: this.#options.seeds,
      known: this.#mailbox.readAliveClaims(this.#store.memberClaims()),
      settings: PROFILES[this.#options.profile],
      prng,
      nonce: () => hex(crypto.getRandomValues(new Uint8Array(8))),
      signClaim: this.#mailbox.signClaim,
      signAck: this.#mailbox.signAck,
    });
    const key = base64url(identity.publicKey);
    return new Replica(membership, election, { id: identity.id, name: this.name, key }, nowMs);
  }

  #start(): void {
    const { cluster, stateFolder } = this.#options;
    this.#journal.started(this.name, this.address, cluster, stateFolder);
    this.#journal.sealing(this.#keyFile, this.#transport.address);
    this.#tellKeys();
    this.#link.start();
    this.#rememberTimer = setInterval(() => this.#rememberMembers(), REMEMBER_MEMBERS_MS);
    this.#dispatch({ type: "tick" });
  }

  /** The only door to the replica. */
  #dispatch(event: ReplicaEvent): void {
    if (this.#closed) return;
    try {
      for (const effect of this.#replica.step(event, performance.now())) this.#carryOut(effect);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    this.#armTimer();
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const deadline = this.#replica.deadlineMs();
    if (deadline === undefined || this.#closed) return;
    const waitMs = Math.max(0, deadline - performance.now());
    this.#timer = setTimeout(() => this.#dispatch({ type: "tick" }), waitMs);
  }

  #carryOut(effect: ReplicaEffect): void {
    const checksum = hex(this.#domain.checksum);
    const { cluster } = this.#domain;
    switch (effect.type) {
      case "send-gossip":
        this.#transport.send(effect.to, this.#mailbox.gossip(effect.recipient, effect.message));
        break;
      case "sync":
        this.#sync(effect.address);
        break;
      case "send-election":
        for (const { id, address } of effect.to) this.#sendElection(id, address, effect.message);
        break;
      case "persist-incarnation":
        this.#store.saveIncarnation(effect.incarnation);
        break;
      case "persist-vote":
        this.#store.saveVote(checksum, cluster, effect.term, effect.digest);
        break;
      case "persist-head":
        this.#store.saveHead(checksum, cluster, JSON.stringify(effect.certificate.document));
        break;
      case "call-enclave":
        this.#callEnclave(effect);
        break;
      case "leader":
        if (this.#leaving) break;
        this.#journal.leader(effect.certificate, this.#replica.term, this.#platform);
        break;
      case "note":
        this.#journal.note(effect.note);
        break;
      case "member":
        this.#membersChanged = true;
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
    const answer = this.#mailbox.sync(syncedWith, this.#replica.snapshot());
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
      case "election":
        if (received.message.kind === "certificate") {
          return this.#onCertificate(received.message.document, received.sender);
        }
        return this.#dispatch({
          type: "election",
          sender: received.sender,
          message: received.message,
        });
      case "sync":
        return;
      default:
        received satisfies never;
    }
  }

  /** A certificate counts only after the whole of it was verified, whoever sent it. */
  #onCertificate(document: CertificateDocument, from: string | undefined): void {
    const verdict = this.#verify(document);
    if (verdict.ok) {
      return this.#dispatch({ type: "certificate", certificate: verdict.certificate, from });
    }
    if (from !== undefined && verdict.failures.every((failure) => failure.check === "key")) {
      return this.#awaitKey(document, from);
    }
    this.#journal.certificateRefused(from && this.#nameOf(from), verdict.failures);
  }

  /** A certificate under a key of which this node has no evidence yet waits until it has asked its enclave. */
  #awaitKey(document: CertificateDocument, from: string): void {
    this.#awaitingKey.delete(from);
    if (this.#awaitingKey.size >= AWAITING_KEY_MAX) {
      this.#awaitingKey.delete(this.#awaitingKey.keys().next().value!);
    }
    this.#awaitingKey.set(from, document);
    this.#journal.certificateWaits(this.#nameOf(from));
    this.#link.refresh();
  }

  #verify(document: CertificateDocument): ReturnType<typeof verifyCertificate> {
    return verifyCertificate(document, {
      domain: this.#domain,
      keys: this.#keys,
      policy: this.#policy,
    });
  }

  #sendElection(id: string, address: Address, message: ElectionMessage): void {
    const { bytes, fitsDatagram } = this.#mailbox.election(id, message);
    if (fitsDatagram) return this.#transport.send(address, bytes);
    this.#transport.exchange(address, [bytes]).catch((thrown) => {
      this.#journal.sendFailed(message.kind, this.#nameOf(id), messageOf(thrown));
    });
  }

  async #sync(address: Address): Promise<void> {
    try {
      const frames = this.#mailbox.sync(undefined, this.#replica.snapshot());
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

  async #callEnclave(effect: Extract<ReplicaEffect, { type: "call-enclave" }>): Promise<void> {
    const { digest, proposal, votes } = effect;
    try {
      const answer = await this.#link.call(
        electRequest(this.#store.identity, this.#domain, proposal, votes),
      );
      const certificate = certificateOf(answer);
      if (certificate === undefined) {
        throw new FumataError("function", "the answer is no certificate");
      }
      this.#onCertificate({ certificate, bundle: votes }, undefined);
    } catch (thrown) {
      const refused = thrown instanceof FumataError && thrown.code === "function";
      if (refused) this.#journal.electionRefused(messageOf(thrown));
      this.#dispatch({ type: "enclave-failed", digest, reason: messageOf(thrown), refused });
    }
  }

  #onAttested(found: AttestedFunction): void {
    this.#policy = found.policy;
    this.#platform = found.platform;
    this.#keys.set(found.key.kid, found.key);
    try {
      this.#store.saveKey(hex(this.#domain.checksum), {
        kid: found.key.kid,
        jwk: JSON.stringify(found.key.jwk),
        policy: found.policy,
      });
    } catch (thrown) {
      return this.#fail(thrown);
    }
    this.#journal.attested(found, hex(this.#domain.checksum));
    this.#tellKeys(found.key.kid);
    const waiting = [...this.#awaitingKey];
    this.#awaitingKey.clear();
    for (const [from, document] of waiting) {
      if (this.#verify(document).ok) this.#onCertificate(document, from);
    }
  }

  /** Before anything was attested a refusal ends the node, which tells the others; later it means that this host is not used. */
  #onRefused(error: FumataError): void {
    if (this.#platform === undefined) this.#sayGoodbye().then(() => this.#fail(error));
    else this.#journal.enclaveRefused(error.message);
  }

  #tellKeys(preferred?: string): void {
    const kids = [...this.#keys.keys()];
    this.#dispatch({ type: "keys", kids, preferred: preferred ?? kids.at(-1) });
  }

  #restoreKeys(): void {
    for (const stored of this.#store.keys(hex(this.#domain.checksum))) {
      const key = importRsaJwk(JSON.parse(stored.jwk));
      if (typeof key === "string") continue;
      this.#keys.set(stored.kid, key);
      this.#policy = POLICIES.find((policy) => policy === stored.policy);
    }
  }

  #restoreHead(text: string | undefined): VerifiedCertificate | undefined {
    if (text === undefined) return undefined;
    const verdict = this.#verify(JSON.parse(text));
    return verdict.ok ? verdict.certificate : undefined;
  }

  #rememberMembers(): void {
    if (!this.#membersChanged) return;
    this.#membersChanged = false;
    const claims = this.#replica.snapshot()
      .filter((claim) => claim.type === "alive" && claim.subject !== this.id);
    try {
      this.#store.saveMemberClaims(claims.map((claim) => claim.encoded));
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.#stop.reject(thrown);
    this[Symbol.asyncDispose]();
  }

  #nameOf(id: string): string {
    return this.#replica.members().find((member) => member.id === id)?.name ?? id;
  }
}

function certificateOf(answer: Uint8Array): string | undefined {
  try {
    const value = JSON.parse(fromUtf8(answer) ?? "");
    return typeof value?.certificate === "string" ? value.certificate : undefined;
  } catch {
    return undefined;
  }
}
