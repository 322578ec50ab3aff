/** The shape of the code (design §7, house rules 1-5 and 14): which folder may import which, and that the protocol cores are pure. */
import { deepStrictEqual, ok } from "node:assert";

const ROOT = new URL("../", import.meta.url);

/** Folders of lib/, each may import only itself and folders before it. */
const ORDER = [
  "base",
  "crypto",
  "attestation",
  "package",
  "certificate",
  "membership",
  "election",
  "wire",
  "tee",
  "sandbox",
  "enclave",
  "node",
  "simulate",
  "api",
  "cli",
];

/** What the cores may import from elsewhere. */
const CORE_IMPORTS = [
  /^lib\/base\//,
  /^lib\/membership\/types\.ts$/,
  /^lib\/certificate\/types\.ts$/,
  /^function\/leader-election\/(rules|cbor)\.ts$/,
];

/** What no core may touch: time, timers, chance, IO and everything that waits. */
const IMPURE =
  /\b(Deno|Date|performance|setTimeout|setInterval|queueMicrotask|fetch|crypto|process|globalThis|await|async|Promise)\b|Math\.random/;

const sources = [...walk(new URL("lib/", ROOT)), ...walk(new URL("function/", ROOT))];

function* walk(folder: URL): Generator<{ path: string; text: string }> {
  for (const entry of Deno.readDirSync(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* walk(url);
    else if (/\.(ts|js)$/.test(entry.name)) {
      yield { path: url.pathname.slice(ROOT.pathname.length), text: Deno.readTextFileSync(url) };
    }
  }
}

function importsOf(source: { path: string; text: string }): string[] {
  const found = withoutComments(source.text).matchAll(
    /^(?:import|export)\s+(?:type\s+)?(?:[\w*\s,]*(?:\{[^}]*\})?)\s*from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"|^import\s+"([^"]+)"/gm,
  );
  return [...found].map((match) => {
    const name = match[1] ?? match[2] ?? match[3];
    if (!name.startsWith(".")) return name;
    return new URL(name, new URL(source.path, ROOT)).pathname.slice(ROOT.pathname.length);
  });
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, "$1");
}

function packagesOf(folder: URL): string[] {
  try {
    return Object.keys(JSON.parse(Deno.readTextFileSync(new URL("packages.json", folder))));
  } catch {
    return [];
  }
}

const roomOf = (path: string) => /^lib\/([^/]+)\//.exec(path)?.[1];

Deno.test("every folder of lib/ has its place in the order", () => {
  const rooms = new Set(sources.map((source) => roomOf(source.path)).filter(Boolean));
  deepStrictEqual([...rooms].filter((room) => !ORDER.includes(room!)), []);
});

Deno.test("imports between folders of lib/ point one way", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    const from = roomOf(source.path);
    if (!from) continue;
    for (const imported of importsOf(source)) {
      const to = roomOf(imported);
      if (to && ORDER.indexOf(to) > ORDER.indexOf(from)) {
        wrong.push(`${source.path} -> ${imported}`);
      }
    }
  }
  deepStrictEqual(wrong, []);
});

Deno.test("functions import nothing but their own package and what its packages.json names", () => {
  const wrong: string[] = [];
  for (const source of sources.filter((source) => source.path.startsWith("function/"))) {
    const own = source.path.split("/").slice(0, 2).join("/") + "/";
    const packages = packagesOf(new URL(own, ROOT));
    for (const imported of importsOf(source)) {
      if (!imported.startsWith(own) && !packages.includes(imported)) {
        wrong.push(`${source.path} -> ${imported}`);
      }
    }
  }
  deepStrictEqual(wrong, []);
});

Deno.test("the protocol cores are pure", () => {
  const isReplica = (path: string) =>
    /^lib\/node\/(gossip|replica|roster_voter|(open|roster)_replica)\.ts$/.test(path);
  const cores = sources.filter(({ path }) =>
    isReplica(path) || /^lib\/(membership|election)\//.test(path)
  );
  ok(cores.filter(({ path }) => isReplica(path)).length === 5 && cores.length > 8);
  const wrong: string[] = [];
  for (const core of cores) {
    const room = `lib/${roomOf(core.path)}/`;
    for (const imported of importsOf(core)) {
      const allowed = isReplica(core.path)
        ? isReplica(imported) || /^lib\/(membership|election)\//.test(imported)
        : imported.startsWith(room);
      if (!allowed && !CORE_IMPORTS.some((pattern) => pattern.test(imported))) {
        wrong.push(`${core.path} imports ${imported}`);
      }
    }
    const impure = IMPURE.exec(withoutComments(core.text).replaceAll(/"[^"\n]*"|`[^`]*`/g, '""'));
    if (impure) wrong.push(`${core.path} uses ${impure[0]}`);
  }
  deepStrictEqual(wrong, []);
});

Deno.test("main.ts stays a composition", () => {
  const lines = Deno.readTextFileSync(new URL("main.ts", ROOT)).split("\n").length;
  ok(lines <= 80, `${lines} lines`);
});
