/** Children: lines, records, and that every one of them ends. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { eachLine, LINE_CHARACTERS_MAX } from "../../lib/cli/demo/lines.ts";
import { ChildProcess, parseRecord } from "../../lib/cli/demo/process.ts";
import { selfCommand } from "../../lib/cli/self.ts";
import { fakeProgram } from "./_fake_cluster.ts";

async function linesOf(...chunks: string[]): Promise<string[]> {
  const lines: string[] = [];
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
  await eachLine(ReadableStream.from(bytes), (line) => lines.push(line));
  return lines;
}

Deno.test("lines are put together from any chunks", async () => {
  deepStrictEqual(await linesOf("a\nb", "c", "\n\nd"), ["a", "bc", "", "d"]);
});

Deno.test("a character that is split between chunks stays whole", async () => {
  const bytes = new TextEncoder().encode("ö\n");
  const lines: string[] = [];
  const chunks = ReadableStream.from([bytes.subarray(0, 1), bytes.subarray(1)]);
  await eachLine(chunks, (line) => lines.push(line));
  deepStrictEqual(lines, ["ö"]);
});

Deno.test("a line without end takes no more memory than the longest line", async () => {
  const half = "x".repeat(LINE_CHARACTERS_MAX / 2 + 1);
  const lines = await linesOf(half, half, half, "\nnext\n");
  deepStrictEqual(lines.map((line) => line.length), [LINE_CHARACTERS_MAX, 4]);
});

Deno.test("what is no record is no record", () => {
  for (const line of ["", "text", "3", "null", "[]", '{"level":"info","event":1,"message":""}']) {
    strictEqual(parseRecord(line), undefined);
  }
  deepStrictEqual(parseRecord('{"time":"","level":"info","event":"e","message":"m","x":1}'), {
    level: "info",
    event: "e",
    message: "m",
    fields: { x: 1 },
  });
});

Deno.test("a paused child is ended at once by asking", async () => {
  const ready = Promise.withResolvers<void>();
  const child = new ChildProcess("node-1", fakeProgram(0), [
    "enclave",
    "--profile-out",
    "/dev/null",
  ], () => ready.resolve());
  await ready.promise;
  child.signal("SIGSTOP");
  await child[Symbol.asyncDispose]();
  strictEqual((await child.ended).code, 0);
});

Deno.test("a child that does not listen is killed", async () => {
  const ready = Promise.withResolvers<void>();
  const child = new ChildProcess("node-1", fakeProgram(0), ["stubborn"], () => ready.resolve(), 1);
  await ready.promise;
  await child[Symbol.asyncDispose]();
  strictEqual((await child.ended).signal, "SIGKILL");
});

Deno.test("a child's last words are kept without anything that moves the cursor", async () => {
  const child = new ChildProcess("node-1", fakeProgram(0), ["what\x1b[2Jever"], () => {});
  strictEqual((await child.ended).code, 1);
  ok(child.lastLines.includes("no such command: what?[2Jever"), child.lastLines.join("|"));
  await child[Symbol.asyncDispose]();
});

Deno.test("the program knows how to start itself", async () => {
  const { program, words } = selfCommand();
  const { stdout } = await new Deno.Command(program, { args: [...words, "--version"] }).output();
  match(new TextDecoder().decode(stdout), /^fumata \d+\.\d+\.\d+\n$/);
});
