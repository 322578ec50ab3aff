/**
 * What a voter sees of others that proves nothing and is still worth saying: lies that leave no signature behind (accusations that are always
 * false, certificates that are withheld, collectors that never propose, leaders that never speak) look like broken links and slow machines.
 * So what is told are facts with their number, never a verdict: every one is counted, and told when it has come three times and whenever
 * the number has doubled since.
 *
 * Nothing is said of what this node cannot know: whether a collector had enough votes, whether a leader got its acks, why somebody refuses.
 * In a cluster that elects nobody no one is told of, for then all collectors look alike.
 */
import type { NodeId } from "../../membership/types.ts";
import type { Observation, RosterNote } from "./notes.ts";

/** How often the same has to be seen before it is told: once and twice happens to honest nodes as well. */
const TIMES_TOLD_MIN = 3;
/** Accusations further apart than this do not add up: over months every link loses a probe now and then. */
const ACCUSATION_GAP_MS_MAX = 600_000;
/** Terms that came to nothing since the head, as far as they are remembered: more are open only while nobody can be elected. */
const TERMS_MAX = 16;

type Observed = Extract<RosterNote, { what: "observed" }>;

/** Counts what was seen of somebody. There are no more entries than voters, or pairs of them. */
class Tally {
  readonly #seen = new Map<string, { times: number; tellAt: number; lastMs: number }>();

  /** Once more; those that were seen longer than `gapMsMax` ago count no more. */
  add(key: string, nowMs = 0, gapMsMax = Infinity): Pick<Observed, "times" | "isNews"> {
    const last = this.#seen.get(key);
    const goesOn = last !== undefined && nowMs - last.lastMs <= gapMsMax;
    const entry = goesOn ? last : { times: 0, tellAt: TIMES_TOLD_MIN, lastMs: nowMs };
    const times = ++entry.times;
    const isNews = times >= entry.tellAt;
    if (isNews) entry.tellAt = 2 * times;
    entry.lastMs = nowMs;
    this.#seen.set(key, entry);
    return { times, isNews };
  }

  /** It is over: the next time is the first. */
  clear(key: string): void {
    this.#seen.delete(key);
  }
}

/** A term that its quorum gave up, as this voter saw it. */
export interface LostTerm {
  readonly term: number;
  readonly collector: NodeId;
  /** Whether this voter waited for the whole of its timeout. */
  readonly isTimedOut: boolean;
  /** Whether the collector gave the term up itself, as it does when it cannot propose or misses votes. */
  readonly isGivenUpByCollector: boolean;
  /** Whether this voter holds the collector alive: it answers its probes. */
  readonly isCollectorAlive: boolean;
}

type OfCollectors = Extract<Observation, "unused-vote" | "no-proposal">;

/** Watches collectors and leaders from where one voter stands. */
export class ElectionWatch {
  readonly #tell: (note: Observed) => void;
  readonly #collectors: Readonly<Record<OfCollectors, Tally>> = {
    "unused-vote": new Tally(),
    "no-proposal": new Tally(),
  };
  readonly #leaders = new Tally();
  #proposedTerm = 0;
  #votedTerm = 0;
  #publishedTerm = 0;
  /** Since the head. */
  #lost: { readonly how: OfCollectors; readonly term: number; readonly by: NodeId }[] = [];

  constructor(tell: (note: Observed) => void) {
    this.#tell = tell;
  }

  /** The collector of a term proposed. */
  proposed(term: number): void {
    this.#proposedTerm = term;
  }

  /** This voter voted for that. */
  voted(term: number): void {
    this.#votedTerm = term;
  }

  /** The votes of a term were shown to all. */
  published(term: number): void {
    this.#publishedTerm = term;
  }

  /** A term is over without a certificate. */
  lost({ term, collector: by, ...seen }: LostTerm): void {
    if (!seen.isTimedOut || seen.isGivenUpByCollector || !seen.isCollectorAlive) return;
    const isVoted = this.#votedTerm === term;
    if (isVoted && this.#publishedTerm === term) return;
    if (!isVoted && this.#proposedTerm === term) return;
    this.#lost.push({ how: isVoted ? "unused-vote" : "no-proposal", term, by });
    if (this.#lost.length > TERMS_MAX) this.#lost.shift();
  }

  /** Somebody was elected: so it was possible, and what came to nothing before counts. */
  elected(collector: NodeId): void {
    for (const { how, term, by } of this.#lost) {
      this.#tell({ what: "observed", how, by, term, ...this.#collectors[how].add(by) });
    }
    this.#lost = [];
    for (const tally of Object.values(this.#collectors)) tally.clear(collector);
  }

  /** A leader that is held alive was replaced for its silence, and had never been heard as the leader. */
  neverHeard(by: NodeId, term: number): void {
    this.#tell({ what: "observed", how: "unheard-leader", by, term, ...this.#leaders.add(by) });
  }

  /** A leader was heard. */
  heard(leader: NodeId): void {
    this.#leaders.clear(leader);
  }
}

/** What this voter knows of the present incarnation of another. */
interface Accused {
  readonly incarnation: number;
  readonly by: Set<NodeId>;
  /** Whether this voter suspected it, too. */
  isDoubted: boolean;
}

/**
 * Watches who accuses whom. An accusation counts when its accuser stayed alone with it and the accused answered with a later incarnation, which
 * only it can sign; one of an earlier incarnation can be said again by anyone, and does not count.
 */
export class AccusationWatch {
  readonly #voters: ReadonlySet<NodeId>;
  readonly #accused = new Map<NodeId, Accused>();
  readonly #lone = new Tally();

  /** `voters` are all of the roster, this one included. */
  constructor(voters: ReadonlySet<NodeId>) {
    this.#voters = voters;
  }

  /** One voter says of another's incarnation that it does not answer. */
  accused(by: NodeId, subject: NodeId, incarnation: number): void {
    const known = this.#accused.get(subject);
    if (known?.incarnation !== incarnation || by === subject || !this.#voters.has(by)) return;
    known.by.add(by);
  }

  /** This voter does not reach it either, or holds enough accusations against it. */
  doubted(subject: NodeId): void {
    const known = this.#accused.get(subject);
    if (known) known.isDoubted = true;
  }

  /** A voter signed that it is alive in this incarnation. Gives what that says of who accused it before. */
  alive(subject: NodeId, incarnation: number, nowMs: number): Observed | undefined {
    const known = this.#accused.get(subject);
    if (!this.#voters.has(subject) || (known && incarnation <= known.incarnation)) return undefined;
    this.#accused.set(subject, { incarnation, by: new Set(), isDoubted: false });
    if (known?.by.size !== 1 || known.isDoubted) return undefined;
    const [by] = known.by;
    const seen = this.#lone.add(`${by} ${subject}`, nowMs, ACCUSATION_GAP_MS_MAX);
    return { what: "observed", how: "lone-accusation", by, about: subject, ...seen };
  }
}

/** What each {@linkcode Observation} says, for people. */
export function observationWords(
  { how, by, about = "", times, term = 0 }: Observed,
  nameOf: (id: NodeId) => string,
): string {
  const [who, whom] = [nameOf(by), nameOf(about)];
  switch (how) {
    case "lone-accusation":
      return `${who} alone accused ${whom} ${times} times, and ${whom} answered each time`;
    case "unused-vote":
      return `${who} took this node's vote in ${times} terms, last in ${term}, and showed neither ` +
        "a certificate nor the votes, while it answered probes; others were elected then";
    case "no-proposal":
      return `${who} was to collect in ${times} terms, last in ${term}, and neither proposed nor ` +
        "gave up, while it answered probes; others were elected then";
    case "unheard-leader":
      return `${who} was elected ${times} times in a row, last in term ${term}, and was never ` +
        "heard as the leader, while it answered probes";
    default:
      return how satisfies never;
  }
}
