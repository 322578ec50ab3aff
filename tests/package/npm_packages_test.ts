/** npm packages that a function's folder names: put in when packed, refused when they cannot be had whole. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { withPackages } from "../../lib/package/npm_packages.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { KEYS, packageOf, shown } from "../sandbox/_functions.ts";

/** A package of one CommonJS file that the program carries anyway. */
const LIST = '{ "node-forge": "lib/forge.js" }';

async function filesWith(list: string, more: Record<string, string> = {}) {
  const texts = Object.entries({ "app.ts": "export {}", "packages.json": list, ...more });
  return await withPackages(new Map(texts.map(([path, text]) => [path, utf8(text)])));
}

Deno.test("a package that packages.json names is put into the folder as a module", async () => {
  const files = await filesWith(LIST);
  assert(typeof files !== "string", String(files));
  const text = fromUtf8(files.get("packages/node-forge.js")!)!;
  assert(text.startsWith("// lib/forge.js of the npm package node-forge 1."), text.slice(0, 80));
  assert(text.endsWith("export default module.exports;\n"));
  await using sandbox = createSandbox();
  const source =
    'import forge from "node-forge"; export const cape_handler = () => typeof forge.options;';
  const session = await sandbox.open(
    packageOf({ "app.ts": source, "packages/node-forge.js": text }),
    KEYS,
    "simulated",
  );
  assertEquals(shown(await session.call(new Uint8Array())), "object");
  session.close();
});

Deno.test("a folder without packages.json stays as it is", async () => {
  const files = new Map([["app.ts", utf8("export {}")]]);
  assertEquals(await withPackages(files), files);
});

Deno.test("packages that cannot be had are named", async () => {
  const faults: [string, string, Record<string, string>?][] = [
    ["{", "its packages.json is not JSON"],
    ["[]", "its packages.json is not a JSON object of names and files"],
    ['{"../x": "a.js"}', 'its packages.json has "../x", which is no name of a package'],
    ['{"node-forge": "../x.js"}', 'its packages.json does not name a .js file for "node-forge"'],
    ['{"node-forge": "/etc/x.js"}', 'its packages.json does not name a .js file for "node-forge"'],
    ['{"left-pad": "a.js"}', 'the package "left-pad" that its packages.json names is not one that'],
    [
      '{"node-forge": "lib/none.js"}',
      'the package "node-forge" that its packages.json names cannot be',
    ],
    [
      '{"node-forge": "lib/index.js"}',
      'the package "node-forge" that its packages.json names has a file lib/index.js that is not',
    ],
    [LIST, "it has a packages/node-forge.js of its own", { "packages/node-forge.js": "" }],
  ];
  for (const [list, start, more] of faults) {
    const fault = await filesWith(list, more);
    assert(typeof fault === "string" && fault.startsWith(start), String(fault));
  }
});
