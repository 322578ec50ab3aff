/**
 * Voters that find out by themselves how the function before theirs was closed (design §4.11), as real ones do: those that wait for it
 * (`lib/node/closing_part.ts`), and those that keep the chain of certificates and tell it to who asks (`lib/node/roster_part.ts`).
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { Digest, VerifiedCertificate } from "../certificate/types.ts";
import { rosterSettings } from "../election/roster/settings.ts";
import type { RosterMessage, RosterRules } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { NodeId } from "../membership/types.ts";
import { ChainKeeper } from "../node/chain_keeper.ts";
import {
  ClosingVoter,
  endWaiting,
  memoryBeginningWith,
  saveMemory,
  takeClosing,
} from "../node/closing_voter.ts";
import { addressesOf, type GossipEvent } from "../node/gossip.ts";
import { rosterGenesis, rosterOf } from "../node/roster_cluster.ts";
import type { ClockReading } from "../node/roster_voter.ts";
import {
  type Act,
  type BodyOptions,
  RosterBody,
  type SimBody,
  type SimEffect,
} from "./sim_body.ts";

/** A body that takes certificates of the function before its own. */
export interface SuccessorBody extends SimBody {
  /** Takes one that is genuine, and puts it into the folder when it closes. Whether the election goes on by it. */
  takeEarlier(certificate: VerifiedCertificate): boolean;
}

/** A voter that waits for what closed its predecessor, or for a certificate of its own function. */
export class ClosingBody implements SuccessorBody {
  readonly term = 0;
  readonly #options: BodyOptions;
  readonly #predecessor: Uint8Array;
  readonly #voter: ClosingVoter;
  readonly #goOn: () => void;

  /** `goOn` is called when a certificate of its own function is on the disk. */
  constructor(
    options: BodyOptions,
    config: ClusterConfig,
    predecessor: Uint8Array,
    goOn: () => void,
  ) {
    this.#options = options;
    this.#predecessor = predecessor;
    this.#goOn = goOn;
    const { membership, identity: { id: self }, domain, nowMs } = options;
    this.#voter = new ClosingVoter(membership, { self, domain, config, profile: "local", nowMs });
  }

  deadlineMs(): number | undefined {
    return this.#voter.deadlineMs();
  }

  gossip(event: GossipEvent, { nowMs }: ClockReading): readonly SimEffect[] {
    return this.#voter.gossip(event, nowMs);
  }

  message(): readonly SimEffect[] {
    return [];
  }

  certified(certificate: VerifiedCertificate): readonly SimEffect[] {
    const { disk, domain, desk } = this.#options;
    const memory = memoryBeginningWith(disk, domain, desk, certificate);
    if (!memory) return [];
    disk.chain.save(hex(domain.checksum), domain.cluster, certificate);
    return [{ type: "save", memory }];
  }

  takeEarlier(certificate: VerifiedCertificate): boolean {
    const { disk, domain } = this.#options;
    const isOver = endWaiting(disk, domain, this.#predecessor, certificate);
    if (isOver instanceof FumataError) throw isOver;
    return isOver;
  }

  keys(): readonly SimEffect[] {
    return [];
  }

  callFailed(): readonly SimEffect[] {
    return [];
  }

  act(effect: SimEffect): Act | undefined {
    if (effect.type !== "save") return undefined;
    const { memory } = effect;
    const commit = () => {
      saveMemory(this.#options.disk, this.#options.domain, memory);
      this.#goOn();
    };
    return { type: "save", commit };
  }
}

/** A voter that keeps the chain. */
export class ChainBody extends RosterBody implements SuccessorBody {
  readonly #options: BodyOptions;
  readonly #config: ClusterConfig;
  readonly #chain: ChainKeeper;
  /** The certificate that came last: what is saved as head goes into the chain with it. */
  #arrived?: VerifiedCertificate;

  constructor(options: BodyOptions, config: ClusterConfig, rules: RosterRules) {
    super(options, config, rules);
    this.#options = options;
    this.#config = config;
    const { identity, domain, disk, desk } = options;
    const { voters } = rosterOf(config);
    const { leaseMs, driftPpm } = config.lease;
    this.#chain = new ChainKeeper({
      store: disk.chain,
      checksum: hex(domain.checksum),
      cluster: domain.cluster,
      others: voters.map(({ id }) => id).filter((id) => id !== identity.id),
      origin: rosterGenesis(domain),
      intervalMs: rosterSettings("local", leaseMs, driftPpm).pullIntervalMs,
    });
    const head = this.voter.headCertificate;
    const verdict = head && desk.verify(head.document);
    // A crash may have come between the memory and the chain.
    if (verdict?.ok) this.#chain.keep(verdict.certificate);
  }

  override gossip(event: GossipEvent, clock: ClockReading): readonly SimEffect[] {
    const effects = super.gossip(event, clock);
    const question = this.#chain.question(clock.nowMs);
    if (!question) return effects;
    const { to, id } = question;
    return [...effects, ...this.#send(to, { kind: "want-certificate", id })];
  }

  /** A certificate of the past goes to whoever asks for it; the core knows only the head, and answers with that. */
  override message(
    sender: NodeId,
    message: Exclude<RosterMessage | ElectionMessage, { kind: "certificate" }>,
    clock: ClockReading,
  ): readonly SimEffect[] {
    const document = message.kind === "want-certificate" && this.#isPast(message.id)
      ? this.#chain.answer(sender, message.id, clock.nowMs)
      : undefined;
    if (!document) return super.message(sender, message, clock);
    return this.#send(sender, { kind: "certificate", document });
  }

  override certified(
    verified: VerifiedCertificate,
    from: NodeId | undefined,
    clock: ClockReading,
  ): readonly SimEffect[] {
    this.#arrived = verified;
    const effects = super.certified(verified, from, clock);
    if (verified.id !== this.voter.headCertificate?.id) this.#chain.keep(verified);
    return effects;
  }

  takeEarlier(certificate: VerifiedCertificate): boolean {
    const { disk, domain } = this.#options;
    const { succeeds } = this.#config;
    const news = succeeds && takeClosing(disk, domain, succeeds, certificate);
    if (!succeeds || (news !== "taken" && news !== "known")) return false;
    this.#chain.keep(certificate, hex(succeeds));
    return news === "taken" && this.isAtOrigin;
  }

  override act(effect: SimEffect): Act | undefined {
    const act = super.act(effect);
    if (effect.type !== "save" || act?.type !== "save") return act;
    const arrived = this.#arrived;
    if (effect.memory.head?.id !== arrived?.id || !arrived) return act;
    const commit = () => {
      act.commit();
      this.#chain.keep(arrived);
    };
    return { type: "save", commit };
  }

  #isPast(id: Digest): boolean {
    return id !== this.voter.headCertificate?.id;
  }

  #send(member: NodeId, message: RosterMessage): readonly SimEffect[] {
    const to = addressesOf(this.#options.membership, [member]);
    return to.length > 0 ? [{ type: "send-election", to, message }] : [];
  }
}
