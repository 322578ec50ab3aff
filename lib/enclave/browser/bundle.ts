/**
 * Makes one script of a module and all that it imports: our own TypeScript, stripped of its types, and the npm packages behind it.
 *
 * Why here and not by a bundler: the page has to be in the executable, to work without network, and to be the code of this very
 * checkout, without generated files in the repository. Sources and packages are inside the executable anyway, and the modules in question are
 * plain: each begins its imports and exports at the start of a line. So linking is putting each module into a function of its own, in the order
 * of imports. Whatever this linker does not know (cycles, `export let`, modules of Node) is an error and never a guess; the tests
 * bundle the real page, so such an error cannot reach a release.
 */
import { createRequire } from "node:module";
import { assert } from "../../base/errors.ts";

/** A module, linked. */
interface LinkedModule {
  /** The constant that holds what it exports. */
  readonly name: string;
  readonly code: string;
}

/** One thing that a module exports: its name outside, and what it is inside. */
type Exports = Map<string, string>;

/**
 * The script for a module, to be loaded as `type="module"`; its default export is an object of what the module exports. Throws when something
 * cannot be linked.
 */
export async function bundle(entry: URL): Promise<string> {
  // Only here, for its WebAssembly is some 20 MiB of a node that nobody may ever look at.
  const { transformSync } = await import("amaro");
  const linked = new Map<string, LinkedModule>();
  const open = new Set<string>();

  const link = async (url: URL, isOurs: boolean): Promise<string> => {
    const known = linked.get(url.href);
    if (known) return known.name;
    assert(!open.has(url.href), `a cycle of imports goes through ${url}`);
    open.add(url.href);
    const text = await Deno.readTextFile(url);
    const source = url.pathname.endsWith(".ts")
      ? transformSync(text, { mode: "transform" }).code
      : text;
    const parts = await linkModule(source, url, async (specifier) => {
      const target = resolve(specifier, url, isOurs);
      return await link(target.url, target.isOurs);
    });
    open.delete(url.href);
    const name = `module${linked.size}`;
    linked.set(url.href, { name, code: `const ${name} = (() => {\n${parts}\n})();` });
    return name;
  };

  const name = await link(entry, true);
  return [...[...linked.values()].map(({ code }) => code), `export default ${name};`].join("\n");
}

const IMPORT =
  /^import\s+(?:([\w$]+)\s*,?\s*)?(?:\{([^}]*)\}\s*|\*\s*as\s+([\w$]+)\s*)?from\s*["']([^"']+)["'][ \t]*;?/gm;
const EXPORT_FROM =
  /^export\s*(?:\{([^}]*)\}|\*(?:\s*as\s+([\w$]+))?)\s*from\s*["']([^"']+)["'][ \t]*;?/gm;
const EXPORT_LIST = /^export\s*\{([^}]*)\}[ \t]*;?/gm;
const EXPORT_DECLARATION = /^export\s+((?:async\s+)?function\s*\*?|class|const)\s+([\w$]+)/gm;
const EXPORT_DEFAULT = /^export\s+default\s+/gm;

/** The body of the function that a module becomes. */
async function linkModule(
  source: string,
  url: URL,
  link: (specifier: string) => Promise<string>,
): Promise<string> {
  const names = new Map<string, string>();
  for (const match of source.matchAll(IMPORT)) names.set(match[4], await link(match[4]));
  for (const match of source.matchAll(EXPORT_FROM)) names.set(match[3], await link(match[3]));
  const exported: Exports = new Map();
  const everything: string[] = [];

  const code = source
    .replaceAll(IMPORT, (_all, main, list, namespace, specifier) => {
      const from = names.get(specifier)!;
      const wanted = [...listed(list), ...(main ? [["default", main]] : [])]
        .map(([outside, inside]) => outside === inside ? inside : `${outside}: ${inside}`);
      return (wanted.length > 0 ? `const { ${wanted.join(", ")} } = ${from};` : "") +
        (namespace ? `const ${namespace} = ${from};` : "");
    })
    .replaceAll(EXPORT_FROM, (_all, list, namespace, specifier) => {
      const from = names.get(specifier)!;
      for (const [inside, outside] of listed(list)) exported.set(outside, `${from}.${inside}`);
      if (namespace) exported.set(namespace, from);
      else if (list === undefined) everything.push(from);
      return "";
    })
    .replaceAll(EXPORT_LIST, (_all, list) => {
      for (const [inside, outside] of listed(list)) exported.set(outside, inside);
      return "";
    })
    .replaceAll(EXPORT_DECLARATION, (_all, kind, name) => {
      exported.set(name, name);
      return `${kind} ${name}`;
    })
    .replaceAll(EXPORT_DEFAULT, () => {
      exported.set("default", "defaultExport");
      return "const defaultExport = ";
    });
  const left = /^(?:import|export)\b(?!\s*\().*/m.exec(code);
  assert(!left, `${url.pathname} cannot be linked: ${left?.[0].slice(0, 80)}`);
  return `${code}\n${exportsText(exported, everything)}`;
}

/** Getters, so that a function which is assigned later is the latest one. */
function exportsText(exported: Exports, everything: readonly string[]): string {
  const own = [...exported].map(([outside, inside]) => `get ${outside}() { return ${inside}; }`);
  const all = everything.map((from) => `...${from}`);
  return `return { ${[...all, ...own].join(", ")} };`;
}

/** The pairs of `a, b as c`: name before and after `as`. */
function listed(list: string | undefined): string[][] {
  return (list ?? "").replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, "").split(",")
    .map((item) => item.trim()).filter((item) => item !== "")
    .map((item) => {
      const [before, after = before] = item.split(/\s+as\s+/);
      return [before, after];
    });
}

function resolve(specifier: string, from: URL, isOurs: boolean): { url: URL; isOurs: boolean } {
  assert(!specifier.startsWith("node:"), `${from.pathname} imports ${specifier}`);
  if (specifier.startsWith(".")) return { url: new URL(specifier, from), isOurs };
  // The import map is ours; inside a package its own dependencies count.
  const url = isOurs ? new URL(import.meta.resolve(specifier)) : packageEntry(specifier, from);
  assert(url.protocol === "file:", `${specifier} is not in the cache of packages`);
  return { url, isOurs: false };
}

/** The ES module that a package gives for its name; asked by a file of another package. */
function packageEntry(name: string, from: URL): URL {
  const found = createRequire(from).resolve(name);
  assert(found.startsWith("/") || /^[a-z]:\\/i.test(found), `${from.pathname} imports ${name}`);
  for (let at = pathUrl(found); at.pathname !== "/"; at = new URL(isFolder(at) ? ".." : ".", at)) {
    const description = isFolder(at) ? readJson(new URL("package.json", at)) : undefined;
    // Folders inside a package may have a package.json that only says of what type their files are.
    if (description?.name !== name) continue;
    const entry = description.exports?.["."]?.import;
    assert(typeof entry === "string", `${name} has no ES module`);
    return new URL(entry, at);
  }
  throw new Error(`Broken invariant: ${name} has no package.json`);
}

function isFolder(url: URL): boolean {
  return url.pathname.endsWith("/");
}

// deno-lint-ignore no-explicit-any -- descriptions of packages have no one type
function readJson(url: URL): any {
  try {
    return JSON.parse(Deno.readTextFileSync(url));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

function pathUrl(path: string): URL {
  return new URL(`file://${path.startsWith("/") ? "" : "/"}${path.replaceAll("\\", "/")}`);
}
