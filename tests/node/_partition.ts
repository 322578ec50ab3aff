/**
 * Runs inside a network namespace (see `tests/e2e/partition_test.ts`): four nodes on addresses of two halves, a partition by iptables until each
 * half holds the other for dead and has a leader of its own, then healing without a word to any node. Prints what it sees.
 */
import { BareEnclave, TestNode } from "./_cluster.ts";

const [left, right] = [1, 2];
const address = (half: number, host: number) => ({ host: `127.${half}.0.${host}`, port: 7000 });

async function cut(action: "-A" | "-D"): Promise<void> {
  for (const [from, to] of [[left, right], [right, left]]) {
    const rule = ["INPUT", "-s", `127.${from}.0.0/16`, "-d", `127.${to}.0.0/16`, "-j", "DROP"];
    const { success } = await new Deno.Command("iptables", { args: [action, ...rule] }).output();
    if (!success) throw new Error(`iptables ${action} failed`);
  }
}

await using enclave = new BareEnclave("highest");
const start = (half: number, host: number) =>
  new TestNode(enclave, half === left && host === 1 ? [] : [address(left, 1)], {
    bind: address(half, host),
    name: `n:${half}${host}`,
  });
await using a = start(left, 1);
await using b = start(left, 2);
await using c = start(right, 1);
await using d = start(right, 2);
const all = [a, b, c, d];
const marks = () => all.map(({ listener }) => listener.said.length);
const leaders = async (active: number, from: number[]) =>
  await Promise.all(all.map((node, at) => node.leader(active, from[at])));
console.log(`formed: ${await leaders(4, [0, 0, 0, 0])}`);

const before = marks();
const cutMs = performance.now();
await cut("-A");
console.log(`apart: ${await leaders(2, before)} after ${Math.round(performance.now() - cutMs)} ms`);

const apart = marks();
const healMs = performance.now();
await cut("-D");
console.log(
  `healed: ${await leaders(4, apart)} after ${Math.round(performance.now() - healMs)} ms`,
);
