/**
 * npm packages inside function packages. A function's folder may have a `packages.json` that names packages and, for each, its one file
 * that is to be had:
 *
 * ```json
 * { "geographiclib-geodesic": "geographiclib-geodesic.js" }
 * ```
 *
 * When the folder is packed, each becomes `packages/<name>.js`, and the sandbox finds it there when the function imports it by its
 * name. So the checksum covers the library, the repository does not hold a copy, and types and tests see the package itself.
 *
 * Only packages that this program itself carries can be named (`import.meta.resolve` finds them in the cache, or inside the executable):
 * their versions and hashes are those of its lockfile, and packing needs no network. Only packages of one file: everything else wants a
 * bundler, whose output people put into the folder themselves.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";

/** The file of a folder that names packages. */
export const PACKAGES_FILE = "packages.json";

const PACKAGES_MAX = 16;

/** Where the sandbox looks for a package that a module imports by its name. */
export function packagePath(name: string): string {
  return `packages/${name}.js`;
}

/** Whether a text can be the name of an npm package. */
export function isPackageName(text: string): boolean {
  return /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/.test(text) && text.length <= 214;
}

/** The files, and with them the packages that they name; or why one is not to be had, as the end of a sentence. */
export async function withPackages(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array> | string> {
  const list = files.get(PACKAGES_FILE);
  if (!list) return files;
  const wanted = parseList(list);
  if (typeof wanted === "string") return `its ${PACKAGES_FILE} ${wanted}`;
  const whole = new Map(files);
  for (const [name, file] of wanted) {
    const path = packagePath(name);
    if (files.has(path)) {
      return `it has a ${path} of its own beside the one that packages.json names`;
    }
    const source = await readPackage(name, file);
    if ("fault" in source) {
      return `the package "${name}" that its packages.json names ${source.fault}`;
    }
    whole.set(path, utf8(source.text));
  }
  return whole;
}

function parseList(bytes: Uint8Array): [string, string][] | string {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes) ?? "");
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "is not a JSON object of names and files";
  }
  const entries = Object.entries(value);
  if (entries.length > PACKAGES_MAX) return `names more than ${PACKAGES_MAX} packages`;
  for (const [name, file] of entries) {
    if (!isPackageName(name)) return `has "${name.slice(0, 80)}", which is no name of a package`;
    if (typeof file !== "string" || !/^[\w-]+(\.[\w-]+)*(\/[\w-]+(\.[\w-]+)*)*\.c?js$/.test(file)) {
      return `does not name a .js file for "${name}"`;
    }
  }
  return entries;
}

async function readPackage(
  name: string,
  file: string,
): Promise<{ readonly text: string } | { readonly fault: string }> {
  const folder = await packageFolder(name);
  if (!folder) {
    return { fault: "is not one that this program carries; put its code into the folder instead" };
  }
  try {
    const { version } = JSON.parse(await Deno.readTextFile(new URL("package.json", folder)));
    const source = await Deno.readTextFile(new URL(file, folder));
    const usesOthers = /^\s*(import|export)\b|\brequire\s*\(/m.test(withoutComments(source));
    if (usesOthers) return { fault: `has a file ${file} that is not CommonJS of one file` };
    return { text: asModule(name, version, file, source) };
  } catch (thrown) {
    return { fault: `cannot be read: ${messageOf(thrown)}` };
  }
}

/** The folder of a package: the one of `package.json` above the file that an import of it would load. */
async function packageFolder(name: string): Promise<URL | undefined> {
  let at: URL;
  try {
    at = new URL(import.meta.resolve(name));
  } catch {
    return undefined;
  }
  while (at.protocol === "file:" && at.pathname !== "/") {
    at = new URL(at.pathname.endsWith("/") ? ".." : ".", at);
    try {
      await Deno.lstat(new URL("package.json", at));
      return at;
    } catch { /* further up */ }
  }
}

/** A CommonJS file as a module whose default export is what it exports. */
function asModule(name: string, version: string, file: string, source: string): string {
  return `// ${file} of the npm package ${name} ${version}, made a module when this function was packed.\n` +
    "const module = { exports: {} };\nconst exports = module.exports;\n" +
    `${source}\nexport default module.exports;\n`;
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}
