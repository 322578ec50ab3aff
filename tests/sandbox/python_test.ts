/** Functions in Python: what they may do, what they may not, and that a session's end leaves no process behind. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { generateHpkeKey } from "../../lib/crypto/hpke.ts";
import { createSandbox, type SandboxOptions, type SandboxSession } from "../../lib/sandbox/mod.ts";
import { callOnce, KEYS, packageOf, shown } from "./_functions.ts";
import { processesMarked, PYTHON, skipWithout } from "./_python.ts";

/**
 * The number of output bytes marks the processes of this test in the machine's list. There is time enough that on a busy machine another limit
 * is still the first.
 */
const LIMITS = { callMs: 60_000, loadMs: 60_000, outputBytes: 100_000 + Deno.pid, logBytes: 100 };
const OPTIONS: SandboxOptions = {
  workersMax: 1,
  python: { limits: { memoryBytes: 256 * 1024 * 1024, scratchBytes: 1024 * 1024 } },
};
const FULL = `memory: the function used more than ${256 * 1024 * 1024} bytes of memory`;

/** A Python function whose handler has this body; `x` is the input. */
function python(body: string, before = ""): Record<string, string> {
  const lines = body.split("\n").map((line) => `    ${line}`).join("\n");
  return { "app.py": `${before}\ndef cape_handler(x):\n${lines}\n` };
}

/** What it does, its code, how it ends. */
const ENDINGS: [string, Record<string, string>, string][] = [
  ["echoes bytes", python("return x"), "input"],
  ["returns a text", python("return 'é' + x.decode()"), "éinput"],
  ["returns nothing", python("pass"), ""],
  [
    "returns a number",
    python("return 5"),
    "threw: cape_handler returned a value of type int; bytes",
  ],
  ["raises", python("raise Exception('no,\\n\\x1b[2Jnot so')"), "threw: no, ?[2Jnot so (app.py:3)"],
  [
    "makes a mistake",
    python("return x.y"),
    "threw: AttributeError: 'bytes' object has no attribute",
  ],
  ["raises in another file", {
    ...python("import lib.a; lib.a.f()"),
    "lib/a.py": "def f():\n    raise ValueError('deep')",
  }, "threw: ValueError: deep (lib/a.py:2)"],
  [
    "raises what cannot be shown",
    python("raise E()", "class E(Exception):\n  __str__ = None"),
    "threw: E",
  ],
  ["exits", python("import sys; sys.exit(3)"), "threw: SystemExit: 3"],
  ["dies", python("import os; os._exit(3)"), "threw: the process of the function ended"],
  [
    "crashes",
    python("import ctypes; ctypes.string_at(1)"),
    "threw: the process of the function ended",
  ],
  ["recurses", python("return cape_handler(x)"), "memory: the function recursed too deeply"],
  ["fills its memory", python("a = []\nwhile True: a.append(bytearray(1000000))"), FULL],
  ["asks for too much at once", python("bytearray(10**10)"), FULL],
  ["returns too much", python("return bytes(300000)"), `output: the function returned more than`],
  [
    "sends garbage",
    python(
      "import os\nfor n in range(3, 20):\n  try: os.write(n, b'\\xff' * 99)\n  except OSError: pass\nreturn x",
    ),
    "threw: the process of the function ended",
  ],
  [
    "has no handler",
    { "app.py": "x = 1" },
    "load: Cannot load the function: app.py defines no function",
  ],
  [
    "does not parse",
    { "app.py": "def" },
    "load: Cannot load the function: SyntaxError: invalid syntax (app.py",
  ],
  [
    "wants a package that is not there",
    { "app.py": "import numpy" },
    "load: Cannot load the function: ModuleNotFoundError: No module named 'numpy' (app.py:1)",
  ],
  [
    "forks",
    python("import os; os.fork()"),
    "threw: PermissionError: [Errno 1] Operation not permitted",
  ],
  [
    "forks while loading",
    { "app.py": "import os\nwhile True: os.fork()" },
    "load: Cannot load the function: Perm",
  ],
  ["runs a program", python("import subprocess; subprocess.run(['true'])"), "threw: "],
  ["kills others", python("import os; os.kill(-1, 9)"), "threw: PermissionError: [Errno 1]"],
  ["opens a socket", python("import socket; socket.socket()"), "threw: PermissionError: [Errno 1]"],
  [
    "mounts",
    python(
      "import ctypes, os\nreturn str(ctypes.CDLL(None).mount(b'none', b'/usr', b'tmpfs', 0, None))",
    ),
    "-1",
  ],
  ["looks for files", python("import os; return ' '.join(sorted(os.listdir('/')))"), "dev "],
  ["writes outside", python("open('/x', 'w')"), "threw: OSError: [Errno 30] Read-only file system"],
  [
    "reads the environment",
    python("import os; return str(set(os.environ) - {'LC_CTYPE', 'PWD'})"),
    "set()",
  ],
  [
    "fills its disk",
    python(
      "for i in range(9): open('f%d' % i, 'wb').write(bytes(500000))",
    ),
    "threw: OSError: [Errno 28] No space left on device",
  ],
  [
    "makes too many files",
    python("for i in range(10**6): open(str(i), 'w').close()"),
    "threw: OSError: [Errno 28]",
  ],
  [
    "takes memory aside",
    python("import os; os.memfd_create('x')"),
    "threw: PermissionError: [Errno 1]",
  ],
  [
    "uses threads",
    python(
      "import threading; r = []; t = threading.Thread(target=lambda: r.append(x)); t.start(); t.join()\nreturn r[0]",
    ),
    "input",
  ],
  [
    "writes beside its package",
    python("open('s', 'w').write('kept'); return open('s').read()"),
    "kept",
  ],
]; // deno-fmt-ignore

Deno.test("python functions end as they should", async (t) => {
  if (skipWithout(PYTHON)) return;
  await using sandbox = createSandbox(LIMITS, OPTIONS);
  for (const [what, files, ending] of ENDINGS) {
    await t.step(`a function that ${what}`, async () => {
      const answer = shown(await callOnce(sandbox, files, utf8("input")));
      assert(answer.startsWith(ending), answer);
      assert(answer.length < 600 && !answer.includes("\n"), answer);
    });
  }

  await t.step("state and files live from open to close, and are nobody else's", async () => {
    const files = python(
      "global n\nn += 1\nopen('log', 'a').write(x.decode())\nreturn str(n) + open('log').read()",
      "n = 0",
    );
    const [one, other] = await Promise.all(
      [1, 2].map(() => sandbox.open(packageOf(files), KEYS, "simulated")),
    );
    assertEquals(shown(await one.call(utf8("a"))), "1a");
    const both = [one.call(utf8("b")), one.call(utf8("c"))];
    assertEquals((await Promise.all(both)).map(shown), ["2ab", "3abc"]);
    assertEquals(shown(await other.call(utf8("z"))), "1z");
    one.close();
    assertEquals(shown(await one.call(utf8("d"))), "threw: the session was closed");
    other.close();
  });

  await t.step("what it prints is the log of the call, and a flood is cut", async () => {
    const session = await sandbox.open(
      packageOf(python("print('hello', x.decode())\nif x == b'flood': print('y' * 10**7)\nreturn x")),
      KEYS,
      "simulated",
    );
    const logs = [];
    for (const input of ["a", "flood", "b"]) {
      const outcome = await session.call(utf8(input));
      assert(outcome.ok);
      logs.push(outcome.log);
    }
    assertEquals([logs[0], logs[2]], ["hello a\n", "hello b\n"]);
    assert(logs[1].length < 200 && logs[1].endsWith("(the rest of the log is left out)\n"));
    session.close();
  });

  await t.step("a session is over after a failed call", async () => {
    const files = python("if x: raise Exception('no')\nreturn 'yes'");
    const session = await sandbox.open(packageOf(files), KEYS, "simulated");
    assertEquals(shown(await session.call(utf8(""))), "yes");
    assertEquals(shown(await session.call(utf8("x"))), "threw: no (app.py:3)");
    assertEquals(shown(await session.call(utf8(""))), "threw: the session is over: no (app.py:3)");
  });
});

Deno.test("a python function that does not stop is ended, and nothing of it is left", async (t) => {
  if (skipWithout(PYTHON)) return;
  await using sandbox = createSandbox({ ...LIMITS, callMs: 250 }, OPTIONS);
  await using patient = createSandbox(LIMITS, OPTIONS);
  const late = "time: the function ran for longer than 250 ms";
  const endless: [string, Record<string, string>][] = [
    ["loops", python("while True: pass")],
    ["sleeps", python("import time; time.sleep(1000)")],
    [
      "ignores signals",
      python(
        "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\nwhile True: pass",
      ),
    ],
    [
      "catches everything",
      python(
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
      ),
    ],
    ["floods its standard error", python("import os\nwhile True: os.write(2, b'x' * 65536)")],
    [
      "leaves threads",
      python(
        "import threading\ndef f():\n  while True: pass\n[threading.Thread(target=f).start() for i in range(3)]\nf()",
      ),
    ],
  ];
  for (const [what, files] of endless) {
    await t.step(`a function that ${what}`, async () => {
      assertEquals(shown(await callOnce(sandbox, files)), late);
    });
  }
  await t.step("a closed session's threads", async () => {
    const files = python(
      "import threading\ndef f():\n  while True: pass\nthreading.Thread(target=f).start()",
    );
    assertEquals(shown(await callOnce(patient, files)), "");
  });
  for (const one of [sandbox, patient]) await one[Symbol.asyncDispose]();
  assertEquals(await processesMarked(`"outputBytes":${LIMITS.outputBytes}`), []);
});

Deno.test("python functions that misbehave disturb neither each other nor JavaScript", async () => {
  if (skipWithout(PYTHON)) return;
  await using sandbox = createSandbox(LIMITS, OPTIONS);
  const bad = ENDINGS.filter(([, , ending]) => /^(threw|memory|output)/.test(ending)).slice(0, 12);
  const [answers, scripts, endings] = await Promise.all([
    Promise.all([1, 2, 3, 4].map((i) => callOnce(sandbox, python("return x * 2"), utf8(`p${i}`)))),
    Promise.all(
      [1, 2, 3, 4].map((i) =>
        callOnce(sandbox, "export const cape_handler = (x: Uint8Array) => x", utf8(`j${i}`))
      ),
    ),
    Promise.all(bad.map(([, files]) => callOnce(sandbox, files, utf8("input")))),
  ]);
  assertEquals(answers.map(shown), ["p1p1", "p2p2", "p3p3", "p4p4"]);
  assertEquals(scripts.map(shown), ["j1", "j2", "j3", "j4"]);
  bad.forEach(([what, , ending], i) => assert(shown(endings[i]).startsWith(ending), what));
});

Deno.test("each isolation that this machine has keeps a function in", async (t) => {
  if (skipWithout(PYTHON)) return;
  for (const isolation of ["bwrap", "unshare", "limits"] as const) {
    await t.step(isolation, async () => {
      const insecureIsolation = isolation === "limits";
      const options = { python: { ...OPTIONS.python, isolations: [isolation], insecureIsolation } };
      await using sandbox = createSandbox(LIMITS, options);
      await using hasty = createSandbox({ ...LIMITS, callMs: 500 }, options);
      const files = python("return open('data').read() + open(x.decode()).read()");
      const hidden = await Deno.makeTempFile();
      await Deno.writeTextFile(hidden, "seen");
      const text = await sandbox.describe(packageOf(files));
      if (text.includes("cannot isolate")) {
        console.log(`skipped: ${text}`);
      } else {
        assert(text.includes(insecureIsolation ? "INSECURE" : `, ${isolation}, `), text);
        const answer = await callOnce(sandbox, { ...files, data: "own " }, utf8(hidden));
        const expected = insecureIsolation ? "own seen" : "threw: FileNotFoundError: ";
        assert(shown(answer).startsWith(expected), shown(answer));
        const late = await callOnce(hasty, python("import time; time.sleep(99)"));
        assertEquals(shown(late), "time: the function ran for longer than 500 ms");
      }
      await Deno.remove(hidden);
      for (const one of [sandbox, hasty]) await one[Symbol.asyncDispose]();
      assertEquals(await processesMarked(`"outputBytes":${LIMITS.outputBytes}`), []);
    });
  }
});

Deno.test("without python, or without isolation, a python package has a fault that says so", async () => {
  const files = packageOf(python("return x"));
  await using without = createSandbox({}, { python: { executable: "no-such-python" } });
  assertEquals(
    await without.fault(files),
    "the function is written in Python, and there is no no-such-python on this host; install Python 3",
  );
  const session = await without.open(files, KEYS, "simulated");
  assert(
    shown(await session.call(utf8(""))).startsWith("load: Cannot load the function: the func"),
  );
  if (skipWithout(PYTHON)) return;
  await using unisolated = createSandbox({}, { python: { isolations: [] } });
  const fault = await unisolated.fault(files) ?? "";
  assert(fault.includes("this host cannot isolate Python"), fault);
  await using small = createSandbox({}, { python: { limits: { packageBytesMax: 10 } } });
  assert((await small.fault(files))?.endsWith("Python functions have at most 10"));
  assertEquals(await small.fault(packageOf("export {}")), undefined);
  assertEquals(
    await small.fault(packageOf({ "x.txt": "" })),
    'the package "f" has no app.ts, app.js or app.py',
  );
});

Deno.test("a sandbox runs so many python functions at a time and no more", async () => {
  if (skipWithout(PYTHON)) return;
  await using sandbox = createSandbox(LIMITS, { python: { limits: { sessionsMax: 1 } } });
  const first = await sandbox.open(packageOf(python("return x")), KEYS, "simulated");
  assertEquals(
    shown(await callOnce(sandbox, python("return x"))),
    "busy: the host runs 1 Python functions already; try again later",
  );
  first.close();
  const closing = sandbox[Symbol.asyncDispose]();
  assertEquals(shown(await first.call(utf8("x"))), "threw: the session was closed");
  await closing;
  assertEquals(
    shown(await callOnce(sandbox, python("return x"))),
    "busy: the sandbox was closed",
  );
});

Deno.test("one share has a part of the python sessions, and a session that ended gives its seat back", async () => {
  if (skipWithout(PYTHON)) return;
  const limits = { sessionsMax: 2, sessionsPerShareMax: 1 };
  await using sandbox = createSandbox(LIMITS, { python: { limits } });
  const open = (share?: string, files = python("return x")) =>
    sandbox.open(packageOf(files), KEYS, "simulated", share);
  const call = async (session: SandboxSession) => shown(await session.call(utf8("x")));
  const own = await open("page");
  // A process is gone a moment after its session is closed; each call of another one is such a moment.
  const callWhenFree = async (files?: Record<string, string>) => {
    for (let left = 5000;; left--) {
      const session = await open(undefined, files);
      const answer = await call(session);
      session.close();
      if (!answer.startsWith("busy: ")) return answer;
      assert(left > 0, answer);
      await call(own);
    }
  };
  assertEquals(
    await call(await open("page")),
    "busy: this token runs 1 Python functions already; try again later",
  );
  const other = await open("other");
  assertEquals([await call(own), await call(other)], ["x", "x"]);
  assertEquals(
    await call(await open()),
    "busy: the host runs 2 Python functions already; try again later",
  );
  other.close();
  assertEquals(await callWhenFree(python("raise Exception('no')")), "threw: no (app.py:3)");
  assert((await callWhenFree({ "app.py": "=" })).startsWith("load: "));
  assertEquals(await callWhenFree(), "x");
});

Deno.test("a python function seals its answer to a key of its caller, for that call only", async () => {
  if (skipWithout(PYTHON)) return;
  const key = await generateHpkeKey();
  await using sandbox = createSandbox({ ...LIMITS, outputBytes: 20 });
  const files = python(
    "if len(x) == 32: enclave.reply_to(x)\n" +
      "if x == b'short': enclave.reply_to(b'short')\n" +
      "if x == b'text': enclave.reply_to('text')\n" +
      "return b'an answer, twenty c.'",
  );
  const session = await sandbox.open(packageOf(files), KEYS, "simulated");
  const sealed = await session.call(key.publicKey);
  assert(sealed.ok);
  assertEquals(fromUtf8((await key.open(sealed.output))!), "an answer, twenty c.");
  assertEquals(shown(await session.call(utf8("plain"))), "an answer, twenty c.");
  const errors = {
    short: "threw: ValueError: Cannot reply: the key has 5 bytes; 32 are wanted (app.py:4)",
    text: "threw: TypeError: Cannot reply: bytes are wanted as the key (app.py:5)",
  };
  for (const [input, error] of Object.entries(errors)) {
    assertEquals(shown(await callOnce(sandbox, files, utf8(input))), error);
  }
  const none = await callOnce(sandbox, files, new Uint8Array(32));
  assertEquals(shown(none), "threw: Cannot reply: the key is no X25519 key");
  session.close();
});

Deno.test("where no temporary file can be made, a python package has a fault that says so, and then runs", async () => {
  if (skipWithout(PYTHON)) return;
  const options = { insecureIsolation: true, isolations: ["limits"] as const };
  await using sandbox = createSandbox(LIMITS, { python: options });
  const files = python("return x");
  const before = Deno.env.get("TMPDIR");
  const withoutTemporary = async <T>(act: () => Promise<T>): Promise<T> => {
    Deno.env.set("TMPDIR", "/none/such");
    try {
      return await act();
    } finally {
      if (before === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", before);
    }
  };
  const fault = String(await withoutTemporary(() => sandbox.fault(packageOf(files))));
  assert(/written in Python, and it cannot be tried out here/.test(fault), fault);
  assertEquals(shown(await callOnce(sandbox, files, utf8("x"))), "x");
  const answer = shown(await withoutTemporary(() => callOnce(sandbox, files)));
  assert(answer.startsWith("load: Cannot start Python for the function: "), answer);
  assertEquals(shown(await callOnce(sandbox, files, utf8("x"))), "x");
});
