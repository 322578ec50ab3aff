/** The eyes for membership: a node that lives and is held for dead by most is found, and so is who sees the dead as living. */
import { match, strictEqual, throws } from "node:assert";
import { FALSE_DEATH_MS_MAX, MembershipChecker } from "../../lib/simulate/membership_checker.ts";
import type { SimEffect } from "../../lib/simulate/sim_body.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { rosterWorld } from "./_world.ts";

/** When five voters that started together see each other, ms. */
const TOGETHER_MS = 3_000;

function watched() {
  const world = rosterWorld({ nodes: 5 });
  // It hears of changes from the test only, and sees the world as it is.
  const checker = new MembershipChecker(world);
  world.start();
  world.runUntil(TOGETHER_MS);
  const says = (
    place: number,
    of: number,
    state: "alive" | "dead",
    change: { readonly kind?: string; readonly incarnation?: number } = {},
  ) => {
    const { kind = state === "dead" ? "fail" : "join", incarnation = 0 } = change;
    const member = { id: world.nodes[of].id, incarnation, state };
    checker.effect(world.nodes[place], { type: "member", change: { kind, member } } as SimEffect);
  };
  const endures = () => world.runUntil(TOGETHER_MS + FALSE_DEATH_MS_MAX + 5_000);
  return { world, checker, says, endures };
}

const isFalseDeath = (thrown: unknown) =>
  thrown instanceof Violation && thrown.invariant === "accuracy";

Deno.test("a node that most others hold for dead for too long while it lives is found", () => {
  const { says, endures } = watched();
  for (const place of [1, 2, 3]) says(place, 0, "dead");
  throws(endures, isFalseDeath);
});

Deno.test("half of the others are not most", () => {
  const { says, endures } = watched();
  for (const place of [1, 2]) says(place, 0, "dead");
  endures();
});

Deno.test("who takes it back, forgets the dead or starts anew holds nobody for dead", () => {
  for (
    const relent of [
      ({ says }) => says(3, 0, "alive"),
      ({ says }) => says(3, 0, "dead", { kind: "reap" }),
      ({ world, checker }) => checker.booted(world.nodes[3]),
    ] as ((from: ReturnType<typeof watched>) => void)[]
  ) {
    const run = watched();
    for (const place of [1, 2, 3]) run.says(place, 0, "dead");
    relent(run);
    run.endures();
  }
});

Deno.test("who is down, and whatever was disturbed since, is no witness", () => {
  const down = watched();
  for (const place of [1, 2, 3]) down.says(place, 0, "dead");
  for (const place of [2, 3]) down.world.nodes[place].crash();
  down.endures();
  const disturbed = watched();
  for (const place of [1, 2, 3]) disturbed.says(place, 0, "dead");
  disturbed.world.at(TOGETHER_MS + FALSE_DEATH_MS_MAX / 2, () => disturbed.checker.disturbed());
  disturbed.endures();
});

Deno.test("an incarnation that was never written down is found", () => {
  const { says } = watched();
  throws(
    () => says(1, 0, "alive", { incarnation: 9 }),
    (thrown) => thrown instanceof Violation && thrown.invariant === "I6",
  );
});

Deno.test("who sees another as it is not is named until nobody does", () => {
  const { world, checker } = watched();
  strictEqual(checker.disagreement(), undefined);
  world.nodes[2].crash();
  match(checker.disagreement()!, /^a holds c for alive$/);
  world.nodes[0].crash();
  match(checker.disagreement()!, /^b holds a for alive$/);
  world.runUntil(world.nowMs + 20_000);
  strictEqual(checker.disagreement(), undefined);
});
