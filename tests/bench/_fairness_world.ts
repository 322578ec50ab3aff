/**
 * Elections in the harness, drawn by the real rule: one after the other, each begun by the leader's step-down. For every election it is noted
 * what share of the draw was each voter's due, so that what came about can be held against it.
 *
 * With liars the due is the bound of I8 (design §4): the liars' weight over theirs and that of the settled honest voters, whom no
 * honest vote lets a proposal leave out. The leader before is no candidate, unless it is a liar, whom its friends may list again.
 */
import {
  bitmapOf,
  drawRosterLeader,
  type RosterNode,
  type RosterPolicy,
} from "../../function/leader-election/roster_rules.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { accuse, aimer } from "../election/roster/_liars.ts";
import { type Draw, names } from "../election/roster/_rules.ts";
import { World } from "../election/roster/harness.ts";

/** One series of elections. */
export interface Series {
  readonly policy: RosterPolicy;
  readonly voters: number;
  readonly faultBound: number;
  /** Whether `faultBound` of them lie: the first ones. */
  readonly hasLiars: boolean;
  readonly elections: number;
}

/** What came of a series for one voter, or for all liars together. */
export interface Share {
  readonly name: string;
  /** Elections won. */
  readonly won: number;
  /** What was due: the mean, and the variance of who gets exactly that. */
  readonly due: number;
  readonly variance: number;
}

/** Elections in one world: its clock of steps ends long after. */
const ELECTIONS_A_WORLD = 200;
/** Longest that one election may take, virtual ms: a dozen terms that liars spoiled, at the longest timeout. */
const ELECTION_MS_MAX = 120_000;

/** Runs a series. Throws when a cluster does not elect. */
export function runSeries(series: Series): Share[] {
  const { voters, faultBound, hasLiars, elections } = series;
  const ids = names(voters);
  const weights = new Map(ids.map((id, i) => [id, series.policy === "weighted" ? 1 + i % 3 : 1]));
  const liars = new Set(hasLiars ? ids.slice(0, faultBound) : []);
  const tally = new Tally(weights, liars);
  for (let done = 0, seed = 1; done < elections; done += ELECTIONS_A_WORLD, seed++) {
    const world = new World({
      n: voters,
      f: faultBound,
      seed,
      draw: drawOf(series.policy, weights, seed),
    });
    world.keepSent = false;
    const winners = new Map();
    for (const id of liars) {
      world.node(id).liar = aimer(id, liars, winners);
      accuse(world, id, ids.filter((other) => !liars.has(other)));
    }
    world.start();
    elect(world, Math.min(ELECTIONS_A_WORLD, elections - done), liars, tally);
  }
  return tally.shares();
}

function elect(
  world: World,
  elections: number,
  liars: ReadonlySet<string>,
  tally: Tally,
): void {
  const honest = world.ids.filter((id) => !liars.has(id)).map((id) => world.node(id));
  let term = 0;
  for (let i = 0; i < elections; i++) {
    const isLed = world.advance(
      ELECTION_MS_MAX,
      () =>
        honest.every(({ election }) => election.head.term > term) && world.lessees().length === 1,
    );
    if (!isLed) throw new Error(`no leader after term ${term}`);
    const { proposal, leader } = honest[0].election.headCertificate!;
    if (proposal.type !== "leader" || leader === undefined) throw new Error("nobody was elected");
    tally.count(leader, proposal.incumbent, proposal.active);
    term = proposal.term;
    // A liar whose core has noticed its lies and stopped begins again: it is to do its worst all the time.
    for (const id of liars) if (!world.node(id).isUp) world.boot(id);
    world.step(world.node(leader), { type: "step-down" });
  }
}

/** The real rule over a beacon for each `prev`, as the enclave's key makes one. */
function drawOf(policy: RosterPolicy, weights: ReadonlyMap<string, number>, seed: number): Draw {
  const domain = { checksum: sha256(utf8("fairness")), cluster: `fairness-${seed}` };
  const roster = [...weights].map(([id, weight]): RosterNode => ({
    id: sha256(utf8(id)),
    name: id,
    weight,
  }));
  const rules = { policy, sticky: false, maxTenure: 0 };
  return ({ prev, active }) => {
    const indexes = roster.flatMap(({ name }, i) => active.includes(name) ? [i] : []);
    const bitmap = bitmapOf(roster.length, indexes);
    const beacon = sha256(utf8(`${seed} ${prev}`));
    const proposal = { bitmap, incumbent: new Uint8Array(), tenure: 0 };
    return drawRosterLeader(sha256, domain, rules, beacon, roster, proposal)!.name;
  };
}

/** Counts who won, and what was due to whom. */
class Tally {
  readonly #weights: ReadonlyMap<string, number>;
  readonly #liars: ReadonlySet<string>;
  readonly #counts = new Map<string, { won: number; due: number; variance: number }>();

  constructor(weights: ReadonlyMap<string, number>, liars: ReadonlySet<string>) {
    this.#weights = weights;
    this.#liars = liars;
  }

  count(leader: string, incumbent: string | undefined, active: readonly string[]): void {
    if (this.#liars.size > 0) {
      const isOut = (id: string) => id === incumbent && !this.#liars.has(id);
      const all = [...this.#weights.keys()].filter((id) => !isOut(id));
      const due = this.#sum([...this.#liars]) / this.#sum(all);
      return this.#add("liars", this.#liars.has(leader), due);
    }
    const whole = this.#sum(active);
    for (const id of active) this.#add(id, id === leader, this.#sum([id]) / whole);
  }

  shares(): Share[] {
    return [...this.#counts].map(([name, count]) => ({ name, ...count }));
  }

  #add(name: string, hasWon: boolean, due: number): void {
    const count = this.#counts.get(name) ?? { won: 0, due: 0, variance: 0 };
    this.#counts.set(name, count);
    if (hasWon) count.won++;
    count.due += due;
    count.variance += due * (1 - due);
  }

  #sum(ids: readonly string[]): number {
    return ids.reduce((sum, id) => sum + this.#weights.get(id)!, 0);
  }
}
