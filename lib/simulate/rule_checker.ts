/**
 * Watches rules of the election that no invariant shows by itself, because something else still stands between their breach and harm: whoever
 * removes one of them would see nothing for a long time. Like the other checkers it goes by what nodes save and say.
 *
 * | what | is wrong when |
 * |---|---|
 * | collector | an honest node votes for the proposal of another than the term's collector (design §4.3) |
 * | I8 | honest votes change the enclave key while their voters knew that of `prev` for living: a draw to choose from (§4.1, §4.4) |
 * | I2 | a leader counts a lease from a heartbeat that no quorum acked under that certificate, or for longer than from its sending (§4.7) |
 */
import { leaseMarginMs, rosterSettings } from "../election/roster/settings.ts";
import type { RosterCertificate, RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { Digest } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { rosterGenesis, rosterOf } from "../node/roster_cluster.ts";
import { simulatedRules } from "./identities.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
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

/** The eyes of one run. */
export class RuleChecker implements Watcher {
  readonly #world: World;
  readonly #votesNeeded: number;
  readonly #genesis: Digest;
  readonly #collector: (prev: Digest, term: number) => NodeId;
  /** From the sending of a heartbeat to the end of the lease that it gives. */
  readonly #usableMs: number;
  readonly #heads = new Map<SimNode, Digest>();
  readonly #certificates = new Map<Digest, RosterCertificate>();
  /** The living keys that its voter knew, for every honest vote by its signature; two lists when it learned others at that very instant. */
  readonly #kidsOfVote = new Map<string, readonly (readonly Digest[])[]>();
  readonly #rounds = new Map<SimNode, Round[]>();
  readonly #roundOf = new Map<string, Round>();

  constructor(world: World) {
    const config = world.config!;
    const { collectors, domain, nodes, prng } = world;
    this.#world = world;
    this.#votesNeeded = rosterOf(config).votesNeeded;
    this.#genesis = rosterGenesis(domain);
    const options = { prng, collectors, signs: false };
    this.#collector = simulatedRules(nodes[0].identity, domain, config, options).collector;
    const { leaseMs, driftPpm } = config.lease;
    this.#usableMs = leaseMs - leaseMarginMs(leaseMs, rosterSettings("local", leaseMs, driftPpm));
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (node.liar) return;
    switch (effect.type) {
      case "save": {
        const { head } = effect.memory;
        if (head && head.id !== this.#heads.get(node)) this.#accept(node, head);
        return;
      }
      case "send-election":
        return this.#say(node, effect.message as RosterMessage, effect.to);
      case "lease-held":
        return this.#checkLease(node, effect.certificate.id, effect.untilMs);
      default:
        return;
    }
  }

  said(node: SimNode, _to: number, message: RosterMessage | ElectionMessage): void {
    if (message.kind !== "lease-ack") return;
    const { certificateId, nonce } = message.ack;
    this.#roundOf.get(nonce)?.acks.add(`${certificateId} ${node.place}`);
  }

  crashed(): void {}

  #say(node: SimNode, message: RosterMessage, to: readonly { readonly id: NodeId }[]): void {
    switch (message.kind) {
      case "vote":
        this.#noteVote(node, message.vote.signature);
        for (const { id } of to) this.#checkCollector(node, message.term, id);
        return;
      case "proposal":
        this.#noteVote(node, message.vote.signature);
        return this.#checkCollector(node, message.proposal.term, node.id);
      case "heartbeat":
        return this.#noteRound(node, message.heartbeat.nonce);
      default:
        return;
    }
  }

  /** A vote is said again as it is, whatever its voter has learned since: what counts is what it knew at first. */
  #noteVote(node: SimNode, signature: string): void {
    if (this.#kidsOfVote.has(signature)) return;
    this.#kidsOfVote.set(signature, [node.kidsTold, node.kidsToldBefore]);
  }

  #checkCollector(node: SimNode, term: number, gatherer: NodeId): void {
    if (this.#collector(this.#heads.get(node) ?? this.#genesis, term) === gatherer) return;
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
    const isCarried = ({ saidMs, acks }: Round) => {
      if (saidMs + this.#usableMs < untilMs - ROUNDING_MS) return false;
      const others = [...acks].filter((ack) => ack.startsWith(`${certificateId} `));
      return others.length + 1 >= this.#votesNeeded;
    };
    if (this.#rounds.get(node)?.findLast(isCarried)) return;
    throw this.#broken("I2", `${node.name} holds a lease that no quorum gave by acks`);
  }

  #accept(node: SimNode, certificate: RosterCertificate): void {
    this.#heads.set(node, certificate.id);
    if (this.#certificates.has(certificate.id)) return;
    this.#certificates.set(certificate.id, certificate);
    const { term, prev, kid } = certificate.proposal;
    const before = this.#certificates.get(prev)?.proposal.kid;
    if (kid === before) return;
    const isReason = (kids: readonly Digest[]) =>
      kids.includes(kid) && !(before && kids.includes(before));
    for (const { signature } of certificate.document.bundle) {
      const known = this.#kidsOfVote.get(signature);
      if (!known || known.some(isReason)) continue;
      throw this.#broken("I8", `term ${term} takes another enclave key though its voters know one`);
    }
  }

  #broken(invariant: string, message: string): Violation {
    return new Violation(invariant, message, this.#world.nowMs);
  }
}
