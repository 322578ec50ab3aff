/** The roster cluster inside a node: its replica, its messages, its memory, its lease, its call of the function. */
import { rosterCertificate } from "../election/roster/certificate.ts";
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import type { SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import { rosterSettings } from "../election/roster/settings.ts";
import type {
  ForkEvidence,
  RosterCertificate,
  RosterEvent,
  RosterMemory,
  RosterMessage,
} from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { Profile } from "../membership/settings.ts";
import type { NodeId } from "../membership/types.ts";
import type { Dropped } from "../wire/envelope.ts";
import type { RosterDoor } from "../wire/roster_fields.ts";
import { decodeRosterMessage, encodeRosterMessage, ROSTER_KINDS } from "../wire/roster_messages.ts";
import type { CertificateDesk } from "./certificate_desk.ts";
import { saveMemory, takeClosing } from "./closing_voter.ts";
import { callForCertificate } from "./election_answer.ts";
import type { ElectionFrame, ElectionPart, PartEffect, PartShell } from "./election_part.ts";
import { ChainKeeper } from "./chain_keeper.ts";
import { addressesOf, type GossipEvent } from "./gossip.ts";
import type { Journal } from "./journal.ts";
import type { Middleman } from "./middleman.ts";
import { rosterGenesis, rosterOf, rosterRequest, rosterRules } from "./roster_cluster.ts";
import { closingMissing, openRosterMemory, rosterOrigin } from "./roster_memory.ts";
import { type ClockReading, RosterVoter, type RosterVoterEffect } from "./roster_voter.ts";
import { coreOrder, orderFault, type Succession } from "./succession.ts";
import type { StateStore } from "./state_store.ts";

/** What the part is made of. */
export interface RosterPartOptions {
  readonly domain: Domain;
  readonly config: ClusterConfig;
  readonly membership: Membership;
  readonly profile: Profile;
  readonly store: StateStore;
  readonly desk: CertificateDesk;
  readonly journal: Journal;
  readonly shell: PartShell;
  readonly prng: Prng;
  readonly nowMs: number;
  readonly middleman?: Middleman;
}

/** Random bytes of a heartbeat's nonce. */
const NONCE_BYTES = 16;

/** The part of a voter. Throws a `FumataError` when its state folder belongs to another history. */
export class RosterPart implements ElectionPart {
  readonly kinds: ReadonlySet<number> = new Set(Object.values(ROSTER_KINDS));
  readonly #options: RosterPartOptions;
  readonly #checksum: string;
  readonly #door: RosterDoor;
  readonly #voter: RosterVoter;
  readonly #chain: ChainKeeper;
  /** The predecessor's last certificate, before this electorate has one of its own. */
  readonly #closing?: CertificateDocument;
  /** What the core granted of the sub-lease that was asked for last. */
  #grantedMs = 0;
  #leader?: VerifiedCertificate;
  /** The certificate that came last: what is saved as head goes into the chain in the same transaction. */
  #arrived?: VerifiedCertificate;

  constructor(options: RosterPartOptions) {
    const { domain, config, store, desk, nowMs } = options;
    this.#options = options;
    this.#checksum = hex(domain.checksum);
    const { identity } = store;
    const roster = rosterOf(config);
    const { operatorKey } = config;
    this.#door = { domain, roster, ...(operatorKey && { operatorKey }) };
    const memory = openRosterMemory(store, domain, desk);
    const origin = rosterOrigin(store, domain, config, memory);
    if (!origin) throw closingMissing(store, domain, config);
    this.#closing = origin.closing;
    const settings = rosterSettings(options.profile, config.lease.leaseMs, config.lease.driftPpm);
    this.#voter = new RosterVoter(options.membership, {
      self: identity.id,
      roster,
      rules: rosterRules(identity, domain, config, freshNonce),
      settings,
      memory,
      origin,
      prng: options.prng,
      nowMs,
    });
    this.#chain = new ChainKeeper({
      store: store.chain,
      checksum: this.#checksum,
      cluster: domain.cluster,
      others: roster.voters.map((voter) => voter.id).filter((id) => id !== identity.id),
      origin: rosterGenesis(domain),
      intervalMs: settings.pullIntervalMs,
    });
    this.#keepHead(memory);
  }

  get term(): number {
    return this.#voter.term;
  }

  get leader(): VerifiedCertificate | undefined {
    return this.#leader;
  }

  /** How long this node may act as the leader from now on, ms; 0 when it may not. Ask anew before every act. */
  leaseRemainingMs(): number {
    this.#options.shell.run((nowMs) => this.#carryOut(this.#voter.readClocks(reading(nowMs))));
    return this.#voter.leaseRemainingMs(performance.now());
  }

  get evidence(): readonly ForkEvidence[] {
    return this.#voter.evidence;
  }

  stepDown(): void {
    this.#run({ type: "step-down" });
  }

  subLease(id: string, wantedMs: number): number {
    this.#grantedMs = 0;
    this.#run({ type: "sub-lease", id, wantedMs });
    return this.#grantedMs;
  }

  subLeaseReturned(id: string): void {
    this.#run({ type: "sub-lease-returned", id });
  }

  get succession(): Succession | undefined {
    const head = this.#voter.headCertificate;
    if (head?.proposal.type === "closing") {
      const { proposal: { term, successor }, document } = head;
      return { successor: hexOf(successor), closing: { term, document } };
    }
    const { order } = this.#voter.memory;
    return order && { successor: hexOf(order.successor) };
  }

  succeed(order: SuccessionOrderFile): void {
    const { domain, config } = this.#options;
    const earlier = this.succession?.successor;
    const fault = orderFault(order, domain, config) ??
      (earlier === undefined || earlier === hex(order.successor)
        ? undefined
        : `an earlier order is in force, for ${earlier}`);
    if (fault !== undefined) {
      throw new FumataError("refused", `Cannot take the order of succession: ${fault}`);
    }
    this.#run({ type: "succession", order: coreOrder(order) });
  }

  deadlineMs(): number | undefined {
    return this.#voter.deadlineMs();
  }

  step(event: GossipEvent, nowMs: number): readonly PartEffect[] {
    const effects = this.#carryOut(this.#voter.gossip(event, reading(nowMs)));
    return [...effects, { type: "act", act: () => this.#completeChain(nowMs) }];
  }

  receive({ sender, senderKey, kind, body }: ElectionFrame): Dropped | undefined {
    const { shell, middleman, journal } = this.#options;
    const decoded = decodeRosterMessage({ senderKey, kind, body }, this.#door);
    if (!decoded.ok) {
      const name = Object.entries(ROSTER_KINDS).find(([, number]) => number === kind)?.[0];
      const isVoter = this.#door.roster.voters.some((voter) => voter.id === sender);
      // A stranger is dropped and counted; a voter's frame is its own word.
      if (isVoter && name !== undefined) journal.forged(sender, name);
      return decoded;
    }
    const { message } = decoded;
    if (middleman?.hears(message, sender) === false) return;
    if (message.kind === "certificate") shell.onDocument(message.document, sender);
    else if (
      message.kind === "want-certificate" && message.id !== this.#voter.headCertificate?.id
    ) {
      this.#answer(sender, message.id);
    } else this.#run({ type: "message", sender, message });
  }

  certified(verified: VerifiedCertificate, from: NodeId | undefined): void {
    const certificate = rosterCertificate(verified);
    if (!certificate) return;
    this.#arrived = verified;
    this.#run({ type: "certificate", certificate, ...(from && { from }) });
    // One of the past, which is no new head; in its turn, so that the memory, by which this node votes, is on disk first.
    this.#options.shell.run(() => [{ type: "act", act: () => this.#keep(verified) }]);
  }

  /** The end of the predecessor, which this node was told of by another voter, or by a file that held nothing else. */
  certifiedEarlier(certificate: VerifiedCertificate): void {
    const { store, domain, config: { succeeds }, journal, shell } = this.#options;
    const news = succeeds && takeClosing(store, domain, succeeds, certificate);
    if (!succeeds || (news !== "known" && news !== "taken")) return;
    if (this.#chain.keep(certificate, hex(succeeds))) journal.certificateKept(certificate);
    const isAtStart = this.#closing !== undefined && this.#voter.headCertificate === undefined;
    if (!isAtStart || news === "known") return;
    journal.closingFound(certificate.term, true);
    shell.goOn();
  }

  keys(kids: readonly string[], preferred: string | undefined): void {
    this.#run({ type: "keys", kids, ...(preferred && { preferred }) });
  }

  #run(event: RosterEvent): void {
    this.#options.shell.run((nowMs) => this.#carryOut(this.#voter.elect(event, reading(nowMs))));
  }

  #carryOut(effects: readonly RosterVoterEffect[]): PartEffect[] {
    return effects.map((effect) => this.#asPartEffect(effect));
  }

  #asPartEffect(effect: RosterVoterEffect): PartEffect {
    const { journal, shell } = this.#options;
    const act = (act: () => void): PartEffect => ({ type: "act", act });
    switch (effect.type) {
      case "save":
        return act(() => this.#save(effect.memory));
      case "send-election":
        return act(() => this.#send(effect));
      case "call-enclave":
        return act(() => void this.#call(effect));
      case "leader":
        return act(() => this.#announce(effect.certificate));
      case "lease-held":
        return act(() => {
          const { certificate: { proposal: { term } }, untilMs } = effect;
          journal.leaseHeld(term, untilMs, performance.now());
        });
      case "lease-lost":
        return act(() => journal.leaseLost(effect.why));
      case "stop-work":
        // What runs under the lease are sub-leases, and the core waits for these itself; this process runs nothing.
        return act(() => this.#run({ type: "released", certificateId: effect.certificateId }));
      case "sub-lease-granted":
        return act(() => void (this.#grantedMs = effect.grantedMs));
      case "closed":
        return act(() => journal.closed(effect.certificate.proposal.term));
      case "fail-stop":
        return act(() => shell.fail(new FumataError("failure", `Cannot go on: ${effect.reason}`)));
      case "note":
        return act(() => journal.rosterNote(effect.note, (id) => this.#nameOf(id)));
      default:
        return effect;
    }
  }

  /** A crash may have come between the memory and the chain. */
  #keepHead({ head }: RosterMemory): void {
    const verdict = head && this.#options.desk.verify(head.document);
    if (verdict?.ok) this.#keep(verdict.certificate);
  }

  #keep(certificate: VerifiedCertificate): void {
    if (this.#chain.keep(certificate)) this.#options.journal.certificateKept(certificate);
  }

  /** Asks for what is missing of the chain, when it is time. */
  #completeChain(nowMs: number): void {
    const question = this.#chain.question(nowMs);
    if (question) this.#sendTo(question.to, { kind: "want-certificate", id: question.id });
  }

  /** A certificate of the past goes to whoever asks for it; the core knows only the head, and answers with that. */
  #answer(sender: NodeId, id: string): void {
    const document = this.#chain.answer(sender, id, performance.now());
    if (document) return this.#sendTo(sender, { kind: "certificate", document });
    this.#run({ type: "message", sender, message: { kind: "want-certificate", id } });
  }

  #sendTo(member: NodeId, message: RosterMessage): void {
    const to = addressesOf(this.#options.membership, [member]);
    this.#send({ type: "send-election", to, message });
  }

  #send({ to, message }: Extract<RosterVoterEffect, { type: "send-election" }>): void {
    const { middleman, shell } = this.#options;
    const post = (recipients: typeof to, message: RosterMessage) => {
      const body = encodeRosterMessage(message, this.#door.roster.voters);
      shell.send(recipients, ROSTER_KINDS[message.kind], body, message.kind);
    };
    if (!middleman) return post(to, message);
    for (const recipient of to) {
      for (const said of middleman.sends(message, recipient.id)) post([recipient], said);
    }
  }

  #nameOf(id: NodeId): string {
    const { roster } = this.#options.config;
    return roster.find((voter) => base64url(voter.id) === id)?.name ?? id;
  }

  #save(memory: RosterMemory): void {
    const { store, domain, desk } = this.#options;
    const arrived = memory.head?.id === this.#arrived?.id ? this.#arrived : undefined;
    this.#arrived = undefined;
    store.atOnce(() => {
      saveMemory(store, domain, memory);
      if (arrived) this.#keep(arrived);
    });
    if (arrived) desk.goBy(arrived.kid);
  }

  #announce(certificate: RosterCertificate | undefined): void {
    const { desk, journal } = this.#options;
    const verdict = certificate && desk.verify(certificate.document);
    this.#leader = verdict?.ok ? verdict.certificate : undefined;
    journal.leader(this.#leader, this.term, this.#door.roster.voters.length);
  }

  async #call(effect: Extract<RosterVoterEffect, { type: "call-enclave" }>): Promise<void> {
    const { config, shell } = this.#options;
    const { digest, proposal, votes } = effect;
    const failure = await callForCertificate(
      shell,
      proposal.kid,
      votes,
      () => rosterRequest(config, effect, this.#closing),
    );
    if (failure) this.#run({ type: "enclave-failed", digest, ...failure });
  }
}

function reading(nowMs: number): ClockReading {
  return { nowMs, wallMs: Date.now() };
}

function freshNonce(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
}

function hexOf(checksum: string): string {
  return hex(fromBase64url(checksum)!);
}
