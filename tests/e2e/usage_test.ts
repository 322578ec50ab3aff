/** Bad input at the command line: one line that says what to do, the right exit code, no stack trace. */
import { match, ok, strictEqual } from "node:assert";
import { Sandbox } from "./program.ts";

const ID = "11111111111111111111YZ";
const SUM = "ab".repeat(32);

const CASES: [name: string, words: string[], code: number, line: RegExp][] = [
  ["an unknown command", ["nodee"], 1, /no such command; did you mean "node"\?/],
  [
    "an unknown flag",
    ["node", "--prot", "5"],
    1,
    /"--prot": node has no such flag; did you mean --port\?/,
  ],
  ["a port out of range", ["node", "-p", "70000"], 1, /--port "70000": a number of 0\.\.65535/],
  ["a port that is no number", ["node", "-p", "abc"], 1, /--port "abc": a number/],
  ["no port", ["node"], 1, /--port is missing/],
  [
    "a peer that is no address",
    ["node", "-p", "0", "-n", "http://x", "-f", ID, "-fh", SUM, "--profile", "none.json"],
    1,
    /profile|--neighbor "http:\/\/x": it is not an address/,
  ],
  ["no function", ["node", "-p", "0"], 1, /the function is missing; give its id with -f/],
  ["no checksum", ["node", "-p", "0", "-f", ID], 1, /checksum is missing; give it with -c/],
  [
    "a short checksum",
    ["node", "-p", "0", "-f", ID, "-fh", "abcd"],
    1,
    /"abcd" is no checksum; 64 hex/,
  ],
  [
    "a function file that is not there",
    ["node", "-p", "0", "--function-json", "nowhere.json"],
    1,
    /"nowhere.json" cannot be read: there is no such file/,
  ],
  ["a flag without its value", ["node", "-p"], 1, /--port: it needs a value/],
  ["a word too many", ["node", "hello"], 1, /"hello": node takes no arguments/],
];

for (const [name, words, code, line] of CASES) {
  Deno.test(`${name} is refused in one line`, async () => {
    await using sandbox = await Sandbox.create();
    const finished = await sandbox.run(...words);
    strictEqual(finished.code, code, finished.err);
    match(finished.err, line);
    strictEqual(finished.err.trim().split("\n").length, 1, finished.err);
    strictEqual(finished.out, "");
  });
}

Deno.test("the help of a command is the same, however it is asked for", async () => {
  await using sandbox = await Sandbox.create();
  const { out } = await sandbox.run("help", "lock");
  match(out, /^lock: run a command only while a node leads\n\nExamples:\n/);
  for (const words of [["-h", "lock"], ["--help", "lock"], ["lock", "-h"], ["lock", "--help"]]) {
    const asked = await sandbox.run(...words);
    strictEqual(asked.code, 0, asked.err);
    strictEqual(asked.out, out, words.join(" "));
  }
  match((await sandbox.run("-h")).out, /^fumata .*\n[^]*Commands:/);
});

Deno.test("a broken function file is refused in one line", async () => {
  await using sandbox = await Sandbox.create();
  await Deno.writeTextFile(`${sandbox.folder}/broken.json`, "{");
  const finished = await sandbox.run("node", "-p", "0", "--function-json", "broken.json");
  strictEqual(finished.code, 1);
  match(finished.err, /"broken.json" is not JSON; write it with "fumata deploy FOLDER -o json"/);
});

Deno.test("help shows every command, and each command's help its examples and flags", async () => {
  await using sandbox = await Sandbox.create();
  const help = await sandbox.run("help");
  strictEqual(help.code, 0);
  for (const command of ["node", "enclave", "deploy", "keygen", "attest"]) {
    match(help.out, new RegExp(`^ {2}${command} `, "m"));
  }
  const node = await sandbox.run("node", "--help");
  strictEqual(node.code, 0);
  ok(node.out.indexOf("Examples:") < node.out.indexOf("Flags:"));
  match(node.out, /--checksum HEX… \(-fh\)/);
});

Deno.test("the version is said", async () => {
  await using sandbox = await Sandbox.create();
  match((await sandbox.run("--version")).out, /^fumata \d+\.\d+\.\d+\n$/);
});
