/** The guard of a command as a process of its own, under a node whose answers are played. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { GUARD_VARIABLE, type GuardOrder } from "../../lib/cli/lock/guard.ts";
import { selfCommand } from "../../lib/cli/self.ts";

/** Runs a guard under a node that grants so much; gives its exit code and whether it started the command. */
async function guard(grantedMs: number): Promise<{ code: number; isStarted: boolean }> {
  const folder = await Deno.makeTempDir();
  const node = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => Response.json({ grantedMs, term: 1, certificateId: "c" }),
  );
  const order: GuardOrder = {
    holder: "h",
    certificateId: "c",
    parent: Deno.pid,
    startedFile: `${folder}/started`,
    graceMs: 0,
  };
  await Deno.writeTextFile(`${folder}/token`, "t");
  const { program, words } = selfCommand();
  const at = ["--node", `127.0.0.1:${node.addr.port}`, "--token-file", `${folder}/token`];
  try {
    const { code } = await new Deno.Command(program, {
      args: [...words, "lock", "--name", "n", ...at, "--", "sh", "-c", "exit 7"],
      env: { [GUARD_VARIABLE]: JSON.stringify(order) },
      detached: true,
    }).spawn().status;
    const isStarted = [...Deno.readDirSync(folder)].some(({ name }) => name === "started");
    return { code, isStarted };
  } finally {
    await node.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a guard whose grant is over when it comes does not start the command", async () => {
  deepStrictEqual(await guard(30), { code: 1, isStarted: false });
});

Deno.test("a guard starts the command under a grant that lasts", async () => {
  const { code, isStarted } = await guard(20_000);
  strictEqual(isStarted, true);
  strictEqual(code, 7);
});
