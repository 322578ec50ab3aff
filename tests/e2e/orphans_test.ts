/**
 * A host that is killed outright (SIGKILL, out of memory) cannot clean up. The processes of its Python functions end all the same, whatever
 * the functions want, in each of the three ways to isolate them.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { readProfile } from "../../lib/cli/profile.ts";
import { connectEnclave, deployPackage } from "../../lib/enclave/client/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { processesMarked, PYTHON, skipWithout } from "../sandbox/_python.ts";
import { Sandbox } from "./program.ts";

/** Ends neither when the host's pipe ends nor at a signal that can be ignored. */
const STUBBORN = `
import os, signal

def stay(code):
    while True:
        pass

os._exit = stay
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass

def cape_handler(x):
    return "still here"
`;
const { zip, checksum } = packFiles("stubborn", new Map([["app.py", utf8(STUBBORN)]]));

/** Programs that a host finds on its path, by the isolation that it then chooses. */
const PROGRAMS = { bwrap: ["bwrap"], unshare: ["unshare", "setpriv"], limits: [] } as const;

/** How long the kernel may take to end what it was told to end; it takes milliseconds. */
const END_MS_MAX = 10_000;

Deno.test("the processes of functions end with a host that was killed, however stubborn they are", async (t) => {
  if (skipWithout(PYTHON) || typeof PYTHON === "string") return;
  const interpreter = PYTHON.python.executable;
  await using sandbox = await Sandbox.create();
  // The size of outputs stands in the processes' command lines: by it they are known.
  const outputKib = 1 + Deno.pid % 20_000;
  const mark = `"outputBytes":${outputKib * 1024},`;
  let functionId: string | undefined;
  for (const [isolation, names] of Object.entries(PROGRAMS)) {
    await t.step(isolation, async () => {
      const found = names.map((name) => [name, findOnPath(name)] as const);
      if (found.some(([, path]) => path === undefined)) {
        console.log(`skipped: this machine has no ${names.join(" or no ")}`);
        return;
      }
      const folder = `${sandbox.folder}/${isolation}`;
      await Deno.mkdir(folder);
      await Deno.symlink(interpreter, `${folder}/python3`);
      for (const [name, path] of found) await Deno.symlink(path!, `${folder}/${name}`);
      sandbox.moreEnv = { PATH: folder };
      await using host = sandbox.start(
        ...["enclave", "--port", "0", "--data", `${sandbox.folder}/host`, "--no-profile"],
        ...["--insecure-python-isolation", "--limit-output", String(outputKib)],
      );
      await host.line(/enclave host at/);
      const profile = (await readProfile(`${sandbox.folder}/host/profile.json`, true))!;
      const { enclave: url, token, attestation: policy } = profile;
      functionId ??= (await deployPackage({ url, token, policy, zip, name: "stubborn" })).id;
      using connection = await connectEnclave({ url, token, policy, functionId, checksum });
      if (!connection.binding.isolation?.startsWith(isolation)) {
        console.log(`skipped: this machine does not allow ${isolation}`);
        return;
      }
      strictEqual(fromUtf8(await connection.invoke(utf8("x"))), "still here");
      ok((await processesMarked(mark)).length > 0);
      host.signal("SIGKILL");
      await host.finished();
      deepStrictEqual(await remaining(mark), []);
    });
  }
});

function findOnPath(name: string): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${name}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** The marked processes that do not end; they are killed, so that a failure leaves none behind. */
async function remaining(mark: string): Promise<number[]> {
  const endMs = performance.now() + END_MS_MAX;
  let left = await processesMarked(mark);
  while (left.length > 0 && performance.now() < endMs) left = await processesMarked(mark);
  for (const id of left) Deno.kill(id, "SIGKILL");
  return left;
}
