/**
 * All orders of a few moves around one lease, over the real core at n = 4, f = 1: what a random walk meets once in a million runs is here one
 * of some thousand. The fourth node is a liar that collects in every term, votes for everything and acks everything, so of every quorum
 * only two are honest, as at n = 3, f = 0. A schedule begins with `a` in office under a lease that `b` acked.
 *
 * A move is a whole step of an attack: a proposal that some voters get, heartbeats that some followers get, a restart, a step-down
 * whose word is held back, old words that arrive at last, time. After each of them I1, I2, I3 and I5 are checked from outside, and that
 * no honest node acks a certificate after it voted in a higher term.
 */
import { createPrng } from "../../lib/base/prng.ts";
import { RosterElection } from "../../lib/election/roster/roster_election.ts";
import { type RosterSettings, rosterSettings } from "../../lib/election/roster/settings.ts";
import {
  EMPTY_MEMORY,
  type Heartbeat,
  type LeaderProposal,
  type RosterCertificate,
  type RosterEffect,
  type RosterEvent,
  type RosterMemory,
  type RosterMessage,
  type StepDown,
} from "../../lib/election/roster/types.ts";
import {
  certificateOf,
  digestOf,
  GENESIS,
  KID,
  rosterOf,
  rulesOf,
  signGaveUp,
  signVote,
} from "../election/roster/_rules.ts";

/** What may happen next. */
export type Move =
  /** The liar proposes: `leader` is who would be drawn. With `isNext` the voters first gave up the term in which they are. */
  | {
    readonly what: "elect";
    readonly leader: string;
    readonly voters: readonly string[];
    readonly isNext?: boolean;
  }
  /** A leader's heartbeat reaches some, and their acks and the liar's come back. */
  | { readonly what: "serve"; readonly leader: string; readonly ackers: readonly string[] }
  | { readonly what: "restart"; readonly node: string }
  /** Its work stops and it says so; nobody hears it yet. */
  | { readonly what: "step-down"; readonly leader: string }
  /** Every step-down and certificate that was ever said reaches everybody. */
  | { readonly what: "late" }
  /** As long as the shortest promise by true time: no honest lease may outlast it. */
  | { readonly what: "wait" };

const LEASE_MS = 480;
/** Clocks as far apart as the settings allow: the margin has to cover it. */
const DRIFT_RATE = 0.05;
const WAIT_MS = Math.ceil(LEASE_MS / (1 + DRIFT_RATE)) + 1;
const LIAR = "d";
const HONEST = ["a", "b", "c"];
const ROSTER = rosterOf(4, 1, LEASE_MS);
const SETTINGS: RosterSettings = {
  ...rosterSettings("local", LEASE_MS, DRIFT_RATE * 1_000_000),
  heartbeatIntervalMs: 0.001,
  settleMs: 1e9,
  clockJumpMs: 0,
};

/** All moves that a schedule can have at one place. */
export const MOVES: readonly Move[] = [
  { what: "wait" },
  { what: "late" },
  ...HONEST.map((node): Move => ({ what: "restart", node })),
  ...["a", "b"].map((leader): Move => ({ what: "step-down", leader })),
  ...["a", "b"].flatMap((leader) =>
    [[], ["c"], HONEST.filter((id) => id !== leader)]
      .map((ackers): Move => ({ what: "serve", leader, ackers }))
  ),
  ...["a", "b"].flatMap((leader) =>
    [["b"], ["c"], ["b", "c"], ["a", "c"]].flatMap((voters): Move[] => [
      { what: "elect", leader, voters },
      { what: "elect", leader, voters, isNext: true },
    ])
  ),
];

/** Runs every schedule of so many moves; gives how many. Throws at the first that breaks an invariant. */
export function searchAll(depth: number): number {
  let schedules = 0;
  const at = Array<number>(depth).fill(0);
  for (;;) {
    runSchedule(at.map((i) => MOVES[i]));
    schedules++;
    let place = depth - 1;
    while (place >= 0 && ++at[place] === MOVES.length) at[place--] = 0;
    if (place < 0) return schedules;
  }
}

/** Runs one schedule; gives who holds a lease at its end. */
export function runSchedule(moves: readonly Move[]): string[] {
  try {
    const bench = new Bench();
    for (const move of moves) bench.make(move);
    return bench.lessees();
  } catch (thrown) {
    const schedule = moves.map((move) => JSON.stringify(move)).join(" ");
    throw new Error(`${(thrown as Error).message}, after ${schedule}`, { cause: thrown });
  }
}

interface Node {
  readonly id: string;
  readonly rate: number;
  election: RosterElection;
  memory: RosterMemory;
  boots: number;
  heartbeat?: Heartbeat;
  votedTermMax: number;
  readonly voted: Map<number, string>;
}

class Bench {
  #nowMs = 1_000;
  readonly #nodes = new Map<string, Node>();
  readonly #votes = new Map<string, Set<string>>();
  readonly #certificates = new Map<number, RosterCertificate>();
  readonly #stepDowns: StepDown[] = [];
  /** What honest nodes say to others, of the move under way. */
  #said: { readonly from: string; readonly message: RosterMessage }[] = [];

  constructor() {
    for (const id of HONEST) {
      const rate = id === "a" ? 1 - DRIFT_RATE : 1 + DRIFT_RATE;
      const fresh = { id, rate, memory: EMPTY_MEMORY, boots: 0, votedTermMax: 0, voted: new Map() };
      const node: Node = { ...fresh, election: this.#boot({ ...fresh }) };
      this.#nodes.set(id, node);
      this.#introduce(node);
    }
    this.#elect("a", ["a", "c"], false);
    this.make({ what: "late" });
    this.make({ what: "serve", leader: "a", ackers: ["b"] });
  }

  make(move: Move): void {
    this.#nowMs += 0.01;
    switch (move.what) {
      case "elect":
        return this.#elect(move.leader, move.voters, move.isNext === true);
      case "serve":
        return this.#serve(this.#node(move.leader), move.ackers);
      case "restart": {
        const node = this.#node(move.node);
        node.boots++;
        node.heartbeat = undefined;
        node.election = this.#boot(node);
        return this.#introduce(node);
      }
      case "step-down":
        return this.#step(this.#node(move.leader), { type: "step-down" });
      case "late":
        for (const node of this.#nodes.values()) {
          for (const certificate of [...this.#certificates.values()]) {
            this.#accept(node, certificate);
          }
          for (const stepDown of this.#stepDowns) {
            this.#tell(node, stepDown.leader, { kind: "step-down", stepDown });
          }
        }
        return;
      case "wait":
        this.#nowMs += WAIT_MS;
        for (const node of this.#nodes.values()) this.#step(node, { type: "tick" });
        return;
      default:
        move satisfies never;
    }
  }

  /** Who holds a lease now. */
  lessees(): string[] {
    return [...this.#nodes.values()]
      .filter((node) => node.election.leaseRemainingMs(this.#localMs(node)) > 0)
      .map((node) => node.id);
  }

  #elect(leader: string, voters: readonly string[], isNext: boolean): void {
    const nodes = voters.map((id) => this.#node(id));
    const term = Math.max(...nodes.map((node) => node.election.term)) + (isNext ? 1 : 0);
    for (const node of nodes) {
      this.#openTerm(node, term);
      const proposal = proposalOf(node, leader, this.#stepDowns);
      const digest = digestOf(proposal);
      this.#said = [];
      this.#tell(node, LIAR, {
        kind: "proposal",
        proposal,
        vote: signVote(LIAR, proposal.term, digest),
      });
      if (!this.#said.some(({ message }) => message.kind === "vote")) continue;
      const votes = this.#votes.get(digest) ?? new Set([LIAR]);
      this.#votes.set(digest, votes.add(node.id));
      if (votes.size >= ROSTER.votesNeeded) this.#certify(proposal, leader, [...votes]);
    }
  }

  /** The function would draw one leader for one digest: the active set, in which only the liar differs, says who. */
  #certify(proposal: LeaderProposal, leader: string, votes: readonly string[]): void {
    const certificate = certificateOf(ROSTER, leader, { ...proposal, voters: votes });
    const other = this.#certificates.get(proposal.term);
    if (other && other.id !== certificate.id && other.digest !== certificate.digest) {
      throw new Error(`I1: two certificates of term ${proposal.term}`);
    }
    if (!other) this.#certificates.set(proposal.term, certificate);
    for (const id of [leader, ...votes]) {
      if (id !== LIAR) this.#accept(this.#node(id), this.#certificates.get(proposal.term)!);
    }
  }

  /** Shows a voter what opened the terms up to one. */
  #openTerm(node: Node, term: number): void {
    while (node.election.term < term) {
      const { head } = node.election;
      const statements = [LIAR, ...HONEST].map((id) => signGaveUp(id, head.id, node.election.term));
      const before = node.election.term;
      this.#tell(node, LIAR, { kind: "gave-up", statements });
      if (node.election.term === before) return;
    }
  }

  #serve(leader: Node, ackers: readonly string[]): void {
    // Twice: a restarted follower first demands its boot nonce.
    for (let round = 0; round < 2; round++) {
      this.#nowMs += 0.01;
      this.#said = [];
      this.#step(leader, { type: "tick" });
      const beats = this.#said.filter(({ message }) => message.kind === "heartbeat");
      if (beats.length === 0) return;
      for (const id of ackers) {
        this.#said = [];
        for (const { message } of beats) this.#tell(this.#node(id), leader.id, message);
        for (const { from, message } of this.#said) {
          if (message.kind === "ack-refusal" || message.kind === "lease-ack") {
            this.#tell(leader, from, message);
          }
        }
      }
      const { certificateId, nonce } = leader.heartbeat!;
      const ack = { certificateId, nonce, voter: LIAR, signature: LIAR };
      this.#tell(leader, LIAR, { kind: "lease-ack", ack });
    }
  }

  #boot(node: Pick<Node, "id" | "rate" | "memory" | "boots">): RosterElection {
    let nonces = 0;
    const rules = rulesOf(node.id, ROSTER, () => `${node.id}${node.boots}.${++nonces}`);
    return new RosterElection({
      self: node.id,
      roster: ROSTER,
      rules: { ...rules, collector: () => LIAR },
      settings: SETTINGS,
      memory: node.memory,
      origin: GENESIS,
      prng: createPrng(1),
      nowMs: this.#localMs(node),
    });
  }

  #introduce(node: Node): void {
    this.#step(node, { type: "keys", kids: [KID], preferred: KID });
    const members = [...HONEST, LIAR].filter((id) => id !== node.id)
      .map((id) => ({ id, state: "alive", verified: true, accusations: 0 } as const));
    this.#step(node, { type: "view", members });
  }

  #accept(node: Node, certificate: RosterCertificate): void {
    this.#step(node, { type: "certificate", certificate, from: LIAR });
  }

  #tell(node: Node, sender: string, message: RosterMessage): void {
    if (message.kind === "certificate" || sender === node.id) return;
    this.#step(node, { type: "message", sender, message });
  }

  #step(node: Node, event: RosterEvent): void {
    const nowMs = this.#localMs(node);
    for (const effect of node.election.step(event, nowMs)) this.#carryOut(node, effect);
    const lessees = this.lessees();
    if (lessees.length > 1) throw new Error(`I2: leases of ${lessees} at ${this.#nowMs}`);
  }

  #carryOut(node: Node, effect: RosterEffect): void {
    switch (effect.type) {
      case "persist": {
        const term = effect.change.head?.proposal.term;
        if (term !== undefined && term <= (node.memory.head?.proposal.term ?? 0)) {
          throw new Error(`I3: ${node.id} accepted term ${term} again`);
        }
        node.memory = { ...node.memory, ...effect.change };
        return;
      }
      case "send":
        this.#hear(node, effect.message);
        this.#said.push({ from: node.id, message: effect.message });
        return;
      case "stop-work":
        return this.#step(node, { type: "released", certificateId: effect.certificateId });
      default:
    }
  }

  /** What an observer of the network checks. */
  #hear(node: Node, message: RosterMessage): void {
    switch (message.kind) {
      case "heartbeat":
        node.heartbeat = message.heartbeat;
        return;
      case "step-down":
        this.#stepDowns.push(message.stepDown);
        return;
      case "vote": {
        const { term, digest } = message;
        const before = node.voted.get(term);
        if ((before !== undefined && before !== digest) || term < node.votedTermMax) {
          throw new Error(`I5: ${node.id} voted twice or back in term ${term}`);
        }
        node.voted.set(term, digest);
        node.votedTermMax = term;
        return;
      }
      case "lease-ack": {
        const { certificateId } = message.ack;
        const acked = [...this.#certificates.values()].find(({ id }) => id === certificateId);
        if (acked && acked.proposal.term < node.votedTermMax) {
          throw new Error(`${node.id} acked term ${acked.proposal.term} after a higher vote`);
        }
        return;
      }
      default:
    }
  }

  #node(id: string): Node {
    return this.#nodes.get(id)!;
  }

  #localMs({ rate }: Pick<Node, "rate">): number {
    return rate * this.#nowMs;
  }
}

/** A proposal after this voter's head, in its term. Whoever said that it stepped down is left out where another is to lead: voters forbid it. */
function proposalOf(
  { election }: Node,
  leader: string,
  stepDowns: readonly StepDown[],
): LeaderProposal {
  const { head, headCertificate, term } = election;
  const incumbent = headCertificate?.leader;
  const prev = headCertificate?.proposal;
  const gone = new Set(
    stepDowns.filter(({ certificateId }) => certificateId === head.id).map((one) => one.leader),
  );
  const stayed = prev?.type === "leader" && prev.incumbent === incumbent;
  return {
    type: "leader",
    term,
    prev: head.id,
    kid: KID,
    active: leader === "a" ? HONEST : [...HONEST, LIAR].filter((id) => !gone.has(id)),
    ...(incumbent !== undefined && { incumbent }),
    tenure: incumbent === undefined ? 0 : stayed ? prev.tenure + 1 : 1,
  };
}
