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
