/**
 * Checks the models of the roster protocol exhaustively within bounds, and that they can fail: with one rule taken out at a time they
 * must find a counterexample. `deno task model`; `--quick` leaves out what takes longer than seconds, `--long` adds what takes minutes. Needs `spin` and `gcc`.
 */
import { taskFlags } from "../_flags.ts";
import {
  type Check,
  isOfSuccession,
  missingTools,
  type Outcome,
  type RosterBounds,
  runCheck,
  type SuccessionBounds,
} from "./_spin.ts";

/** n = 3, f = 0: three honest voters, two of a quorum. */
const THREE: RosterBounds = {
  honest: 3,
  needed: 2,
  liarLeads: false,
  terms: 2,
  leaseTicks: 1,
  marginTicks: 0,
};
/** n = 4, f = 1: the liar is one of each quorum of three, and may be the leader. */
const FOUR: RosterBounds = { ...THREE, liarLeads: true };
const LONGER = { ...THREE, leaseTicks: 2 };
const LATER = { ...THREE, terms: 3 };

/** Two of three honest voters in every quorum: n = 3, f = 0, and n = 4, f = 1. */
const CLOSING: SuccessionBounds = { honest: 3, needed: 2, terms: 3, successors: 1 };

/** What must hold. */
export const HOLDING: readonly Check[] = [
  {
    name: "n=3, f=0, one term, lease of 2 ticks, margin of 1",
    bounds: { ...LONGER, terms: 1, marginTicks: 1 },
  },
  {
    name: "n=4, f=1, one term, lease of 3 ticks, margin of 1",
    bounds: { ...FOUR, terms: 1, leaseTicks: 3, marginTicks: 1 },
  },
  { name: "n=3, f=0, two terms, lease of 1 tick", bounds: THREE },
  { name: "n=4, f=1, two terms, lease of 1 tick", bounds: FOUR },
  { name: "succession, n=3 or 4, two terms", bounds: { ...CLOSING, terms: 2 } },
  {
    name: "succession, n=5, f=1, two terms",
    bounds: { ...CLOSING, honest: 4, needed: 3, terms: 2 },
  },
  { name: "succession, n=3 or 4, three terms", bounds: CLOSING },
];

/** Holds too, after minutes and with several GiB of memory. */
const LONG: Check = {
  name: "n=3, f=0, two terms, lease of 2 ticks, margin of 1",
  bounds: { ...LONGER, marginTicks: 1 },
};

/** What must break, each by one rule that is missing. */
export const BREAKING: readonly Check[] = [
  { name: "a quorum with one voter less", bounds: { ...LONGER, needed: 1 } },
  { name: "two votes in one term", bounds: LONGER, breaks: "VOTE_TWICE" },
  { name: "a vote back in a lower term", bounds: LATER, breaks: "VOTE_BACK" },
  { name: "the last vote lost at a restart", bounds: LONGER, breaks: "VOTE_NOT_PERSISTED" },
  { name: "a vote while a promise runs", bounds: LONGER, breaks: "VOTE_WHILE_PROMISED" },
  { name: "promises lost at a restart", bounds: LONGER, breaks: "PROMISE_LOST" },
  { name: "an ack after a vote in a higher term", bounds: LONGER, breaks: "ACK_AFTER_HIGHER_VOTE" },
  { name: "a lease counted from the acks", bounds: LONGER, breaks: "LEASE_FROM_RECEIPT" },
  {
    name: "a leader's clock slower than the margin covers",
    bounds: { ...LONGER, marginTicks: 1 },
    breaks: "NO_MARGIN",
  },
  {
    name: "a step-down not bound to its certificate",
    bounds: LATER,
    breaks: "STEP_DOWN_NOT_BOUND",
  },
  { name: "a step-down forgotten at a restart", bounds: LONGER, breaks: "STEP_DOWN_NOT_FINAL" },
  {
    name: "a step-down sent while the lease is kept",
    bounds: LONGER,
    breaks: "STEP_DOWN_KEEPS_LEASE",
  },
  { name: "a vote for a leader after one to close", bounds: CLOSING, breaks: "VOTE_AFTER_CLOSING" },
  { name: "an ack after a vote to close", bounds: CLOSING, breaks: "ACK_AFTER_CLOSING" },
  { name: "a vote to close lost at a restart", bounds: CLOSING, breaks: "CLOSING_NOT_STORED" },
  { name: "a vote to close while a promise runs", bounds: CLOSING, breaks: "CLOSE_WHILE_PROMISED" },
  {
    name: "votes to close in favour of two successors",
    bounds: { ...CLOSING, successors: 2 },
    breaks: "CLOSE_FOR_ANOTHER",
  },
  { name: "a successor's terms that begin anew", bounds: CLOSING, breaks: "TERMS_ANEW" },
  {
    name: "a later closing that counts for who has a certificate of the successor",
    bounds: CLOSING,
    breaks: "LATER_CLOSING_OVER_CERTIFICATES",
  },
];

/** Whether a check came out as it must. */
export function isAsExpected(check: Check, outcome: Outcome): boolean {
  const mustBreak = BREAKING.includes(check);
  return mustBreak ? outcome.isBroken : outcome.holds;
}

/** One line about a check. */
export function lineOf(check: Check, outcome: Outcome): string {
  const verdict = !isAsExpected(check, outcome)
    ? "WRONG"
    : outcome.holds
    ? "holds"
    : `breaks ${outcome.violated}`;
  const states = outcome.states.toLocaleString("en");
  return `${check.name}: ${verdict}; ${states} states, ${outcome.seconds.toFixed(1)} s`;
}

async function main(args: readonly string[]): Promise<number> {
  const { quick, long } = taskFlags(args, { boolean: ["quick", "long"] });
  const missing = await missingTools();
  if (missing.length > 0) {
    console.log(`skipped: the model needs ${missing.join(" and ")} (Debian: apt install spin gcc)`);
    return 0;
  }
  const usual = quick ? HOLDING.filter(isSmall) : HOLDING;
  const holding = long ? [...usual, LONG] : usual;
  let wrong = 0;
  for (const [title, checks] of [["must hold", holding], ["must break", BREAKING]] as const) {
    console.log(title);
    for (const check of checks) {
      const outcome = await runCheck(check);
      console.log(`  ${lineOf(check, outcome)}`);
      if (!isAsExpected(check, outcome)) wrong++;
    }
  }
  console.log(wrong === 0 ? "the model is as it should be" : `${wrong} checks are wrong`);
  return wrong === 0 ? 0 : 1;
}

function isSmall({ bounds }: Check): boolean {
  return bounds.terms <= (isOfSuccession(bounds) ? 2 : 1);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
