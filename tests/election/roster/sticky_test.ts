/** Leaders that may stay (`sticky`): who stays and who does not. */
import { ok, strictEqual } from "node:assert";
import { World } from "./harness.ts";
import { voter } from "./_solo.ts";

/** A world with a leader, whom nobody hears for a while though membership holds it alive. */
function silenced(options: { stickyTenureMax?: number }) {
  const world = new World({ n: 4, f: 1, ownViews: false, ...options }).start();
  world.setViews();
  ok(world.advance(3_000, () => world.lessees().length === 1));
  world.advance(1_000);
  const [leader] = world.lessees();
  const { term } = world.node(leader).election.head;
  world.link = (from, _to, { kind }) => from !== leader || kind !== "heartbeat";
  ok(world.advance(5_000, () => world.certificates.length === 2));
  return { world, leader, term };
}

Deno.test("under a sticky policy a leader that fell silent for a moment, and is alive, leads on in a new term", () => {
  const { world, leader, term } = silenced({ stickyTenureMax: Infinity });
  const [, next] = world.certificates;
  strictEqual(next.leader, leader);
  ok(next.proposal.term > term);
  world.link = () => true;
  ok(world.advance(3_000, () => world.lessees().includes(leader)));
});

Deno.test("without it such a leader is left out", () => {
  const { world, leader } = silenced({});
  const [, { leader: next, proposal }] = world.certificates;
  ok(next !== leader);
  ok(proposal.type === "leader" && !proposal.active.includes(leader));
});

Deno.test("a leader stays for as many certificates as maxTenure allows, and not for more", () => {
  const { world, leader } = silenced({ stickyTenureMax: 1 });
  ok(world.certificates[1].leader !== leader);
});

Deno.test("a leader that stays and is not heard by its new certificate does not stay again", () => {
  const { world, leader } = silenced({ stickyTenureMax: Infinity });
  strictEqual(world.certificates[1].leader, leader);
  ok(world.advance(5_000, () => world.certificates.length === 3));
  ok(world.certificates[2].leader !== leader);
  ok(world.advance(3_000, () => world.lessees().length === 1));
});

Deno.test("a leader that stepped down does not win at once, sticky or not", () => {
  for (const options of [{}, { stickyTenureMax: Infinity }]) {
    const world = new World({ n: 4, f: 1, ...options }).start();
    ok(world.advance(3_000, () => world.lessees().length === 1));
    world.advance(1_000);
    const [leader] = world.lessees();
    world.step(world.node(leader), { type: "step-down" });
    // In the first term, without one that is lost to a proposal that nobody may vote for.
    ok(world.advance(3_000, () => world.certificates.length === 2));
    ok(world.certificates[1].leader !== leader);
    strictEqual(world.certificates[1].proposal.term, 2);
  }
});

Deno.test("a voter refuses a collector that lists a leader who has stepped down", () => {
  const solo = voter({ stickyTenureMax: Infinity });
  const leader = solo.others.find((id) => id !== solo.collector())!;
  const { id } = solo.elect(leader);
  solo.clear();
  solo.tell(leader, {
    kind: "step-down",
    stepDown: { certificateId: id, leader, signature: leader },
  });
  solo.propose(solo.proposal({ active: solo.ids }));
  strictEqual(solo.refusal(), "view");
  solo.clear();
  solo.propose(solo.proposal({ active: solo.ids.filter((id) => id !== leader) }));
  strictEqual(solo.sent("vote").length, 1);
});
