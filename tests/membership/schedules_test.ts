/** What a settled node does now and then though nothing calls for it: it tries seeds that never answered, and exchanges full states; and how long it takes to leave. */
import { ok, strictEqual } from "node:assert";
import { EMPTY, pingsTo, sentOf, Solo } from "./_solo.ts";

/** Of the first puppet after the node itself. */
const SEED_PORT = 9_001;

/** A settled node with one member that answers every probe; what it does in so many ms. */
function settled(solo: Solo) {
  const member = solo.puppet();
  solo.admit(member);
  const seen: ReturnType<Solo["run"]> = [];
  const pass = (ms: number) => {
    seen.length = 0;
    const untilMs = solo.nowMs + ms;
    while (solo.nowMs < untilMs) {
      const effects = solo.run(10);
      seen.push(...effects);
      for (const { nonce, digest } of pingsTo(effects, member)) {
        // By its digest it sees what this node sees, so that nothing is amiss.
        const rest = { subject: member.id, incarnation: 0, head: EMPTY, claims: [] };
        seen.push(...solo.receive(member, { kind: "ack", nonce, digest, ...rest }));
      }
      for (const effect of effects) {
        if (effect.type !== "sync") continue;
        solo.step({ type: "synced", address: effect.address, claims: [] });
      }
    }
    strictEqual(solo.stateOf(member), "alive");
    return seen;
  };
  return { member, pass };
}

Deno.test("a seed that never answered is tried again and again, though there are members", () => {
  const address = { host: "10.0.0.9", port: 9_999 };
  const solo = new Solo({ seeds: [address] });
  const { pass } = settled(solo);
  pass(2 * solo.settings.reconnectIntervalMs);
  for (let round = 0; round < 3; round++) {
    const effects = pass(2 * solo.settings.reconnectIntervalMs);
    ok(sentOf(effects).some(({ to }) => to.port === address.port), `round ${round}`);
  }
});

Deno.test("a seed that answers again and again is news once", () => {
  const address = { host: "10.0.0.9", port: 9_999 };
  const solo = new Solo({ seeds: [address] });
  const seed = solo.puppet();
  for (let answers = 0; answers < 2;) {
    for (const { nonce } of pingsTo(solo.run(100), { address })) {
      solo.ack(seed, nonce);
      answers++;
    }
  }
  strictEqual(solo.reports().filter((kind) => kind === "seed-answered").length, 1);
});

Deno.test("a node whose last member left tries its seeds as often as one that starts", () => {
  const address = { host: "10.0.0.9", port: 9_999 };
  const solo = new Solo({ seeds: [address] });
  const { reconnectIntervalMs } = solo.settings;
  solo.run(20 * reconnectIntervalMs);
  const { member, pass } = settled(solo);
  pass(2 * reconnectIntervalMs);
  solo.hear(member, member.left(0));
  const tries = pingsTo(solo.run(3 * reconnectIntervalMs), { address }).length;
  ok(tries > 4, `${tries} tries`);
});

Deno.test("full states are exchanged again and again, with members that have nothing new", () => {
  // A seed that answers is where full states begin.
  const solo = new Solo({ seeds: [{ host: "10.0.0.1", port: SEED_PORT }] });
  const { member, pass } = settled(solo);
  strictEqual(member.address.port, SEED_PORT);
  pass(solo.settings.syncIntervalMs);
  for (let round = 0; round < 3; round++) {
    const effects = pass(2 * solo.settings.syncIntervalMs);
    ok(effects.some(({ type }) => type === "sync"), `round ${round}`);
  }
});

Deno.test("who leaves waits until members confirmed that they know, or for as long as it may take", () => {
  const solo = new Solo();
  const { member, pass } = settled(solo);
  pass(1_000);
  const { leaveTimeoutMs } = solo.settings;
  const hasLeft = (effects: ReturnType<Solo["run"]>) => effects.some(({ type }) => type === "left");
  ok(!hasLeft(solo.step({ type: "leave" })));
  const { nonce } = pingsTo(solo.effects, member)[0];
  ok(!hasLeft(solo.run(leaveTimeoutMs / 2)), "nobody has confirmed");
  const confirmed = solo.ack(member, nonce);
  ok(hasLeft([...confirmed, ...solo.run(leaveTimeoutMs / 4)]));
  const unheard = new Solo();
  unheard.admit(unheard.puppet());
  unheard.step({ type: "leave" });
  ok(hasLeft(unheard.run(leaveTimeoutMs)));
});
