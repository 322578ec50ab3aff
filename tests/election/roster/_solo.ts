/** One machine alone, told everything by the test: for the rules one by one. */
import { createPrng } from "../../../lib/base/prng.ts";
import type { Vote } from "../../../lib/certificate/types.ts";
import { RosterElection } from "../../../lib/election/roster/roster_election.ts";
import { type RosterSettings, rosterSettings } from "../../../lib/election/roster/settings.ts";
import {
  EMPTY_MEMORY,
  type Head,
  type LeaderProposal,
  type MemberView,
  type Roster,
  type RosterCertificate,
  type RosterEffect,
  type RosterEvent,
  type RosterMemory,
  type RosterMessage,
  type RosterProposal,
} from "../../../lib/election/roster/types.ts";
import {
  certificateOf,
  collectorOf,
  digestOf,
  GENESIS,
  KID,
  rosterOf,
  rulesOf,
  signGaveUp,
  signVote,
} from "./_rules.ts";

export const LEASE_MS = 480;

type Kind = RosterMessage["kind"];
type Told = Exclude<RosterMessage, { kind: "certificate" }>;
type OfKind<K extends Kind> = Extract<RosterMessage, { kind: K }>;

export class Solo {
  nowMs = 10_000;
  wallMs = 0;
  readonly roster: Roster;
  readonly settings: RosterSettings;
  readonly self: string;
  memory: RosterMemory;
  readonly origin: Head;
  election!: RosterElection;
  /** Since the last `clear`. */
  effects: RosterEffect[] = [];
  readonly #prng = createPrng(1);
  #nonces = 0;

  constructor(options: {
    readonly n?: number;
    readonly f?: number;
    readonly self?: string;
    readonly stickyTenureMax?: number;
    readonly memory?: Partial<RosterMemory>;
    /** What the first certificate follows; genesis when left out. */
    readonly origin?: Head;
    readonly settings?: Partial<RosterSettings>;
    /** Known enclave keys. */
    readonly kids?: readonly string[];
    /** Without a view and keys. */
    readonly isBare?: boolean;
  } = {}) {
    this.roster = rosterOf(
      options.n ?? 4,
      options.f ?? 1,
      LEASE_MS,
      options.stickyTenureMax,
    );
    this.settings = { ...rosterSettings("local", LEASE_MS, 2_000), ...options.settings };
    this.self = options.self ?? this.ids[0];
    this.memory = { ...EMPTY_MEMORY, ...options.memory };
    this.origin = options.origin ?? GENESIS;
    this.boot();
    if (options.isBare) return;
    this.step({ type: "keys", kids: options.kids ?? [KID], preferred: (options.kids ?? [KID])[0] });
    this.view();
  }

  get ids(): string[] {
    return this.roster.voters.map((voter) => voter.id);
  }

  get others(): string[] {
    return this.ids.filter((id) => id !== this.self);
  }

  /** Starts the process with what was stored. */
  boot(): void {
    this.election = new RosterElection({
      self: this.self,
      roster: this.roster,
      rules: rulesOf(this.self, this.roster, () => `${this.self}${++this.#nonces}`),
      settings: this.settings,
      memory: this.memory,
      origin: this.origin,
      prng: this.#prng,
      nowMs: this.nowMs,
    });
  }

  step(event: RosterEvent): RosterEffect[] {
    const effects = this.election.step(event, this.nowMs);
    for (const effect of effects) {
      if (effect.type === "persist") this.memory = { ...this.memory, ...effect.change };
    }
    this.effects.push(...effects);
    return effects;
  }

  /** Lets time pass, with the ticks that the machine asks for. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (let ticks = 0; ticks < 1_000; ticks++) {
      const deadline = this.election.deadlineMs() ?? Infinity;
      if (deadline > endMs) break;
      this.nowMs = Math.max(this.nowMs, deadline);
      this.step({ type: "tick" });
    }
    this.nowMs = endMs;
    this.step({ type: "tick" });
  }

  /** All others alive and met, but for what is said here; `undefined` leaves one out. */
  view(but: Readonly<Record<string, Partial<MemberView> | undefined>> = {}): void {
    const members: MemberView[] = [];
    for (const id of this.others) {
      if (id in but && but[id] === undefined) continue;
      members.push({ id, state: "alive", verified: true, accusations: 0, ...but[id] });
    }
    this.step({ type: "view", members });
  }

  tell(sender: string, message: Told): RosterEffect[] {
    return this.step({ type: "message", sender, message });
  }

  clear(): void {
    this.effects = [];
  }

  /** Messages of a kind since the last `clear`. */
  sent<K extends Kind>(kind: K): (OfKind<K> & { readonly to: readonly string[] })[] {
    return this.effects.flatMap((effect) =>
      effect.type === "send" && effect.message.kind === kind
        ? [{ ...effect.message as OfKind<K>, to: effect.to }]
        : []
    );
  }

  /** Effects of a type since the last `clear`. */
  did<T extends RosterEffect["type"]>(type: T): Extract<RosterEffect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<RosterEffect, { type: T }> =>
      effect.type === type
    );
  }

  /** Where the first effect of a kind is in the list. */
  at(kind: Kind | RosterEffect["type"]): number {
    return this.effects.findIndex((effect) =>
      effect.type === kind || (effect.type === "send" && effect.message.kind === kind)
    );
  }

  collector(term = this.election.term, prev = this.election.head.id): string {
    return collectorOf(this.roster, prev, term);
  }

  /** A proposal that follows the machine's head, with all voters active. */
  proposal(change: Partial<LeaderProposal> = {}): LeaderProposal {
    const certificate = this.election.headCertificate;
    const incumbent = certificate?.leader;
    return {
      type: "leader",
      term: this.election.term,
      prev: this.election.head.id,
      kid: KID,
      active: this.ids,
      ...(incumbent !== undefined && { incumbent }),
      tenure: incumbent === undefined ? 0 : 1,
      ...change,
    };
  }

  /** Tells a proposal of its collector, with the collector's vote. */
  propose(proposal: RosterProposal = this.proposal(), from?: string): RosterEffect[] {
    const sender = from ?? this.collector(proposal.term, proposal.prev);
    return this.tell(sender, {
      kind: "proposal",
      proposal,
      vote: signVote(sender, proposal.term, digestOf(proposal)),
    });
  }

  /** The reason of the last refusal since the last `clear`. */
  refusal(): string | undefined {
    return this.sent("refusal").at(-1)?.objection.reason;
  }

  vote(from: string, proposal: RosterProposal): RosterEffect[] {
    const { term } = proposal;
    const digest = digestOf(proposal);
    const vote: Vote = signVote(from, term, digest);
    return this.tell(from, { kind: "vote", term, digest, vote });
  }

  gaveUp(voters: readonly string[], term = this.election.term, prev = this.election.head.id): void {
    for (const voter of voters) {
      this.tell(voter === this.self ? this.others[0] : voter, {
        kind: "gave-up",
        statements: [signGaveUp(voter, prev, term)],
      });
    }
  }

  /** Another node leads now, and neither it nor this one collects in the term after. */
  follow(said: Partial<Parameters<typeof certificateOf>[2]> = {}): RosterCertificate {
    const { term = this.election.term, prev = this.election.head.id } = said;
    for (const leader of this.others) {
      const voters = this.others;
      const certificate = certificateOf(this.roster, leader, { term, prev, voters, ...said });
      const next = collectorOf(this.roster, certificate.id, term + 1);
      if (next === leader || next === this.self) continue;
      this.step({ type: "certificate", certificate, from: leader });
      return certificate;
    }
    throw new Error("no such leader: choose another term");
  }

  /** A certificate that follows the head and that this node did not vote for, told by another node. */
  elect(
    leader: string,
    said: Partial<Parameters<typeof certificateOf>[2]> = {},
  ): RosterCertificate {
    const certificate = certificateOf(this.roster, leader, {
      term: this.election.term,
      prev: this.election.head.id,
      voters: this.others,
      ...said,
    });
    this.step({ type: "certificate", certificate, from: this.others[0] });
    return certificate;
  }

  heartbeat(
    certificate: RosterCertificate,
    sequence: number,
    change: { readonly incarnation?: number; readonly echo?: string; readonly from?: string } = {},
  ): RosterEffect[] {
    const { incarnation = 1, echo, from = certificate.leader! } = change;
    return this.tell(from, {
      kind: "heartbeat",
      heartbeat: {
        certificateId: certificate.id,
        nonce: `h${incarnation}.${sequence}`,
        incarnation,
        sequence,
        ...(echo !== undefined && { echo }),
        signature: from,
      },
    });
  }

  ack(from: string, certificateId: string, nonce: string): RosterEffect[] {
    const ack = { certificateId, nonce, voter: from, signature: from };
    return this.tell(from, { kind: "lease-ack", ack });
  }

  /** Others ack the last heartbeat. */
  ackAll(voters: readonly string[] = this.others): void {
    const { heartbeat } = this.sent("heartbeat").at(-1)!;
    for (const voter of voters) this.ack(voter, heartbeat.certificateId, heartbeat.nonce);
  }

  get leaseMs(): number {
    return this.election.leaseRemainingMs(this.nowMs);
  }
}

/** A machine that follows: neither the collector of the first term nor `a`. */
export function voter(options: ConstructorParameters<typeof Solo>[0] = {}): Solo {
  const roster = rosterOf(options.n ?? 4, options.f ?? 1);
  const collector = collectorOf(roster, GENESIS.id, 1);
  const self = roster.voters.map((one) => one.id).filter((id) => id !== collector).at(-1)!;
  const solo = new Solo({ self, ...options });
  solo.pass(solo.settings.settleMs);
  solo.clear();
  return solo;
}

/** A machine that collects in the first term. */
export function collector(options: ConstructorParameters<typeof Solo>[0] = {}): Solo {
  const roster = rosterOf(options.n ?? 4, options.f ?? 1);
  return new Solo({ self: collectorOf(roster, GENESIS.id, 1), ...options });
}

/** A machine that leads by its first certificate and has sent its first heartbeat. */
export function leader(options: ConstructorParameters<typeof Solo>[0] = {}): Solo {
  const solo = new Solo(options);
  solo.step({ type: "clocks", wallMs: solo.nowMs });
  solo.elect(solo.self);
  return solo;
}
