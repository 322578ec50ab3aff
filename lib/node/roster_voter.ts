/**
 * A voter of a roster cluster between its replica and its shell, still pure: the clocks come before everything else, and what is to be
 * remembered is whole. The node and the simulator run this same file, so what is proven of the one holds for the other.
 *
 * The election looks at both clocks before every event: a machine that was suspended must not act on its lease (design §4.7).
 */
import { RosterElection, type RosterElectionOptions } from "../election/roster/roster_election.ts";
import { AccusationWatch } from "../election/roster/observations.ts";
import type {
  ForkEvidence,
  Head,
  RosterCertificate,
  RosterEvent,
  RosterMemory,
} from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { NodeId } from "../membership/types.ts";
import type { GossipEvent } from "./gossip.ts";
import { rosterReplica, type RosterReplicaEffect } from "./roster_replica.ts";

/** A reading of both clocks, taken at the moment of the step. */
export interface ClockReading {
  /** Monotonic. */
  readonly nowMs: number;
  readonly wallMs: number;
}

/** What the shell is asked to do, in this order. */
export type RosterVoterEffect =
  | Exclude<RosterReplicaEffect, { type: "persist" }>
  /** On disk, whole or not at all, before anything that follows is carried out. */
  | { readonly type: "save"; readonly memory: RosterMemory };

/** One voter. */
export class RosterVoter {
  readonly #election: RosterElection;
  readonly #replica: ReturnType<typeof rosterReplica>;
  readonly #self: NodeId;
  readonly #accusations: AccusationWatch;
  #memory: RosterMemory;

  constructor(membership: Membership, options: RosterElectionOptions) {
    this.#memory = options.memory;
    this.#election = new RosterElection(options);
    const voters = new Set(options.roster.voters.map((voter) => voter.id));
    this.#self = options.self;
    this.#accusations = new AccusationWatch(voters);
    this.#replica = rosterReplica(membership, this.#election, voters, options.nowMs);
  }

  /** The term in which this node votes. */
  get term(): number {
    return this.#election.term;
  }

  /** Term and id of the highest certificate, or what the first one follows. */
  get head(): Head {
    return this.#election.head;
  }

  /** The highest certificate. */
  get headCertificate(): RosterCertificate | undefined {
    return this.#election.headCertificate;
  }

  /** Who gathers the votes of the current term. */
  get collector(): NodeId {
    return this.#election.collector;
  }

  /** What was proven about liars. */
  get evidence(): readonly ForkEvidence[] {
    return this.#election.evidence;
  }

  /** What it remembers, with everything that was asked to be saved. */
  get memory(): RosterMemory {
    return this.#memory;
  }

  /** When the next tick is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    return this.#replica.deadlineMs();
  }

  /** How long this node may act as the leader; read the clocks by {@linkcode RosterVoter.readClocks} just before. */
  leaseRemainingMs(nowMs: number): number {
    return this.#election.leaseRemainingMs(nowMs);
  }

  /** Looks at the clocks, and nothing else. */
  readClocks(clock: ClockReading): RosterVoterEffect[] {
    return this.#replica.elect({ type: "clocks", wallMs: clock.wallMs }, clock.nowMs)
      .map((effect) => this.#remember(effect));
  }

  /** Takes an event of gossip, or a tick. */
  gossip(event: GossipEvent, clock: ClockReading): RosterVoterEffect[] {
    const effects = this.readClocks(clock);
    for (const effect of this.#replica.gossip(event, clock.nowMs)) {
      effects.push(this.#remember(effect));
    }
    effects.push(...this.#observe(event, effects, clock.nowMs));
    return effects;
  }

  /** Takes an event of the election. */
  elect(event: RosterEvent, clock: ClockReading): RosterVoterEffect[] {
    const effects = this.readClocks(clock);
    for (const effect of this.#replica.elect(event, clock.nowMs)) {
      effects.push(this.#remember(effect));
    }
    return effects;
  }

  /** Who accuses whom, by the claims that came and by what this node makes of them. */
  #observe(
    event: GossipEvent,
    effects: readonly RosterVoterEffect[],
    nowMs: number,
  ): RosterVoterEffect[] {
    const watch = this.#accusations;
    const observed = [];
    for (const effect of effects) {
      if (effect.type === "persist-incarnation") {
        observed.push(watch.alive(this.#self, effect.incarnation, nowMs));
      }
      const isDoubt = effect.type === "member" &&
        (effect.change.kind === "suspect" || effect.change.kind === "fail");
      if (isDoubt) watch.doubted(effect.change.member.id);
    }
    const claims = event.type === "gossip"
      ? event.message.claims
      : event.type === "synced"
      ? event.claims
      : [];
    for (const claim of claims) {
      const { type, subject, incarnation } = claim;
      if (type === "alive") observed.push(watch.alive(subject, incarnation, nowMs));
      else if (type !== "left") watch.accused(claim.accuser, subject, incarnation);
    }
    return observed.flatMap((note) => note ? [{ type: "note", note } as const] : []);
  }

  #remember(effect: RosterReplicaEffect): RosterVoterEffect {
    if (effect.type !== "persist") return effect;
    this.#memory = { ...this.#memory, ...effect.change };
    return { type: "save", memory: this.#memory };
  }
}
