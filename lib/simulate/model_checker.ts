/**
 * Holds every run against the models of the protocol (`tests/model/roster.pml`, `succession.pml`): whatever an honest voter saves or says has to be one of the steps
 * that the model's voter may take in the state in which the voter is. So what was proven of the model's steps is known of the code's.
 *
 * The state of a voter is what it has saved and said, kept here a second time. The steps, by their comments in the model:
 *
 * | step of the model | seen as | is wrong when |
 * |---|---|---|
 * | it votes in its current term | `lastVote` is saved | the term is not the current one, or not after the last vote; it follows another head; the time after a restart runs; it voted to close, and this is not for the same successor; its head closes |
 * | it gives its term up | its statement is said | the term is not the current one, or the statement is about another head |
 * | a quorum gave it up | `opening` is saved | fewer than q statements, not all about one term and this head, or the term is over |
 * | it accepts a certificate | `head` is saved | the term is not greater, but for the first one of a successor |
 * | it acks and promises | an ack is said | not for its head, or after a vote in a higher term or one to close |
 * | it restarts | a process starts | (nothing: it has to keep quiet for a lease if it ever promised) |
 * | a candidate holds a lease | the lease is said | it does not lead by its head, or has stepped down from it |
 * | it steps down | `steppedDown` is saved, the step-down said | it holds a lease, or leads by another head; or it is said before it is saved |
 *
 * That running promises forbid votes, that a lease rests on a quorum of acks and that one vote a term leaves are watched where more is known: in
 * `rule_checker.ts` and `election_checker.ts`. True time, margins and the network's freedom are the world's, not the voter's.
 */
import type { Digest } from "../certificate/types.ts";
import type { GaveUp, LastVote, RosterMemory, RosterMessage } from "../election/roster/types.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import { RosterBody, type SimEffect } from "./sim_body.ts";
import type { SimFunction } from "./sim_function.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/** What a voter has saved and said under one function. */
interface VoterState {
  readonly under: SimFunction;
  head: { readonly term: number; readonly id: Digest; readonly leader?: string };
  /** Whether the head is a certificate of this function, and not only what its first one follows. */
  hasCertificate: boolean;
  current: number;
  lastVote?: LastVote;
  opening: readonly GaveUp[];
  steppedDown?: Digest;
  holdsLease: boolean;
}

/** The eyes of one run. */
export class ModelChecker implements Watcher {
  readonly #world: World;
  readonly #states = new Map<SimNode, VoterState>();
  /** The longest lease that each voter ever promised, under whatever function, ms. */
  readonly #promisedMs = new Map<SimNode, number>();
  /** Until when a voter that was restarted votes for nobody, by its monotonic clock. */
  readonly #quietUntilMs = new Map<SimNode, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A process starts: what it forgot is made up for by not voting for the lease, if it ever promised. */
  booted(node: SimNode): void {
    if (node.liar || !(node.body instanceof RosterBody)) return;
    const promisedMs = this.#promisedMs.get(node) ?? 0;
    const nowMs = node.clock.monotonicMs(this.#world.nowMs);
    if (promisedMs > 0) this.#quietUntilMs.set(node, nowMs + promisedMs);
    const { memory, head: { term, id }, headCertificate } = node.body.voter;
    const leader = headCertificate?.leader;
    const state: VoterState = {
      under: node.function,
      head: { term, id, ...(leader !== undefined && { leader }) },
      hasCertificate: headCertificate !== undefined,
      current: term + 1,
      lastVote: memory.lastVote,
      opening: memory.opening,
      steppedDown: memory.steppedDown,
      holdsLease: false,
    };
    const [opening] = memory.opening;
    if (opening?.prev === id) state.current = Math.max(state.current, opening.term + 1);
    this.#states.set(node, state);
  }

  effect(node: SimNode, effect: SimEffect): void {
    const state = this.#states.get(node);
    if (!state || node.liar || state.under !== node.function) return;
    switch (effect.type) {
      case "save":
        return this.#save(node, state, effect.memory);
      case "send-election":
        return this.#say(node, state, effect.message as RosterMessage);
      case "lease-held": {
        const { certificate } = effect;
        const isInOffice = certificate.id === state.head.id && state.head.leader === node.id;
        if (!isInOffice || state.steppedDown === certificate.id) {
          throw this.#broken(node, "holds a lease without leading by its head");
        }
        state.holdsLease = true;
        // Who voted in a later term does not ack itself: its lease rests on the others' acks alone.
        if ((state.lastVote?.term ?? 0) <= state.head.term) this.#promise(node);
        return;
      }
      case "lease-lost":
        state.holdsLease = false;
        return;
      default:
        return;
    }
  }

  crashed(node: SimNode): void {
    this.#states.delete(node);
  }

  #save(node: SimNode, state: VoterState, memory: RosterMemory): void {
    const { head, lastVote, opening, steppedDown } = memory;
    if (head && head.id !== state.head.id) {
      const { term } = head.proposal;
      if (state.hasCertificate && term <= state.head.term) {
        throw this.#broken(node, "accepts a certificate of no later term");
      }
      state.head = {
        term,
        id: head.id,
        ...(head.leader !== undefined && { leader: head.leader }),
      };
      state.hasCertificate = true;
      state.current = term + 1;
    }
    if (opening !== state.opening) this.#open(node, state, opening);
    if (lastVote && lastVote !== state.lastVote) this.#vote(node, state, lastVote);
    if (steppedDown !== state.steppedDown) {
      if (steppedDown !== state.head.id || state.head.leader !== node.id || state.holdsLease) {
        throw this.#broken(node, "steps down from what it does not lead by, or with a lease");
      }
      state.steppedDown = steppedDown;
    }
  }

  #open(node: SimNode, state: VoterState, opening: readonly GaveUp[]): void {
    state.opening = opening;
    const [first] = opening;
    // Another head: what opened terms after the last one is void.
    if (!first || first.prev !== state.head.id) return;
    if (first.term + 1 === state.current) return;
    const { votesNeeded } = rosterOf(state.under.config!);
    const voters = new Set(
      opening.filter(({ term, prev }) => term === first.term && prev === first.prev)
        .map(({ voter }) => voter),
    );
    if (voters.size < votesNeeded || first.term < state.current) {
      throw this.#broken(node, `opens term ${first.term + 1} without a quorum that gave one up`);
    }
    state.current = first.term + 1;
  }

  #vote(node: SimNode, state: VoterState, vote: LastVote): void {
    const { lastVote: last, head, current } = state;
    state.lastVote = vote;
    const isSame = last?.term === vote.term && last.digest === vote.digest;
    if (isSame) return;
    if (vote.term !== current || vote.term <= (last?.term ?? 0) || vote.prev !== head.id) {
      throw this.#broken(node, `votes in term ${vote.term}, which is not its next one`);
    }
    const isClosed = state.hasCertificate && head.leader === undefined;
    if (isClosed || (last?.successor !== undefined && vote.successor !== last.successor)) {
      throw this.#broken(node, `votes in term ${vote.term} after it closed, and not for that`);
    }
    if (node.steppedMs >= (this.#quietUntilMs.get(node) ?? -Infinity)) return;
    throw this.#broken(node, `votes in term ${vote.term} too soon after it was restarted`);
  }

  #say(node: SimNode, state: VoterState, message: RosterMessage): void {
    switch (message.kind) {
      case "gave-up": {
        const own = message.statements.find(({ voter }) => voter === node.id);
        // What opened a term is shown again to those who missed it.
        if (!own || own.term < state.current) return;
        if (own.term === state.current && own.prev === state.head.id) return;
        throw this.#broken(node, `gives up term ${own.term}, which is not its own`);
      }
      case "lease-ack": {
        const isOfHead = message.ack.certificateId === state.head.id;
        if (!isOfHead || (state.lastVote?.term ?? 0) > state.head.term) {
          throw this.#broken(node, "acks another certificate than its head, or after a later vote");
        }
        if (state.lastVote?.successor !== undefined) {
          throw this.#broken(node, "acks after it voted to close");
        }
        return this.#promise(node);
      }
      case "step-down":
        if (message.stepDown.certificateId === state.steppedDown && !state.holdsLease) return;
        throw this.#broken(node, "says that it stepped down before that is on its disk");
      default:
        return;
    }
  }

  #promise(node: SimNode): void {
    const { leaseMs } = node.function.config!.lease;
    this.#promisedMs.set(node, Math.max(this.#promisedMs.get(node) ?? 0, leaseMs));
  }

  #broken(node: SimNode, what: string): Violation {
    const message = `${node.name} ${what}: no step of the model`;
    return new Violation("model", message, this.#world.nowMs);
  }
}
