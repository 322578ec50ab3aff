/** Successions in the middle of faults: the promises hold through them, and what breaks a rule of the electorate's end is found. */
import { ok, strictEqual, throws } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import { ClosingSearch } from "../../lib/election/roster/closing_search.ts";
import { Voting } from "../../lib/election/roster/voting.ts";
import type { RosterCertificate, RosterProposal } from "../../lib/election/roster/types.ts";
import { ElectionChecker } from "../../lib/simulate/election_checker.ts";
import { type Mix, replayCommand, simulate } from "../../lib/simulate/mod.ts";
import type { SimEffect } from "../../lib/simulate/sim_body.ts";
import { SuccessionChecker } from "../../lib/simulate/succession_checker.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { World } from "../../lib/simulate/world.ts";
import { rosterWorld } from "./_world.ts";

/** Runs in which an operator orders successions; the first two found something. */
const RUNS: readonly (readonly [Mix, number])[] = [
  ["liars", 28],
  ["clocks", 1],
  ["all", 35],
  ["network", 59],
];
/** Runs in which nobody brings what closed the last function, and without their questions nobody leads at the end. */
const FETCHING_RUNS: readonly (readonly [Mix, number])[] = [
  ["network", 80],
  ["crashes", 80],
  ["network", 197],
];
/** With the vote to close as the last one of all, this run ends without a leader. */
const FINAL_VOTE_SEED = 59;

Deno.test("an operator who orders successions in the middle of faults breaks no promise", () => {
  let ordered = 0;
  for (const [mix, seed] of RUNS) {
    const result = simulate({ mix, seed });
    strictEqual(result.violation, undefined, replayCommand({ mix, seed }, result));
    ok(result.successions > 0, `${mix} ${seed} has no succession any more`);
    ordered += result.successions;
  }
  ok(ordered > RUNS.length, "some have several");
});

Deno.test("an operator names somebody who is there to a new voter whose seeds are all gone, else the two parts never meet", () => {
  const run = { mix: "crashes", seed: 148778, faultsMs: 8_000 } as const;
  strictEqual(simulate(run).violation, undefined);
  const names = World.prototype.nameSeed;
  World.prototype.nameSeed = () => {};
  try {
    strictEqual(simulate(run).violation?.invariant, "I7");
  } finally {
    World.prototype.nameSeed = names;
  }
});

Deno.test("voters that missed the closing fetch it from the others in the middle of faults, and without that nobody leads", () => {
  const sound = ClosingSearch.prototype.step;
  for (const [mix, seed] of FETCHING_RUNS) {
    const result = simulate({ mix, seed });
    strictEqual(result.violation, undefined, replayCommand({ mix, seed }, result));
    ok(result.waits > 0, `${mix} ${seed} has nobody that waits any more`);
    try {
      ClosingSearch.prototype.step = () => [];
      strictEqual(simulate({ mix, seed }).violation?.invariant, "I7");
    } finally {
      ClosingSearch.prototype.step = sound;
    }
  }
});

Deno.test("voters that vote to close only once can be left without a quorum for ever, and that is found", () => {
  const sound = Voting.prototype.objection;
  const closed = new WeakSet<Voting>();
  Voting.prototype.objection = function (this: Voting, proposal, ...rest) {
    const objection = sound.call(this, proposal, ...rest);
    if (objection || !closed.has(this)) {
      if (!objection && proposal.type === "closing") closed.add(this);
      return objection;
    }
    return { reason: "closed" };
  };
  try {
    const { violation } = simulate({ mix: "liars", seed: FINAL_VOTE_SEED });
    strictEqual(violation?.invariant, "I7");
  } finally {
    Voting.prototype.objection = sound;
  }
  strictEqual(simulate({ mix: "liars", seed: FINAL_VOTE_SEED }).violation, undefined);
});

function watched() {
  const places = [0, 1, 2];
  const world = rosterWorld({ signs: true, successors: [{ policy: "highest", places }] });
  const checker = new SuccessionChecker(world, new ElectionChecker(world));
  const [node] = world.nodes;
  const certificate = (
    id: string,
    proposal: Partial<RosterProposal>,
  ) => ({ id, proposal } as RosterCertificate);
  const successor = base64url(world.functions[1].domain.checksum);
  const see = (number: number, seen: RosterCertificate) =>
    checker.adopted(node, seen, world.functions[number]);
  return {
    see,
    closing: certificate("closing", { type: "closing", term: 3, successor }),
    leader: (id: string, term: number, prev: string) =>
      certificate(id, { type: "leader", term, prev }),
    lease: () => checker.effect(node, { type: "lease-held" } as SimEffect),
  };
}

function isBreach(thrown: unknown): boolean {
  return thrown instanceof Violation && thrown.invariant === "succession";
}

Deno.test("a function begins with what closed the one before, in later terms", () => {
  const sound = watched();
  sound.see(0, sound.closing);
  sound.see(1, sound.leader("c", 4, "closing"));
  for (const [term, prev] of [[4, "genesis"], [3, "closing"]] as const) {
    const { see, closing, leader } = watched();
    see(0, closing);
    throws(() => see(1, leader("c", term, prev)), isBreach);
  }
});

Deno.test("nobody is elected under a function after it was closed, nor leads once the next one has a leader", () => {
  const { see, closing, leader, lease } = watched();
  see(0, closing);
  see(0, leader("earlier", 2, "genesis"));
  throws(() => see(0, leader("later", 4, "earlier")), isBreach);
  lease();
  see(1, leader("c", 4, "closing"));
  throws(lease, isBreach);
});

Deno.test("a closing that comes late, in a term that the successor has not reached, takes the lead from nobody", () => {
  const world = rosterWorld({
    signs: true,
    successors: [{ policy: "highest", places: [0, 1, 2] }],
  });
  const checker = new ElectionChecker(world);
  const [leader] = world.nodes;
  const reign = (id: string, number: number, term: number, leader?: string) => {
    const certificate = { id, proposal: { term }, leader } as RosterCertificate;
    checker.reigns.set(id, { certificate, acceptedMs: 0, under: world.functions[number] });
  };
  reign("closing", 0, 3);
  strictEqual(checker.leader(), undefined);
  reign("elected", 1, 4, leader.id);
  reign("late closing", 0, 6);
  strictEqual(checker.leader(), leader);
  strictEqual(checker.last?.certificate.id, "elected");
});

Deno.test("an electorate closes for the function that was ordered", () => {
  const { see, closing } = watched();
  const proposal = { ...closing.proposal, successor: "another" } as RosterProposal;
  throws(() => see(0, { ...closing, proposal }), isBreach);
});
