/** Hooks of a real node: commands, their limits, webhooks. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { HookQueue } from "../../lib/cli/hooks/hook_queue.ts";
import { runHookCommand } from "../../lib/cli/hooks/hook_command.ts";
import { HookRunner } from "../../lib/cli/hooks/hook_runner.ts";
import { parseHooks } from "../../lib/cli/hooks/hook.ts";
import { postWebhook, withoutAddresses } from "../../lib/cli/hooks/webhook.ts";
import { ownLoopback } from "../_loopback.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";

const SIGNAL = new AbortController().signal;
const PATIENCE = { answerMsMax: 10_000, attemptsMax: 3, pauseMs: 1 };

Deno.test("a node runs its hooks one after the other, with JSON on stdin and variables, to its very end", async () => {
  await using enclave = new BareEnclave("highest");
  await using node = new TestNode(enclave, [], { name: "n:1" });
  await using hooks = new HookRunner(
    node.node,
    parseHooks([
      'leader-change=cat; echo "change of $FUMATA_CLUSTER to $FUMATA_LEADER"',
      'elected=cat; echo "$FUMATA_EVENT $FUMATA_TERM"',
      "elected=exit 3",
      "deposed=echo over",
    ]),
  );
  const { listener } = node;
  await listener.until(({ event }) => event === "hook-failed");
  await hooks[Symbol.asyncDispose]();
  const said = listener.said.filter(({ event }) => event === "hook-output");
  const lines = said.map(({ fields }) => String(fields.line));
  const [changed, elected] = [lines[0], lines[2]].map((line) => JSON.parse(line));
  const { id, cluster } = node.node;
  deepStrictEqual([changed.event, changed.name, changed.node.id], ["leader-change", "n:1", id]);
  deepStrictEqual([elected.event, elected.node.cluster], ["elected", cluster]);
  deepStrictEqual(
    [lines[1], lines[3], lines[4]],
    ["change of test to n:1", `elected ${elected.term}`, "over"],
  );
  match(listener.said.find(({ event }) => event === "hook-failed")!.message, /exit code is 3/);
  // What programs print is for the log, not for whoever may read the node's events.
  const told = node.node.events.after(0).map(({ event }) => event);
  deepStrictEqual([told.includes("hook-failed"), told.includes("hook-output")], [true, false]);
});

Deno.test("hooks can be replaced while the node runs", async () => {
  await using enclave = new BareEnclave("highest");
  await using node = new TestNode(enclave, [], { name: "n:1" });
  await using hooks = new HookRunner(node.node, parseHooks(["deposed=echo old"]));
  await node.leader(1);
  hooks.replace(parseHooks(["deposed=echo new"]));
  await hooks[Symbol.asyncDispose]();
  const lines = node.listener.said.filter(({ event }) => event === "hook-output");
  deepStrictEqual(lines.map(({ fields }) => fields.line), ["new"]);
});

Deno.test("a command that does not end in its time is ended with all that it started", async () => {
  const lines: string[] = [];
  const command = "trap '' TERM; (trap '' TERM; sleep 1000) & echo begun; wait; wait; sleep 1000";
  const outcome = await runHookCommand(
    command,
    "",
    {},
    { timeMsMax: 2_000, signal: SIGNAL },
    (line) => lines.push(line),
  );
  deepStrictEqual(outcome, { ok: false, why: "it was ended: 2 s are over" });
  deepStrictEqual(lines, ["begun"]);
});

Deno.test("a command that prints without end fills no log, and one that reads nothing is none the worse", async () => {
  const lines: string[] = [];
  const limits = { timeMsMax: 20_000, signal: SIGNAL };
  const outcome = await runHookCommand("seq 1000", "x".repeat(1_000_000), {}, limits, (line) => {
    lines.push(line);
  });
  ok(outcome.ok);
  deepStrictEqual([lines.length, lines.at(-1)], [101, "(more output is left out)"]);
});

Deno.test("a queue works one by one, drops the oldest, and gives up what is left at its end", async () => {
  const done: number[] = [];
  const dropped: number[] = [];
  const gate = Promise.withResolvers<void>();
  let running = 0;
  const queue = new HookQueue<number>(async (call, signal) => {
    strictEqual(++running, 1);
    if (call === 0) await gate.promise;
    // The last one hangs until it is told to end.
    if (call === 99) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    }
    running--;
    done.push(call);
  }, (call) => dropped.push(call));
  for (let call = 0; call < 70; call++) queue.push(call);
  deepStrictEqual(dropped, [1, 2, 3, 4, 5]);
  gate.resolve();
  await queue.drain(60_000);
  deepStrictEqual(done, [0, ...Array.from({ length: 64 }, (_, i) => i + 6)]);
  queue.push(99);
  queue.push(100);
  await queue.drain(0);
  deepStrictEqual([done.at(-1), dropped.at(-1)], [99, 100]);
});

Deno.test("a webhook is tried again while the other side is out of order, under one delivery id", async () => {
  const ids: (string | null)[] = [];
  const statuses = [503, 429, 204];
  const { url, server } = served((request) => {
    ids.push(request.headers.get("x-fumata-delivery"));
    return statuses[ids.length - 1];
  });
  deepStrictEqual(await postWebhook(url, "{}", "id", SIGNAL, PATIENCE), { ok: true });
  deepStrictEqual(ids, ["id", "id", "id"]);
  await server.shutdown();
});

Deno.test("a webhook that is refused is not said again, nor followed elsewhere; a lost cause is given up", async () => {
  for (const [status, times] of [[404, 1], [302, 1], [500, 3]]) {
    let count = 0;
    const { url, server } = served(() => {
      count++;
      return status;
    });
    const outcome = await postWebhook(url, "{}", "id", SIGNAL, PATIENCE);
    ok(!outcome.ok);
    match(outcome.why, new RegExp(`status ${status}`));
    strictEqual(count, times);
    await server.shutdown();
  }
  const gone = await postWebhook("http://127.0.0.1:1/", "{}", "id", SIGNAL, PATIENCE);
  match(gone.ok ? "" : gone.why, /given up after 3 attempts/);
});

Deno.test("what went wrong with a webhook is told without its address, in which services put secrets", async () => {
  // A port that was free a moment ago: nobody listens there.
  const { url, server } = served(() => 204, ownLoopback());
  await server.shutdown();
  const gone = await postWebhook(`${url}/t0ps3cret?key=t0ps3cret`, "{}", "id", SIGNAL, PATIENCE);
  ok(!gone.ok);
  strictEqual(gone.why.includes("t0ps3cret"), false, gone.why);
  // As fetch of Deno 2.7 says it; later ones say less.
  const said = "error sending request for url (https://h.example/t0ps3cret(2)?k=v): refused";
  strictEqual(
    withoutAddresses(said),
    "error sending request for url of the hook: refused",
  );
});

function served(status: (request: Request) => number, hostname = "127.0.0.1") {
  const server = Deno.serve(
    { port: 0, hostname, onListen() {} },
    async (request) => {
      await request.text();
      return new Response(null, { status: status(request), headers: { location: "/elsewhere" } });
    },
  );
  return { url: `http://${hostname}:${server.addr.port}/hook`, server };
}
