/** Completions: the bash one is sourced and asked as bash asks it; the others are held against the table of commands, and parsed where the shell exists. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { COMMANDS, loadAll } from "../../lib/cli/commands.ts";
import { completionsCommand } from "../../lib/cli/commands/completions.ts";
import { runCommand, TestFolder } from "../certificate/_command.ts";

const commands = (await loadAll(COMMANDS)).filter((command) => !command.isHidden);

async function script(shell: string): Promise<string> {
  return (await runCommand(completionsCommand, shell)).out;
}

/** What bash offers for the words, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const ask = `${await script("bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _fumata; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "-u", "-c", ask, "bash", "fumata", ...words],
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

Deno.test("bash completes commands, also behind help", async () => {
  assertEquals(await offered("lea"), ["leader", "leave"]);
  assertEquals(await offered("help", "memb"), ["members"]);
  assertEquals((await offered("")).length, commands.length + 2);
});

Deno.test("bash completes the flags of the command that stands there, and no other's", async () => {
  assertEquals(await offered("members", "--sta"), ["--state"]);
  assertEquals(await offered("status", "--sta"), []);
  assertEquals(await offered("node", "-p", "5000", "--checks"), ["--checksum"]);
  assert((await offered("leader", "-")).includes("--log-format"));
});

Deno.test("bash completes values that are one of a few, with and without a sign between", async () => {
  assertEquals(await offered("members", "--state", ""), ["alive", "suspect", "dead", "left"]);
  assertEquals(await offered("members", "--state", "=", "al"), ["alive"]);
  assertEquals(await offered("members", "--state", "="), ["alive", "suspect", "dead", "left"]);
  assertEquals(await offered("members", "-o", "j"), ["json"]);
  assertEquals(await offered("members", "--tag", "-"), []);
});

Deno.test("bash completes the words that a command takes at their places, and files elsewhere", async () => {
  assertEquals(await offered("config", ""), ["check"]);
  assertEquals(await offered("config", "check", ""), ["node", "enclave", "lock"]);
  assertEquals(await offered("config", "check", "e"), ["enclave"]);
  assertEquals(await offered("config", "check", "--checks"), ["--checksum"]);
  assertEquals(await offered("config", "check", "lock", ""), []);
  assertEquals(await offered("token", "d"), ["delete"]);
  assertEquals(await offered("verify", ""), []);
});

Deno.test("zsh and fish know these words, too", async () => {
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  const config = zsh.slice(zsh.indexOf("\n    config) "));
  const part = config.slice(0, config.indexOf(";;"));
  assert(part.includes("'1:word:(check)'") && part.includes("'2:word:(node enclave lock)'"));
  assert(fish.includes("-n '__fumata_at config 2' -f -a 'check'\n"));
  assert(fish.includes("-n '__fumata_at config 3' -f -a 'node enclave lock'\n"));
  assert(!fish.includes("__fumata_at verify"));
});

Deno.test("zsh and fish know every command and every flag", async () => {
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  for (const command of commands) {
    assert(zsh.includes(`    '${command.name}:`), `zsh: ${command.name}`);
    assert(fish.includes(` -a ${command.name} `), `fish: ${command.name}`);
    const part = zsh.slice(zsh.indexOf(`\n    ${command.name}) `));
    for (const { name } of command.flags) {
      assert(part.slice(0, part.indexOf(";;")).includes(`--${name}`), `zsh: --${name}`);
      assert(fish.includes(`'__fumata_is ${command.name}' -l ${name} `), `fish: --${name}`);
    }
  }
});

for (const shell of ["zsh", "fish"]) {
  Deno.test(`${shell} takes its script for one without mistakes`, async () => {
    using folder = new TestFolder();
    const path = folder.write("script", await script(shell));
    try {
      const { code } = await new Deno.Command(shell, { args: ["-n", path] }).output();
      assertEquals(code, 0);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      console.log(`${shell} is not installed; its script was not parsed`);
    }
  });
}

Deno.test("another shell is refused with those that there are", async () => {
  await rejects(runCommand(completionsCommand, "tcsh"), /one of bash, zsh, fish is wanted/);
});
