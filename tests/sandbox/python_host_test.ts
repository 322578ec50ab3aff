/** A function in Python through the whole enclave host: deployed encrypted, attested by its checksum, state kept for the connection. */
import { match, ok as assert, rejects, strictEqual } from "node:assert";
import type { Isolation } from "../../lib/attestation/mod.ts";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, createToken, deployPackage } from "../../lib/enclave/client/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { startWorld } from "../enclave/_harness.ts";
import { processesMarked, PYTHON, skipWithout } from "./_python.ts";

const COUNTER = `
calls = 0

def cape_handler(arg):
    global calls
    calls += 1
    if arg == b"fail":
        raise Exception("asked to fail")
    return arg + str(calls).encode()
`;

Deno.test("a python function is deployed, attested and called like any other", async () => {
  if (skipWithout(PYTHON) || typeof PYTHON === "string") return;
  await using world = await startWorld();
  const { token, policy } = world;
  const { url } = world.host;
  const { zip, checksum } = packFiles("counter", new Map([["app.py", utf8(COUNTER)]]));
  const { id: functionId } = await deployPackage({ url, token, policy, zip, name: "counter" });
  const connect = () => connectEnclave({ url, token, policy, functionId, checksum });

  using connection = await connect();
  const answers = await Promise.all(["a", "b"].map((text) => connection.invoke(utf8(text))));
  strictEqual(answers.map(fromUtf8).join(), "a1,b2");
  await rejects(connection.invoke(utf8("fail")), { message: /asked to fail \(app\.py:8\)/ });
  using other = await connect();
  strictEqual(fromUtf8(await other.invoke(utf8("a"))), "a1");

  const { isolation } = connection.binding;
  assert(isolation?.startsWith(PYTHON.command.settings.isolation), String(isolation));
  const demanding = (names: Isolation[]) =>
    connectEnclave({ url, token, policy: { ...policy, isolation: names }, functionId, checksum });
  (await demanding([isolation!])).close();
  await rejects(demanding(["quickjs"]), { message: /the isolation is .*, expected quickjs/ });

  const headers = { authorization: `Bearer ${token}` };
  const shown = await (await fetch(`${url}/v1/functions/${functionId}`, { headers })).json();
  assert(
    /^python 3\.\d+\.\d+, (bwrap|unshare), system calls /.test(shown.isolation),
    shown.isolation,
  );
});

Deno.test("a token for a python function has its share of the sessions, and the account has the rest", async () => {
  if (skipWithout(PYTHON)) return;
  const python = { limits: { sessionsPerShareMax: 1 } };
  await using sandbox = createSandbox({}, { workersMax: 1, python });
  await using world = await startWorld({ sandbox });
  const { token, policy } = world;
  const account = { url: world.host.url, token, policy };
  const { zip, checksum } = packFiles("counter", new Map([["app.py", utf8(COUNTER)]]));
  const { id: functionId } = await deployPackage({ ...account, zip, name: "counter" });
  const page = await createToken(account, { name: "page", functionId });
  const first = async (token: string) => {
    const connection = await connectEnclave({ ...account, token, functionId, checksum });
    const answer = await connection.invoke(utf8("a")).then(fromUtf8, (error) => error.message);
    return { answer, [Symbol.dispose]: () => connection.close() };
  };
  using own = await first(page);
  using refused = await first(page);
  using ofAccount = await first(token);
  using more = await first(token);
  strictEqual([own, ofAccount, more].map(({ answer }) => answer).join(), "a1,a1,a1");
  match(refused.answer!, /this token runs 1 Python functions already/);
});

/** Time on the processor of the marked processes, in ticks of a hundredth of a second (proc(5), utime). */
async function ticksOf(mark: string): Promise<number> {
  let ticks = 0;
  for (const id of await processesMarked(mark)) {
    const stat = await Deno.readTextFile(`/proc/${id}/stat`).catch(() => "");
    ticks += Number(stat.slice(stat.lastIndexOf(")")).split(" ")[12] ?? 0);
  }
  return ticks;
}

Deno.test("a python function is ended when its client goes away, in the middle of a call as well", async () => {
  if (skipWithout(PYTHON)) return;
  // The number of output bytes marks the process in the machine's list.
  const limits = { callMs: 60_000, outputBytes: 200_000 + Deno.pid };
  await using sandbox = createSandbox(limits, { workersMax: 1 });
  await using world = await startWorld({ sandbox });
  const { token, policy } = world;
  const account = { url: world.host.url, token, policy };
  const source = "def cape_handler(arg):\n    while arg: pass\n    return b'idle'\n";
  const { zip, checksum } = packFiles("loop", new Map([["app.py", utf8(source)]]));
  const { id: functionId } = await deployPackage({ ...account, zip, name: "loop" });
  const mark = `"outputBytes":${limits.outputBytes}`;
  const connection = await connectEnclave({ ...account, functionId, checksum });
  await connection.invoke(new Uint8Array());
  const ticks = await ticksOf(mark);
  const startMs = performance.now();
  const call = rejects(connection.invoke(utf8("loop")), { reason: "closed" });
  // It loops when its time on the processor grows.
  while (await ticksOf(mark) < ticks + 10);
  connection.close();
  await call;
  while ((await processesMarked(mark)).length > 0);
  assert(performance.now() - startMs < limits.callMs / 2);
});
