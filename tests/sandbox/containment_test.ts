/** Functions that misbehave: each ends its own session, with one line that says why, and nobody else's. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { utf8 } from "../../lib/base/bytes.ts";
import { createSandbox, type Sandbox, type SandboxLimits } from "../../lib/sandbox/mod.ts";
import { callOnce, handler, KEYS, packageOf, shown } from "./_functions.ts";

/** Small, so that the tests are quick; and so great that what does not loop keeps to them on a busy machine, too. */
const LIMITS = {
  callMs: 1_000,
  loadMs: 1_000,
  memoryBytes: 24 * 1024 * 1024,
  outputBytes: 1000,
  logBytes: 100,
};
const LATE = "time: the function computed for longer than";
const FULL = "memory: the function used more than 25165824 bytes of memory";
const DEEP = "memory: the function recursed too deeply";

/** What it does, its code, how it ends. */
const BAD: [string, string | Record<string, string>, string][] = [
  ["loops", handler("for (;;);"), LATE],
  ["loops after an await", "export async function cape_handler() { await null; for (;;); }", LATE],
  [
    "loops and catches everything",
    handler("for (;;) { try { for (;;); } catch {} finally { continue } }"),
    LATE,
  ],
  [
    "loops over native calls",
    handler("for (;;) { try { enclave.signCertificate(x); } catch {} }"),
    LATE,
  ],
  ["backtracks for ever", handler("return String(/^(a+)+$/.test('a'.repeat(50) + '!'))"), LATE],
  [
    "schedules for ever",
    handler("const f = () => { Promise.resolve().then(f); }; f(); return new Promise(() => {})"),
    LATE,
  ],
  ["throws what loops when shown", handler("throw { get toJSON() { for (;;); } }"), LATE],
  ["returns a thenable that loops", handler("return { then() { for (;;); } }"), LATE],
  ["fills an array", handler("const a = []; for (;;) a.push(new Array(1000).fill(1))"), FULL],
  ["fills ArrayBuffers", handler("const a = []; for (;;) a.push(new ArrayBuffer(1000000))"), FULL],
  ["reads its package for ever", {
    "app.ts": handler("const a = []; for (;;) a.push(enclave.readFile('big'))"),
    "big": "x".repeat(1_000_000),
  }, FULL],
  ["recurses", handler("const f = (): number => f() + 1; return String(f())"), DEEP],
  ["breaks a native parser's stack", handler("JSON.parse('['.repeat(1000000))"), DEEP],
  [
    "nests without end",
    handler("let a: unknown[] = []; for (let i = 0; i < 100000; i++) a = [a]; return String(a)"),
    DEEP,
  ],
  ["throws", handler("throw new Error('no,\\n\\x1b[2Jnot so')"), "threw: no, [2Jnot so"],
  ["throws no error", handler("throw 'up'"), "threw: the function threw up"],
  [
    "makes a mistake",
    `\n${handler("return (null as any).x")}`,
    "threw: TypeError: cannot read property 'x' of null (app.ts:2:",
  ],
  [
    "rejects",
    "export const cape_handler = () => Promise.reject(new Error('later'))",
    "threw: later",
  ],
  [
    "throws a very long message",
    handler("throw new Error('x'.repeat(100000))"),
    `threw: ${"x".repeat(500)}…`,
  ],
  [
    "never settles",
    handler("return new Promise(() => {})"),
    "threw: the promise of cape_handler never settles",
  ],
  ["returns a number", handler("return 5"), "threw: cape_handler returned a value of type number"],
  ["returns nothing", handler(""), "threw: cape_handler returned a value of type undefined"],
  [
    "returns a forged array",
    handler("return Object.create(Uint8Array.prototype)"),
    "threw: cape_handler returned a value of type object",
  ],
  [
    "returns too many bytes",
    handler("return new Uint8Array(1001)"),
    "output: the function returned more than 1000 bytes",
  ],
  [
    "returns too long a text",
    handler("return 'é'.repeat(501)"),
    "output: the function returned more than 1000 bytes",
  ],
  [
    "detaches what it returns",
    handler(
      "const b = new Uint8Array(8); b.buffer.transfer(); return b.length === 0 ? 'empty' : b",
    ),
    "empty",
  ],
  [
    "has no entry",
    { "main.ts": "" },
    "load: Cannot load the function: the package has neither app.ts nor app.js",
  ],
  [
    "has no handler",
    "export const x = 1",
    "load: Cannot load the function: app.ts exports no function cape_handler",
  ],
  [
    "does not parse",
    "export const = 5",
    'load: Cannot load the function: Cannot load "app.ts": line 1: ',
  ],
  [
    "wants an enum",
    "enum A { b }",
    'load: Cannot load the function: Cannot load "app.ts": line 1: TypeScript enum is not supported',
  ],
  [
    "throws while loading",
    "throw new Error('at start')",
    "load: Cannot load the function: at start",
  ],
  [
    "loops while loading",
    "for (;;);",
    "load: Cannot load the function: the function computed for longer than 1000 ms",
  ],
  [
    "waits for ever while loading",
    "await new Promise(() => {}); export {}",
    "load: Cannot load the function: the top level of app.ts never settles",
  ],
]; // deno-fmt-ignore

/** Time enough for what does not loop, so that on a busy machine the other limit is still the first. */
const PATIENCE = { callMs: 60_000, loadMs: 60_000 };

/** Whether it ends only because its time is over. */
function isEndless([, , ending]: (typeof BAD)[number]): boolean {
  return ending.includes("the function computed for longer than");
}

Deno.test("misbehaviour is contained", async (t) => {
  await using sandbox = createSandbox(LIMITS);
  await using patient = createSandbox({ ...LIMITS, ...PATIENCE });
  const counting = async (of: Sandbox) => {
    const counter = packageOf("let n = 0; export const cape_handler = () => String(++n)");
    return { of, good: await of.open(counter, KEYS, "simulated"), calls: 0 };
  };
  const [hasty, calm] = [await counting(sandbox), await counting(patient)];
  for (const bad of BAD) {
    const [what, files, ending] = bad;
    await t.step(`a function that ${what}`, async () => {
      const beside = isEndless(bad) ? hasty : calm;
      const answer = shown(await callOnce(beside.of, files));
      assert(answer.startsWith(ending), answer);
      assert(answer.length < 600 && !answer.includes("\n"));
      assertEquals(shown(await beside.good.call(new Uint8Array())), String(++beside.calls));
    });
  }

  await t.step("a flood of log lines is cut, and the call goes on", async () => {
    const outcome = await callOnce(
      patient,
      handler("for (let i = 0; i < 500; i++) console.log('line', i); return 'done'"),
    );
    assertEquals(shown(outcome), "done");
    assert(outcome.log.length < 200 && outcome.log.endsWith("(the rest of the log is left out)\n"));
  });

  await t.step("a session is over after a failed call", async () => {
    const session = await patient.open(
      packageOf(handler("if (x.length) throw new Error('no'); return 'yes'")),
      KEYS,
      "simulated",
    );
    assertEquals(shown(await session.call(new Uint8Array())), "yes");
    assertEquals(shown(await session.call(utf8("x"))), "threw: no");
    assertEquals(shown(await session.call(new Uint8Array())), "threw: the session is over: no");
    session.close();
  });
  for (const { good } of [hasty, calm]) good.close();
});

for (const [kind, limits] of [["endless", {}], ["other", PATIENCE]] as const) {
  const bad = BAD.filter((one) =>
    !one[0].includes("while loading") && isEndless(one) === (kind === "endless")
  );
  Deno.test(`good functions answer while bad ones run beside them: ${kind} ones`, () =>
    besides(bad, limits));
}

async function besides(bad: typeof BAD, limits: Partial<SandboxLimits>): Promise<void> {
  await using sandbox = createSandbox({ ...LIMITS, ...limits });
  const [goodAnswers, badAnswers] = await Promise.all([
    Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const session = await sandbox.open(packageOf(handler("return x")), KEYS, "simulated");
      const first = shown(await session.call(utf8(`a${i}`)));
      const second = shown(await session.call(utf8(`b${i}`)));
      session.close();
      return first + second;
    })),
    Promise.all(bad.map(async ([, files]) => shown(await callOnce(sandbox, files)))),
  ]);
  assertEquals(goodAnswers, Array.from({ length: 20 }, (_, i) => `a${i}b${i}`));
  bad.forEach(([what, , ending], i) => assert(badAnswers[i].startsWith(ending), what));
}

Deno.test("a worker that does not answer is given up and replaced", async () => {
  const steps = (count: number) =>
    handler(
      `const a = (1n << 400000n) / 3n; for (let i = 0; i < ${count}; i++) a * a; return 'done'`,
    );
  await using measured = createSandbox({ ...LIMITS, ...PATIENCE });
  assertEquals(shown(await callOnce(measured, steps(1))), "done");
  const startMs = performance.now();
  assertEquals(shown(await callOnce(measured, steps(4))), "done");
  // The engine looks at its clock every ten thousand steps, and a native one takes long: so many take ten times as long as it has.
  const count = Math.ceil(4 * 10 * 400 / (performance.now() - startMs));
  await using sandbox = createSandbox({ ...LIMITS, callMs: 150 }, { workersMax: 1, graceMs: 250 });
  const stuck = steps(count);
  const beside = await sandbox.open(packageOf(handler("return 'beside'")), KEYS, "simulated");
  const victim = await sandbox.open(packageOf(stuck), KEYS, "simulated");
  const [given, lost] = await Promise.all([
    victim.call(new Uint8Array()),
    beside.call(new Uint8Array()),
  ]);
  assertEquals(shown(given), "time: the function did not stop within 400 ms; it was given up");
  assertEquals(
    shown(lost),
    "busy: the session was lost because another function blocked its worker; connect again",
  );
  assertEquals(shown(await callOnce(sandbox, handler("return 'replaced'"))), "replaced");
});

Deno.test("a closed sandbox fails what is open and opens nothing", async () => {
  const sandbox = createSandbox(LIMITS);
  const session = await sandbox.open(packageOf(handler("return 'x'")), KEYS, "simulated");
  const running = session.call(new Uint8Array());
  await sandbox[Symbol.asyncDispose]();
  assertEquals(shown(await running), "threw: the sandbox was closed");
  assertEquals(
    shown(await callOnce(sandbox, handler("return 'x'"))),
    "busy: the sandbox was closed",
  );
});
