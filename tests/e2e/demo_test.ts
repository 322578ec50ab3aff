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

interface Step {
  readonly step: string;
  readonly term: number;
  readonly active: number;
  readonly votes: number;
  readonly verified: boolean;
  readonly certificate_id: string;
  readonly leader: { readonly name: string };
}

/** Steps that somebody took; nodes that change their view on a busy machine are no part of the story. */
function storyOf(steps: readonly Step[]): Step[] {
  for (const [i, step] of steps.entries()) {
    ok(step.verified && step.votes > step.active / 2, JSON.stringify(step));
    ok(i === 0 || step.term > steps[i - 1].term, "terms grow");
  }
  strictEqual(new Set(steps.map((step) => step.certificate_id)).size, steps.length);
  return steps.filter((step) => !step.step.includes("changed their view"));
}

Deno.test("the demo of a roster loses its leader, hands over, catches a liar with its own signatures and leaves nothing behind", async () => {
  await using sandbox = await Sandbox.create();
  const { code, out, err } = await sandbox.run("demo", "--json");
  strictEqual(code, 0, err);
  const summary = JSON.parse(out);
  strictEqual(summary.tee, "simulated");
  deepStrictEqual(summary.roster, { voters: 4, fault_bound: 1, votes_needed: 3, lease_ms: 1_000 });
  const told = storyOf(summary.steps).map((step) => step.step.replaceAll(/node-\d/g, "node"));
  deepStrictEqual(told.slice(0, 2), ["4 nodes started", "node (leader) killed"]);
  strictEqual(told.at(-1), "node (leader) hands over");
  const [lie] = summary.lies as { liar: string; term: number; proven_by: string[] }[];
  const honest = [1, 2, 3, 4].map((i) => `node-${i}`).filter((name) => name !== lie.liar);
  deepStrictEqual(lie.proven_by.toSorted(), honest);
  deepStrictEqual(await leftovers(sandbox), []);
});

Deno.test("nobody makes a node a liar outside a demo", async () => {
  await using sandbox = await Sandbox.create();
  // Not even in a folder that a demo has left behind: the mark names another process.
  await Deno.writeTextFile(`${sandbox.folder}/demo.pid`, "1");
  for (const state of [[], ["--state", `${sandbox.folder}/node-1`]]) {
    const { code, err } = await sandbox.run("demo-liar", "-p", "0", ...state);
    strictEqual(code, 1);
    match(err, /Cannot run a liar: this is a part of "fumata demo"/);
  }
  const { out } = await sandbox.run("help");
  ok(!out.includes("demo-liar"));
});

Deno.test("the demo of an open cluster loses its leader, grows, shrinks, verifies every certificate and leaves nothing behind", async () => {
  await using sandbox = await Sandbox.create();
  const { code, out, err } = await sandbox.run("demo", "--open", "--json");
  strictEqual(code, 0, err);
  const summary = JSON.parse(out);
  strictEqual(summary.policy, "random");
  strictEqual(summary.roster, undefined);
  const told = storyOf(summary.steps);
  deepStrictEqual(told.map((step) => step.step.replaceAll(/node-\d/g, "node")), [
    "5 nodes started",
    "node (leader) killed",
    "node joins",
    "node (leader) leaves",
  ]);
  deepStrictEqual(told.map((step) => step.active), [5, 4, 5, 4]);
  deepStrictEqual(await leftovers(sandbox), []);
});

Deno.test("the demo that is interrupted ends with 130 and leaves nothing behind", async () => {
  await using sandbox = await Sandbox.create();
  await using demo = sandbox.start("demo");
  await demo.line(/node-4 runs at/);
  demo.signal("SIGTERM");
  const { code, err } = await demo.finished();
  strictEqual(code, 130);
  match(err, /^fumata: interrupted; all processes of the demo are ended$/m);
  deepStrictEqual(await leftovers(sandbox), []);
});

Deno.test({
  name: "in a terminal the demo shows a live view, and q gives the screen back and ends everything",
  ignore: !await hasScript(),
  async fn() {
    await using sandbox = await Sandbox.create();
    // `script` gives its command a terminal of its own; what it prints there comes out of the pipe.
    const process = new Deno.Command("script", {
      args: ["-qfec", shellWords(sandbox.command("demo")), "/dev/null"],
      cwd: sandbox.folder,
      env: { ...sandbox.env, TERM: "xterm", LC_ALL: "C.UTF-8" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const keyboard = process.stdin.getWriter();
    let screen = "";
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      const before = screen.includes("enclave host at");
      screen += text;
      if (!before && screen.includes("enclave host at")) {
        await keyboard.write(new TextEncoder().encode("q"));
      }
    }
    await keyboard.close().catch(() => {});
    strictEqual((await process.status).code, 0, screen);
    ok(screen.indexOf("\x1b[?1049h") < screen.indexOf("fumata demo: no leader"), screen);
    ok(screen.indexOf("fumata demo: no leader") < screen.indexOf("\x1b[?1049l"), screen);
    match(screen.slice(screen.indexOf("\x1b[?1049l")), /ended before the first election/);
    deepStrictEqual(await leftovers(sandbox), []);
  },
});

async function hasScript(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("script", { args: ["--version"] }).output();
    if (new TextDecoder().decode(stdout).includes("util-linux")) return true;
  } catch { /* said below */ }
  console.log("skipped: the live view under test needs the command script of util-linux");
  return false;
}

function shellWords(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}
