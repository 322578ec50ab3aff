/**
 * Watches rules of the election that no invariant shows by itself, because something else still stands between their breach and harm: whoever
 * removes one of them would see nothing for a long time. Like the other checkers it goes by what nodes save and say.
 *
 * | what | is wrong when |
 * |---|---|
 * | collector | an honest node votes for the proposal of another than the term's collector (design §4.3) |
 * | I8 | honest votes change the enclave key while their voters knew that of `prev` for living: a draw to choose from (§4.1, §4.4) |
 * | promise | an honest node votes while a promise of its own runs whose leader did not step down (§4.4, §4.7) |
 * | step-down | an honest node takes its leader for one that stepped down, and that one did not (§4.8) |
 * | I9 | an honest node sends an input to who is not the enclave that it has to be (§6) |
 * | I2 | a leader counts a lease from a heartbeat that no quorum acked under that certificate, or for longer than from its sending (§4.7) |
 */
import { leaseMarginMs, rosterSettings } from "../election/roster/settings.ts";
import type {
  RosterCertificate,
  RosterMessage,
  RosterProposal,
  StepDown,
} from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { Digest } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { rosterGenesis, rosterOf } from "../node/roster_cluster.ts";
import { simulatedRules } from "./identities.ts";
import type { SimEnclave } from "./sim_enclave.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import type { SimFunction } from "./sim_function.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/** Heartbeats of one leader that are remembered: a lease rests on one of the last few. As many as a leader itself remembers. */
const ROUNDS_MAX = 16;

/** The same sum in another order may differ by the last bit. */
const ROUNDING_MS = 0.001;

/** A heartbeat as it was said first, and who acked it, under which certificate. */
interface Round {
  readonly nonce: string;
  /** By the leader's monotonic clock. */
  readonly saidMs: number;
  readonly acks: Set<string>;
}

/** A promise not to vote. */
interface Promised {
  readonly certificateId: Digest;
  readonly leader: NodeId;
  /** By the voter's monotonic clock. */
  readonly untilMs: number;
}

/** What follows from a function. */
interface Cast {
  readonly digest: Digest;
  readonly kids: readonly (readonly Digest[])[];
}

interface Constants {
  readonly votesNeeded: number;
  readonly leaseMs: number;
  readonly genesis: Digest;
  readonly collector: (prev: Digest, term: number) => NodeId;
  readonly digest: (proposal: RosterProposal) => Digest;
  /** From the sending of a heartbeat to the end of the lease that it gives. */
  readonly usableMs: number;
}

/** The eyes of one run. */
export class RuleChecker implements Watcher {
  readonly #world: World;
  readonly #constants = new Map<SimFunction, Constants>();
  readonly #heads = new Map<SimNode, Digest>();
  readonly #certificates = new Map<Digest, RosterCertificate>();
  /** Every proposal that anybody sent, by its digest under the function of who sent it. */
  readonly #proposals = new Map<Digest, RosterProposal>();
  /** Their digests, for the next one to whom one of them is said. */
  readonly #digests = new WeakMap<RosterProposal, Digest>();
  /** The living keys that its voter knew, for every honest vote by its signature; two lists when it learned others at that very instant. */
  readonly #kidsOfVote = new Map<string, readonly (readonly Digest[])[]>();
  /** The last vote of each, and the keys as in `#kidsOfVote`. */
  readonly #casts = new Map<SimNode, Cast>();
  readonly #rounds = new Map<SimNode, Round[]>();
  /** What acks promised, one for each certificate. */
  readonly #promises = new Map<SimNode, readonly Promised[]>();
  /** Every step-down that a leader ever said. */
  readonly #stepDowns = new Set<string>();
  readonly #roundOf = new Map<string, Round>();

  constructor(world: World) {
    this.#world = world;
    for (const each of world.functions) this.#constants.set(each, constantsOf(world, each));
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (node.liar) return;
    switch (effect.type) {
      case "save": {
        const { head, lastVote } = effect.memory;
        if (lastVote) this.#noteCast(node, lastVote.digest);
        if (head && head.id !== this.#heads.get(node)) this.#accept(node, head);
        return;
      }
      case "send-election":
        return this.#say(node, effect.message as RosterMessage, effect.to);
      case "lease-held":
        return this.#checkLease(node, effect.certificate.id, effect.untilMs);
      case "note":
        if (effect.note.what === "stepped-down") this.#checkStepDown(node, effect.note.leader);
        return;
      default:
        return;
    }
  }

  said(node: SimNode, _to: number, message: RosterMessage | ElectionMessage): void {
    // All nodes of a run are of one kind.
    if (message.kind === "proposal") this.#noteProposal(node, message.proposal as RosterProposal);
    if (message.kind === "step-down" && message.stepDown.leader === node.id) {
      this.#stepDowns.add(keyOf(message.stepDown));
    }
    if (message.kind !== "lease-ack") return;
    const { certificateId, nonce } = message.ack;
    this.#roundOf.get(nonce)?.acks.add(`${certificateId} ${node.place}`);
  }

  input(node: SimNode, { name, disguise }: SimEnclave): void {
    if (node.liar || disguise === undefined) return;
    throw this.#broken(
      "I9",
      `${node.name} sends an input to somebody who is not ${name}: ${disguise}`,
    );
  }

  adopted(node: SimNode, closing: RosterCertificate): void {
    this.#heads.set(node, closing.id);
  }

  crashed(): void {}

  #constantsFor(node: SimNode): Constants {
    return this.#constants.get(node.function)!;
  }

  #say(node: SimNode, message: RosterMessage, to: readonly { readonly id: NodeId }[]): void {
    switch (message.kind) {
      case "vote":
        this.#noteVote(node, message.vote.signature, message.digest);
        this.#checkPromises(node, message.term);
        for (const { id } of to) this.#checkCollector(node, message.term, id);
        return;
      case "proposal":
        this.#noteVote(node, message.vote.signature, this.#noteProposal(node, message.proposal));
        this.#checkPromises(node, message.proposal.term);
        return this.#checkCollector(node, message.proposal.term, node.id);
      case "heartbeat":
        return this.#noteRound(node, message.heartbeat.nonce);
      case "lease-ack":
        return this.#notePromise(node);
      default:
        return;
    }
  }

  #noteProposal(node: SimNode, proposal: RosterProposal): Digest {
    const known = this.#digests.get(proposal);
    if (known !== undefined) return known;
    const digest = this.#constantsFor(node).digest(proposal);
    this.#proposals.set(digest, proposal);
    this.#digests.set(proposal, digest);
    return digest;
  }

  /** A vote is cast when it is stored; who sees nobody then says it later, when it may know other keys. */
  #noteCast(node: SimNode, digest: Digest): void {
    if (this.#casts.get(node)?.digest === digest) return;
    this.#casts.set(node, { digest, kids: [node.kidsTold, node.kidsToldBefore] });
  }

  /** A vote is said again as it is, whatever its voter has learned since: what counts is what it knew when it cast it. */
  #noteVote(node: SimNode, signature: string, digest: Digest): void {
    if (this.#kidsOfVote.has(signature)) return;
    const cast = this.#casts.get(node);
    const now = [node.kidsTold, node.kidsToldBefore];
    this.#kidsOfVote.set(signature, cast?.digest === digest ? cast.kids : now);
    const proposal = this.#proposals.get(digest);
    if (!proposal || this.#mayTakeKey(proposal, signature)) return;
    throw this.#broken("I8", `${node.name} votes for another enclave key though it knows one`);
  }

  /** Whether the voter may have cast this vote for the key of a proposal: that of the last certificate goes on while it lives. */
  #mayTakeKey({ prev, kid }: RosterProposal, signature: string): boolean {
    const before = this.#certificates.get(prev)?.proposal.kid;
    if (kid === before) return true;
    // Of a vote that no honest node cast nothing is known.
    return this.#kidsOfVote.get(signature)?.some((kids) =>
      kids.includes(kid) && !(before && kids.includes(before))
    ) ?? true;
  }

  #checkCollector(node: SimNode, term: number, gatherer: NodeId): void {
    const { genesis, collector } = this.#constantsFor(node);
    if (collector(this.#heads.get(node) ?? genesis, term) === gatherer) return;
    // Votes to close are for everybody to collect.
    if (node.storedVote?.successor !== undefined) return;
    const name = this.#world.nameOf(gatherer);
    throw this.#broken(
      "collector",
      `${node.name} votes for ${name}, which is not the collector of term ${term}`,
    );
  }

  #noteRound(node: SimNode, nonce: string): void {
    if (this.#roundOf.has(nonce)) return;
    const saidMs = node.clock.monotonicMs(this.#world.nowMs);
    const round = { nonce, saidMs, acks: new Set<string>() };
    const rounds = this.#rounds.get(node) ?? [];
    this.#rounds.set(node, rounds);
    this.#roundOf.set(nonce, round);
    if (rounds.push(round) > ROUNDS_MAX) this.#roundOf.delete(rounds.shift()!.nonce);
  }

  /** Some heartbeat has to carry the lease: said late enough, and acked by a quorum, the leader itself included. */
  #checkLease(node: SimNode, certificateId: Digest, untilMs: number): void {
    const { usableMs, votesNeeded } = this.#constantsFor(node);
    const isCarried = ({ saidMs, acks }: Round) => {
      if (saidMs + usableMs < untilMs - ROUNDING_MS) return false;
      const others = [...acks].filter((ack) => ack.startsWith(`${certificateId} `));
      return others.length + 1 >= votesNeeded;
    };
    if (this.#rounds.get(node)?.findLast(isCarried)) return;
    throw this.#broken("I2", `${node.name} holds a lease that no quorum gave by acks`);
  }

  #notePromise(node: SimNode): void {
    const { headCertificate: head, steppedMs } = node;
    if (head?.leader === undefined) return;
    const running = (this.#promises.get(node) ?? []).filter(({ untilMs }) => untilMs > steppedMs);
    const { leaseMs } = this.#constantsFor(node);
    const promise = { certificateId: head.id, leader: head.leader, untilMs: steppedMs + leaseMs };
    const others = running.filter(({ certificateId }) => certificateId !== head.id);
    this.#promises.set(node, [...others, promise]);
  }

  #checkPromises(node: SimNode, term: number): void {
    for (const promise of this.#promises.get(node) ?? []) {
      const isOver = promise.untilMs <= node.steppedMs + ROUNDING_MS;
      if (isOver || this.#stepDowns.has(keyOf(promise))) continue;
      const name = this.#world.nameOf(promise.leader);
      throw this.#broken(
        "promise",
        `${node.name} votes in term ${term} though it promised ${name}`,
      );
    }
  }

  /** By the head as of this effect: later in the same step the node may have taken another. */
  #checkStepDown(node: SimNode, leader: NodeId): void {
    const certificateId = this.#heads.get(node);
    if (leader === node.id || !certificateId) return;
    if (this.#stepDowns.has(keyOf({ certificateId, leader }))) return;
    const name = this.#world.nameOf(leader);
    throw this.#broken(
      "step-down",
      `${node.name} believes that ${name} stepped down, and it did not`,
    );
  }

  #accept(node: SimNode, certificate: RosterCertificate): void {
    this.#heads.set(node, certificate.id);
    if (this.#certificates.has(certificate.id)) return;
    this.#certificates.set(certificate.id, certificate);
    const { proposal, document: { bundle } } = certificate;
    if (bundle.every(({ signature }) => this.#mayTakeKey(proposal, signature))) return;
    throw this.#broken(
      "I8",
      `term ${proposal.term} takes another enclave key though its voters know one`,
    );
  }

  #broken(invariant: string, message: string): Violation {
    return new Violation(invariant, message, this.#world.nowMs);
  }
}

function keyOf({ certificateId, leader }: Pick<StepDown, "certificateId" | "leader">): string {
  return `${leader} ${certificateId}`;
}

function constantsOf(world: World, own: SimFunction): Constants {
  const { domain, config, collectors, digests } = own;
  const { leaseMs, driftPpm } = config!.lease;
  const ownMarginMs = leaseMarginMs(leaseMs, rosterSettings("local", leaseMs, driftPpm));
  const options = { prng: world.prng, collectors, digests, signs: false };
  const { collector, digest } = simulatedRules(
    world.nodes[0].identity,
    domain,
    config!,
    options,
  );
  return {
    votesNeeded: rosterOf(config!).votesNeeded,
    leaseMs,
    genesis: rosterGenesis(domain),
    collector,
    digest,
    usableMs: leaseMs - Math.max(leastMarginMs(leaseMs, driftPpm), ownMarginMs),
  };
}

/** What the design wants taken off a lease, ms (§4.7), by its own formula: who takes off less is found by that, not by the chance of an overlap. */
export function leastMarginMs(leaseMs: number, driftPpm: number): number {
  const rho = driftPpm / 1_000_000;
  return 2 * rho * leaseMs / (1 + rho);
}
