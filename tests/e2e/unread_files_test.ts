/** What the executable leaves out: nothing that a module of the program could read. */
import { deepStrictEqual, ok } from "node:assert";
import { excludeWords, unreadFiles, usedPackages } from "./unread_files.ts";

Deno.test("packages that the program imports are used with all that they depend on, types and tests' packages are not", () => {
  const packages = {
    "@scope/a@1.0.0": { dependencies: ["b", "c@2.0.0"] },
    "b@1.1.0": {},
    "c@1.0.0": {},
    "c@2.0.0": { dependencies: ["@scope/a@1.0.0"] },
    "@types/a@1.0.0": { dependencies: ["c@1.0.0"] },
    "only-tests@1.0.0": {},
  };
  const imports = { "a": "npm:@scope/a@1.0.0/mod.js", "@types/a": "npm:@types/a@1.0.0" };
  deepStrictEqual([...usedPackages(imports, packages)].sort(), [
    "@scope/a@1.0.0",
    "b@1.1.0",
    "c@2.0.0",
  ]);
});

Deno.test("of a package that is used only declarations, source maps and documents are left out", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/lib`);
    const names = ["package.json", "README.md", "lib/a.js", "lib/a.js.map", "lib/a.d.mts", "a.ts"];
    for (const name of names) Deno.writeTextFileSync(`${folder}/${name}`, name);
    const left = (isUsed: boolean) =>
      unreadFiles(folder, isUsed).map(({ path }) => path.slice(folder.length + 1)).sort();
    deepStrictEqual(left(true), ["README.md", "lib/a.d.mts", "lib/a.js.map"]);
    deepStrictEqual(left(false), names.toSorted());
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("the words fit a command line of any system, and name the largest files", () => {
  const files = Array.from({ length: 2_000 }, (_, i) => ({ path: `/packages/${i}`, bytes: i }));
  const words = excludeWords(files);
  ok(words.join(" ").length <= 24_000);
  deepStrictEqual(words.slice(0, 2), ["--exclude=/packages/1999", "--exclude=/packages/1998"]);
});
