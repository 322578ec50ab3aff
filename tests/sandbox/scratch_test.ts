/// <reference path="../../function/enclave.d.ts" />
/** What a function may keep in files of its own, and that the documented host API is the real one. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import type { EnclaveHost } from "../../function/leader-election/host.ts";
import { KEYS, packageOf, shown } from "./_functions.ts";

/** The election function relies on nothing that is not documented. */
((host: Enclave): EnclaveHost => host) satisfies unknown;

const SOURCE = `
export function cape_handler(x) {
  const [act, path, size] = new TextDecoder().decode(x).split(" ");
  switch (act) {
    case "write": enclave.writeFile(path, new Uint8Array(Number(size)).fill(7)); return "ok";
    case "text": enclave.writeFile(path, size); return "ok";
    case "read": return enclave.readFile(path);
    case "remove": enclave.removeFile(path); return "ok";
    case "list": return enclave.listFiles().join();
    case "has": return String(enclave.hasFile(path));
    case "try": try { enclave.writeFile(path, new Uint8Array(Number(size))); return "done"; }
      catch (error) { return error.message; }
    case "members": return Object.keys(enclave).sort().join();
    case "import": return import(path).then(() => "imported", (error) => error.message);
  }
}`;

const LIMITS = { scratchBytes: 1000, scratchFiles: 3 };

function openScratch() {
  const sandbox = createSandbox(LIMITS, { workersMax: 1 });
  const files = packageOf({ "app.js": SOURCE, "data/own.txt": "mine" });
  const open = async () => {
    const session = await sandbox.open(files, KEYS, "simulated");
    return async (words: string) => shown(await session.call(new TextEncoder().encode(words)));
  };
  return { open, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
}

Deno.test("scratch files live as long as their session and belong to it alone", async () => {
  await using sandbox = openScratch();
  const [first, second] = [await sandbox.open(), await sandbox.open()];
  strictEqual(await first("text notes/a.txt hello"), "ok");
  strictEqual(await first("read notes/a.txt"), "hello");
  strictEqual(await first("list"), "app.js,data/own.txt,notes/a.txt");
  strictEqual(await second("list"), "app.js,data/own.txt");
  strictEqual(await second("has notes/a.txt"), "false");
  strictEqual(await first("text notes/a.txt again"), "ok");
  strictEqual(await first("read notes/a.txt"), "again");
  strictEqual(await first("remove notes/a.txt"), "ok");
  match(await first("read notes/a.txt"), /threw: Cannot read "notes\/a\.txt"/);
});

Deno.test("the package is read-only, and paths lead nowhere else", async () => {
  await using sandbox = openScratch();
  const call = await sandbox.open();
  match(await call("try data/own.txt 1"), /file of the package, which is read-only/);
  for (const path of ["../x", "/etc/passwd", "a/../../b", "a//b", "./a", "C:", "a\\b", ""]) {
    match(await call(`try ${path} 1`), /^Cannot write .*: the path /, path);
  }
  strictEqual(await call("read data/own.txt"), "mine");
  strictEqual(await call("text x.js export"), "ok");
  match(await call("import ./x.js"), /the package has no file/);
  match(await call("remove data/own.txt"), /read-only/);
});

Deno.test("the quota counts bytes, paths and files, and removing gives room again", async () => {
  await using sandbox = openScratch();
  const call = await sandbox.open();
  strictEqual(await call("try a 998"), "done");
  match(await call("try b 1"), /room for 1000 bytes/);
  strictEqual(await call("try a 10"), "done");
  strictEqual(await call("try b 1"), "done");
  strictEqual(await call("try c 0"), "done");
  match(await call("try d 0"), /holds 3 files already/);
  strictEqual(await call("remove b"), "ok");
  strictEqual(await call("try d 900"), "done");
});

Deno.test("the documented members of the global enclave are those that are there", async () => {
  await using sandbox = openScratch();
  const call = await sandbox.open();
  const text = Deno.readTextFileSync(new URL("../../function/enclave.d.ts", import.meta.url));
  const body = text.slice(text.indexOf("interface Enclave {"));
  const documented = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name);
  deepStrictEqual((await call("members")).split(","), documented.sort());
});
