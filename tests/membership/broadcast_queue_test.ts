/** Dissemination (SWIM, section 4.1). */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { createBroadcastQueue } from "../../lib/membership/broadcast_queue.ts";
import { claimBytes, QUEUE_CLAIMS_MAX } from "../../lib/membership/limits.ts";
import { PROFILES, syncIntervalMs, transmitLimit } from "../../lib/membership/settings.ts";
import { fakeIdentity } from "./harness.ts";

const prng = createPrng(1);
const [alice, bob, carol] = [fakeIdentity(prng), fakeIdentity(prng), fakeIdentity(prng)];
const address = { host: "10.0.0.1", port: 1 };
const aliveBy = (who: typeof alice, incarnation: number) =>
  who.signClaim({ type: "alive", incarnation, address, name: "n", tags: {}, keyMadeS: 0 });
const suspectBy = (who: typeof alice, about: typeof alice, incarnation = 0) =>
  who.signClaim({ type: "suspect", subject: about.id, incarnation });
const deadBy = (who: typeof alice, about: typeof alice, incarnation = 0) =>
  who.signClaim({ type: "dead", subject: about.id, incarnation });

Deno.test("a claim is sent as often as the limit says, then it is gone", () => {
  const queue = createBroadcastQueue();
  queue.push(aliveBy(alice, 0));
  for (let i = 0; i < 3; i++) strictEqual(queue.take(10_000, 3).length, 1);
  strictEqual(queue.size(), 0);
  deepStrictEqual(queue.take(10_000, 3), []);
});

Deno.test("what was sent least often goes first", () => {
  const queue = createBroadcastQueue();
  const [old, fresh] = [aliveBy(alice, 0), aliveBy(bob, 0)];
  queue.push(old);
  queue.take(10_000, 5);
  queue.push(fresh);
  deepStrictEqual(queue.take(claimBytes(fresh), 5), [fresh]);
  deepStrictEqual(queue.take(10_000, 5), [old, fresh]);
});

Deno.test("the queue fills the room there is and never splits a claim", () => {
  const queue = createBroadcastQueue();
  const claims = [aliveBy(alice, 0), aliveBy(bob, 0), aliveBy(carol, 0)];
  for (const claim of claims) queue.push(claim);
  const two = claimBytes(claims[0]) + claimBytes(claims[1]);
  deepStrictEqual(queue.take(two, 9), claims.slice(0, 2));
  deepStrictEqual(queue.take(two - 1, 9), [claims[2]]);
  deepStrictEqual(queue.take(0, 9), []);
});

Deno.test("a newer claim replaces what it makes obsolete", () => {
  const queue = createBroadcastQueue();
  queue.push(suspectBy(alice, carol, 0));
  queue.push(deadBy(bob, carol, 0));
  queue.push(aliveBy(carol, 1));
  deepStrictEqual(queue.take(10_000, 9), [aliveBy(carol, 1)]);
});

Deno.test("accusations by different accusers both go on; one accuser's later word replaces its earlier", () => {
  const queue = createBroadcastQueue();
  queue.push(suspectBy(alice, carol));
  queue.push(suspectBy(bob, carol));
  strictEqual(queue.size(), 2);
  queue.push(deadBy(alice, carol));
  deepStrictEqual(queue.take(10_000, 9), [suspectBy(bob, carol), deadBy(alice, carol)]);
});

Deno.test("a farewell ends every word about its incarnation", () => {
  const queue = createBroadcastQueue();
  const left = carol.signClaim({ type: "left", incarnation: 0 });
  queue.push(aliveBy(carol, 0));
  queue.push(suspectBy(alice, carol, 0));
  queue.push(left);
  deepStrictEqual(queue.take(10_000, 9), [left]);
});

Deno.test("a full queue lets go what was sent most often", () => {
  const queue = createBroadcastQueue();
  const sent = aliveBy(alice, 0);
  queue.push(sent);
  queue.take(10_000, 99);
  for (let i = 0; i < QUEUE_CLAIMS_MAX; i++) queue.push(aliveBy(fakeIdentity(prng), 0));
  strictEqual(queue.size(), QUEUE_CLAIMS_MAX);
  ok(!queue.take(1e9, 99).includes(sent));
});

Deno.test("the limit is ceil(lambda * log10(n + 1))", () => {
  const limits = [1, 2, 9, 10, 99, 999].map((members) => transmitLimit(PROFILES.lan, members));
  deepStrictEqual(limits, [2, 2, 4, 5, 8, 12]);
});

Deno.test("full states are exchanged more rarely in large clusters", () => {
  const { syncIntervalMs: base } = PROFILES.lan;
  const factors = [2, 32, 33, 64, 65, 1024].map((n) => syncIntervalMs(PROFILES.lan, n) / base);
  deepStrictEqual(factors, [1, 1, 2, 2, 3, 6]);
});
