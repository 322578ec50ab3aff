/**
 * Who was seen to lead when, under which term, and whether that may be (design §8): one certificate a term (I1), no lease of a term after one of
 * a later term was held, and none of a later term before one of an earlier term was over (I2), terms of a node that only grow (I3), no
 * two runs of `fumata lock` at one instant.
 *
 * An answer is known to have been given between the sending of its question and its coming, no more; what it says of a lease counts from the
 * sending. So only what is certain is a fault: that the answer of the later term came before the lease of the earlier one was over, by
 * that one's own word. Nobody is asked to step down here, which alone could end a lease early.
 */

/** An answer of a node. Times are monotonic ms of the observer. */
export interface Sighting {
  readonly node: string;
  readonly askedMs: number;
  readonly answeredMs: number;
  readonly term: number;
  readonly certificateId: string;
  /** How long the node says that its lease lasts from the question on, ms; 0 when it holds none. */
  readonly leaseMs: number;
}

/** A sign of life of a command that runs under `fumata lock`. */
export interface Tick {
  /** What all processes of one run have in common. */
  readonly run: string;
  /** The system's monotonic time, cut to its hundredths, s. */
  readonly atS: number;
  readonly term: number;
}

/** What came out. */
export interface Findings {
  readonly violations: readonly string[];
  /** Terms under which somebody was seen with a lease. */
  readonly terms: number;
  readonly lockRuns: number;
  /** Answers that said that a lease is held. */
  readonly sightings: number;
  /** The longest time in which nobody was seen with a lease, ms. */
  readonly leaderlessMsMax: number;
}

interface Reign {
  readonly node: string;
  readonly certificateId: string;
  /** When the first answer that told of its lease had come. */
  heldByMs: number;
  /** Until when its lease lasted for sure. */
  untilMs: number;
}

interface LockRun {
  readonly term: number;
  readonly fromS: number;
  untilS: number;
}

/** Violations that are kept: one fault makes many, and the first ones tell the story. */
const VIOLATIONS_MAX = 20;

/** The record. */
export class History {
  readonly #certificates = new Map<number, string>();
  readonly #termOfNode = new Map<string, number>();
  readonly #reigns = new Map<number, Reign>();
  readonly #runs = new Map<string, LockRun>();
  readonly #violations = new Set<string>();
  #sightings = 0;
  #ledUntilMs: number;
  #leaderlessMsMax = 0;

  constructor(startMs: number) {
    this.#ledUntilMs = startMs;
  }

  /** From here on times without a leader count. */
  begin(nowMs: number): void {
    this.#ledUntilMs = nowMs;
    this.#leaderlessMsMax = 0;
  }

  /** Takes an answer, in the order in which they come. */
  see(sighting: Sighting): void {
    const { node, term, certificateId } = sighting;
    const known = this.#certificates.get(term) ?? certificateId;
    this.#certificates.set(term, known);
    if (known !== certificateId) this.#blame(`I1: term ${term} has two certificates`);
    const before = this.#termOfNode.get(node) ?? 0;
    if (term < before) this.#blame(`I3: ${node} went from term ${before} back to ${term}`);
    this.#termOfNode.set(node, term);
    if (sighting.leaseMs > 0) this.#seeLease(sighting);
  }

  /** Takes a sign of life of a locked command. */
  tick({ run, atS, term }: Tick): void {
    const known = this.#runs.get(run);
    if (known) known.untilS = Math.max(known.untilS, atS);
    else this.#runs.set(run, { term, fromS: atS, untilS: atS });
  }

  /** Something else that must not be. */
  blame(what: string): void {
    this.#blame(what);
  }

  /** The judgement; `endMs` is when the watching ended. */
  findings(endMs: number): Findings {
    const violations = [...this.#violations, ...this.#lockFaults()];
    if (this.#sightings === 0) violations.push("nobody was ever seen with a lease");
    return {
      violations,
      terms: this.#reigns.size,
      lockRuns: this.#runs.size,
      sightings: this.#sightings,
      leaderlessMsMax: Math.round(Math.max(this.#leaderlessMsMax, endMs - this.#ledUntilMs)),
    };
  }

  #seeLease({ node, term, certificateId, askedMs, answeredMs, leaseMs }: Sighting): void {
    this.#sightings++;
    this.#leaderlessMsMax = Math.max(this.#leaderlessMsMax, askedMs - this.#ledUntilMs);
    this.#ledUntilMs = Math.max(this.#ledUntilMs, answeredMs);
    const untilMs = askedMs + leaseMs;
    const reign = this.#reigns.get(term) ??
      { node, certificateId, heldByMs: answeredMs, untilMs };
    this.#reigns.set(term, reign);
    if (reign.node !== node) this.#blame(`I2: ${reign.node} and ${node} hold term ${term}`);
    reign.heldByMs = Math.min(reign.heldByMs, answeredMs);
    reign.untilMs = Math.max(reign.untilMs, untilMs);
    for (const [other, { node: holder, heldByMs, untilMs }] of this.#reigns) {
      const isBroken = other < term
        ? reign.heldByMs < untilMs
        : other > term && heldByMs < reign.untilMs;
      if (isBroken) {
        this.#blame(`I2: leases of ${node} (term ${term}) and ${holder} (term ${other}) overlap`);
      }
    }
  }

  #lockFaults(): string[] {
    const runs = [...this.#runs].map(([run, facts]) => ({ run, ...facts }))
      .sort((a, b) => a.fromS - b.fromS);
    return runs.slice(1).flatMap((later, i) => {
      const earlier = runs[i];
      const pair = `${earlier.run} (term ${earlier.term}) and ${later.run} (term ${later.term})`;
      const faults: string[] = [];
      if (earlier.untilS > later.fromS) faults.push(`locked commands ran at once: ${pair}`);
      if (later.term < earlier.term) faults.push(`locked commands ran in the wrong order: ${pair}`);
      return faults;
    });
  }

  #blame(what: string): void {
    if (this.#violations.size < VIOLATIONS_MAX) this.#violations.add(what);
  }
}
