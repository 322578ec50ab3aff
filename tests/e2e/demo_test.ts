/** `fumata demo` as a user runs it: the whole system with real processes, sockets and certificates; and that nothing of it stays behind. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { Sandbox } from "./program.ts";

/** Files and processes of the demo that are still there. */
async function leftovers(sandbox: Sandbox): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(sandbox.temporary), (entry) => entry.name);
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "args"] }).output();
  const processes = new TextDecoder().decode(stdout).split("\n");
  return [...files, ...processes.filter((line) => line.includes(sandbox.temporary))];
}

Deno.test("the demo elects, loses its leader, grows, shrinks, verifies every certificate and leaves nothing behind", async () => {
  await using sandbox = await Sandbox.create();
  const { code, out, err } = await sandbox.run("demo", "--json");
  strictEqual(code, 0, err);
  const summary = JSON.parse(out);
  strictEqual(summary.tee, "simulated");
  strictEqual(summary.policy, "random");
  const steps = summary.steps as {
    step: string;
    term: number;
    active: number;
    votes: number;
    verified: boolean;
    certificate_id: string;
    leader: { name: string };
  }[];
  const told = steps.filter((step) => !step.step.includes("changed their view"));
  deepStrictEqual(told.map((step) => step.step.replaceAll(/node-\d/g, "node")), [
    "5 nodes started",
    "node (leader) killed",
    "node joins",
    "node (leader) leaves",
  ]);
  deepStrictEqual(told.map((step) => step.active), [5, 4, 5, 4]);
  for (const [i, step] of steps.entries()) {
    ok(step.verified && step.votes > step.active / 2, JSON.stringify(step));
    ok(i === 0 || step.term > steps[i - 1].term, "terms grow");
  }
  strictEqual(new Set(steps.map((step) => step.certificate_id)).size, steps.length);
  deepStrictEqual(await leftovers(sandbox), []);
});

Deno.test("the demo that is interrupted ends with 130 and leaves nothing behind", async () => {
  await using sandbox = await Sandbox.create();
  await using demo = sandbox.start("demo", "--nodes", "3");
  await demo.line(/node-3 runs at/);
  demo.signal("SIGTERM");
  const { code, err } = await demo.finished();
  strictEqual(code, 130);
  match(err, /^fumata: interrupted; all processes of the demo are ended$/m);
  deepStrictEqual(await leftovers(sandbox), []);
});
