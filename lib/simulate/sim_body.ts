/**
 * What differs between open and roster clusters inside a simulated node: the pure machines that the real node runs, and what their effects
 * mean. The shell around them is `sim_node.ts`.
 */
import { base64url } from "../base/bytes.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import { electRequest } from "../certificate/proposal.ts";
import type { Digest, VerifiedCertificate, Vote } from "../certificate/types.ts";
import { OpenElection } from "../election/open_election.ts";
import { LOCAL_ELECTION } from "../election/settings.ts";
import type { ElectionEvent, ElectionMessage } from "../election/types.ts";
import { rosterSettings } from "../election/roster/settings.ts";
import { rosterCertificate } from "../election/roster/certificate.ts";
import type { RosterMessage, RosterRules } from "../election/roster/types.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { Membership } from "../membership/core.ts";
import type { NodeId } from "../membership/types.ts";
import type { CertificateDesk } from "../node/certificate_desk.ts";
import { saveMemory } from "../node/closing_voter.ts";
import { openElectionRules } from "../node/election_rules.ts";
import type { GossipEvent } from "../node/gossip.ts";
import { openReplica, type OpenReplicaEffect } from "../node/open_replica.ts";
import { rosterOf, rosterRequest } from "../node/roster_cluster.ts";
import {
  closingMissing,
  openRosterMemory,
  type Origin,
  rosterOrigin,
} from "../node/roster_memory.ts";
import { type ClockReading, RosterVoter, type RosterVoterEffect } from "../node/roster_voter.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { type CollectorCache, collectorIn } from "./identities.ts";
import type { SimDisk } from "./sim_disk.ts";

/** An effect of either kind of node. */
export type SimEffect = RosterVoterEffect | OpenReplicaEffect;

/** What an effect of the election comes down to for the shell. */
export type Act =
  | { readonly type: "save"; commit(): void }
  | {
    readonly type: "call";
    readonly digest: Digest;
    readonly kid: Digest;
    readonly input: Uint8Array;
    readonly votes: readonly Vote[];
  }
  | { readonly type: "tell"; step(clock: ClockReading): readonly SimEffect[] }
  | { readonly type: "fail"; readonly reason: string };

/** The body. */
export interface SimBody {
  readonly term: number;
  deadlineMs(): number | undefined;
  gossip(event: GossipEvent, clock: ClockReading): readonly SimEffect[];
  message(
    sender: NodeId,
    message: Exclude<RosterMessage | ElectionMessage, { kind: "certificate" }>,
    clock: ClockReading,
  ): readonly SimEffect[];
  certified(
    certificate: VerifiedCertificate,
    from: NodeId | undefined,
    clock: ClockReading,
  ): readonly SimEffect[];
  keys(
    kids: readonly Digest[],
    preferred: Digest | undefined,
    clock: ClockReading,
  ): readonly SimEffect[];
  callFailed(
    digest: Digest,
    reason: string,
    refused: boolean,
    clock: ClockReading,
  ): readonly SimEffect[];
  /** What an effect of the election asks of the shell; nothing, when it only tells. */
  act(effect: SimEffect): Act | undefined;
}

/** What bodies are made of. */
export interface BodyOptions {
  readonly identity: Identity;
  readonly name: string;
  readonly domain: Domain;
  readonly disk: SimDisk;
  readonly desk: CertificateDesk;
  readonly membership: Membership;
  readonly prng: Prng;
  readonly nowMs: number;
}

/** A voter of a roster cluster. */
export class RosterBody implements SimBody {
  readonly voter: RosterVoter;
  readonly #options: BodyOptions;
  readonly #config: ClusterConfig;
  readonly #domain: Domain;
  readonly #origin: Origin;

  constructor(options: BodyOptions, config: ClusterConfig, rules: RosterRules) {
    const { identity, domain, disk, desk, membership, prng, nowMs } = options;
    this.#options = options;
    this.#config = config;
    this.#domain = domain;
    const memory = openRosterMemory(disk, domain, desk);
    const origin = rosterOrigin(disk, domain, config, memory);
    if (!origin) throw closingMissing(disk, domain, config);
    this.#origin = origin;
    this.voter = new RosterVoter(membership, {
      self: identity.id,
      roster: rosterOf(config),
      rules,
      settings: rosterSettings("local", config.lease.leaseMs, config.lease.driftPpm),
      memory,
      origin,
      prng: createPrng(prng.uint32()),
      nowMs,
    });
  }

  get term(): number {
    return this.voter.term;
  }

  /** Whether it goes by what closed its predecessor, and has no certificate of its own function yet. */
  get isAtOrigin(): boolean {
    return this.#origin.closing !== undefined && this.voter.headCertificate === undefined;
  }

  deadlineMs(): number | undefined {
    return this.voter.deadlineMs();
  }

  gossip(event: GossipEvent, clock: ClockReading): readonly SimEffect[] {
    return this.voter.gossip(event, clock);
  }

  message(
    sender: NodeId,
    message: Exclude<RosterMessage | ElectionMessage, { kind: "certificate" }>,
    clock: ClockReading,
  ): readonly SimEffect[] {
    // All nodes of a run are of one kind.
    const own = message as Exclude<RosterMessage, { kind: "certificate" }>;
    return this.voter.elect({ type: "message", sender, message: own }, clock);
  }

  certified(
    verified: VerifiedCertificate,
    from: NodeId | undefined,
    clock: ClockReading,
  ): readonly SimEffect[] {
    const certificate = rosterCertificate(verified);
    if (!certificate) return [];
    return this.voter.elect({ type: "certificate", certificate, ...(from && { from }) }, clock);
  }

  keys(
    kids: readonly Digest[],
    preferred: Digest | undefined,
    clock: ClockReading,
  ): readonly SimEffect[] {
    return this.voter.elect({ type: "keys", kids, ...(preferred && { preferred }) }, clock);
  }

  callFailed(
    digest: Digest,
    reason: string,
    refused: boolean,
    clock: ClockReading,
  ): readonly SimEffect[] {
    return this.voter.elect({ type: "enclave-failed", digest, reason, refused }, clock);
  }

  act(effect: SimEffect): Act | undefined {
    switch (effect.type) {
      case "save":
        return {
          type: "save",
          commit: () => saveMemory(this.#options.disk, this.#domain, effect.memory),
        };
      case "call-enclave": {
        const call = effect as Extract<RosterVoterEffect, { type: "call-enclave" }>;
        const { digest, proposal: { kid }, votes } = call;
        const input = rosterRequest(this.#config, call, this.#origin.closing);
        return { type: "call", digest, kid, input, votes };
      }
      case "stop-work": {
        const { certificateId } = effect;
        const step = (clock: ClockReading) =>
          this.voter.elect({ type: "released", certificateId }, clock);
        return { type: "tell", step };
      }
      case "fail-stop":
        return { type: "fail", reason: effect.reason };
      default:
        return undefined;
    }
  }
}

/** A node of an open cluster. */
export class OpenBody implements SimBody {
  readonly #election: OpenElection;
  readonly #options: BodyOptions;
  readonly #replica: ReturnType<typeof openReplica>;

  constructor(options: BodyOptions, collectors: CollectorCache, awaitsSeeds: boolean) {
    const { identity, domain, disk, desk, membership, name, prng, nowMs } = options;
    this.#options = options;
    const { head, lastVote } = disk.history;
    const rules = openElectionRules(identity, domain);
    this.#election = new OpenElection({
      self: identity.id,
      rules: {
        ...rules,
        collector: (prev, term, active) =>
          collectorIn(
            collectors,
            `${term} ${prev} ${active.join()}`,
            () => rules.collector(prev, term, active),
          ),
      },
      settings: LOCAL_ELECTION,
      memory: { head: head === undefined ? undefined : desk.restore(head), lastVote },
      prng: createPrng(prng.uint32()),
      nowMs,
      awaitsSeeds,
    });
    const self = { id: identity.id, name, key: base64url(identity.publicKey) };
    this.#replica = openReplica(membership, this.#election, self, nowMs);
  }

  get term(): number {
    return this.#election.term;
  }

  /** The certificate that it respects now. */
  get respected(): VerifiedCertificate | undefined {
    return this.#election.respected;
  }

  deadlineMs(): number | undefined {
    return this.#replica.deadlineMs();
  }

  gossip(event: GossipEvent, { nowMs }: ClockReading): readonly SimEffect[] {
    return this.#replica.gossip(event, nowMs);
  }

  message(
    sender: NodeId,
    message: Exclude<RosterMessage | ElectionMessage, { kind: "certificate" }>,
    clock: ClockReading,
  ): readonly SimEffect[] {
    const own = message as Exclude<ElectionMessage, { kind: "certificate" }>;
    return this.#elect({ type: "message", sender, message: own }, clock);
  }

  certified(
    certificate: VerifiedCertificate,
    from: NodeId | undefined,
    clock: ClockReading,
  ): readonly SimEffect[] {
    return this.#elect({ type: "certificate", certificate, from }, clock);
  }

  keys(
    kids: readonly Digest[],
    preferred: Digest | undefined,
    clock: ClockReading,
  ): readonly SimEffect[] {
    return this.#elect({ type: "keys", kids, preferred }, clock);
  }

  callFailed(
    digest: Digest,
    reason: string,
    refused: boolean,
    clock: ClockReading,
  ): readonly SimEffect[] {
    return this.#elect({ type: "enclave-failed", digest, reason, refused }, clock);
  }

  act(effect: SimEffect): Act | undefined {
    const { identity, domain, disk } = this.#options;
    switch (effect.type) {
      case "persist-vote": {
        const { term, digest } = effect;
        return {
          type: "save",
          commit: () => disk.history = { ...disk.history, lastVote: { term, digest } },
        };
      }
      case "persist-head": {
        const head = JSON.stringify(effect.certificate.document);
        return { type: "save", commit: () => disk.history = { ...disk.history, head } };
      }
      case "call-enclave": {
        const call = effect as Extract<OpenReplicaEffect, { type: "call-enclave" }>;
        const { digest, proposal, votes } = call;
        const input = electRequest(identity, domain, proposal, votes);
        return { type: "call", digest, kid: proposal.kid, input, votes };
      }
      default:
        return undefined;
    }
  }

  #elect(event: ElectionEvent, { nowMs }: ClockReading): readonly SimEffect[] {
    return this.#replica.elect(event, nowMs);
  }
}
