/** Whose turn it is. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { FairQueue } from "../../lib/sandbox/fair_queue.ts";

Deno.test("items of one owner keep their order", () => {
  const queue = new FairQueue<number>();
  for (const item of [1, 2, 3]) queue.push("a", item);
  deepStrictEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [
    1,
    2,
    3,
    undefined,
  ]);
  strictEqual(queue.size, 0);
});

Deno.test("an owner with many items and long turns delays another by one turn at most", () => {
  const queue = new FairQueue<string>();
  for (let i = 0; i < 100; i++) queue.push("hog", `hog ${i}`);
  const order: string[] = [];
  for (let turn = 0; turn < 10; turn++) {
    if (turn === 2) { for (let i = 0; i < 5; i++) queue.push("good", `good ${i}`); }
    const item = queue.shift()!;
    queue.charge(item.split(" ")[0], item.startsWith("hog") ? 1000 : 1);
    order.push(item);
  }
  deepStrictEqual(order.slice(2), [
    "good 0",
    "good 1",
    "good 2",
    "good 3",
    "good 4",
    "hog 2",
    "hog 3",
    "hog 4",
  ]);
});

Deno.test("equals take turns", () => {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "b1", "b2"]) queue.push(item[0], item);
  const order = Array.from({ length: 4 }, () => {
    const item = queue.shift()!;
    queue.charge(item[0], 1);
    return item;
  });
  deepStrictEqual(order, ["a1", "b1", "a2", "b2"]);
});

Deno.test("time that was not used is not saved up", () => {
  const queue = new FairQueue<string>();
  queue.push("early", "e0");
  queue.shift();
  queue.charge("early", 1);
  for (let i = 0; i < 50; i++) {
    queue.push("late", `l${i}`);
    queue.shift();
    queue.charge("late", 10);
  }
  // "early" comes back after 500 units: it may go first, and then they take turns by what they use.
  for (let i = 0; i < 4; i++) queue.push("early", `e${i}`);
  for (let i = 0; i < 4; i++) queue.push("late", `m${i}`);
  const order = Array.from({ length: 4 }, () => {
    const item = queue.shift()!;
    queue.charge(item[0] === "e" ? "early" : "late", 10);
    return item;
  });
  strictEqual(order.filter((item) => item.startsWith("m")).length >= 1, true, order.join());
});

Deno.test("an item can be taken out before its turn", () => {
  const queue = new FairQueue<object>();
  const [a, b] = [{}, {}];
  queue.push("x", a);
  queue.push("x", b);
  strictEqual(queue.remove("x", a), true);
  strictEqual(queue.remove("x", a), false);
  strictEqual(queue.remove("y", b), false);
  strictEqual(queue.shift(), b);
  queue.push("x", a);
  deepStrictEqual(queue.clear(), [a]);
  strictEqual(queue.size, 0);
});
