/**
 * The modules of a function: relative imports of files of its own package, npm packages that were put into it, and nothing else. TypeScript is stripped of its types
 * (lines and columns stay, so that errors point at the right place); JSON becomes a default export.
 */
import { transformSync } from "amaro";
import { fromUtf8 } from "../base/bytes.ts";
import { isPackageName, packagePath } from "../package/npm_packages.ts";
import { SOURCE_BYTES_MAX } from "./limits.ts";

/** Files by path, as a package has them. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** The module that a function begins with, in order of preference. */
const ENTRIES = ["app.ts", "app.js"];

/** The path of the function's first module, or `undefined` when the package has none that runs here. */
export function entryModule(files: Files): string | undefined {
  return ENTRIES.find((path) => files.has(path));
}

/**
 * What an imported path that is refused resolves to: this mark and the reason. The engine takes a resolver's error for an empty
 * module and goes on, a loader's not; so the loader is the one that throws.
 */
const REFUSED = "\x01";

/** The path of what a module imports, or a name that {@linkcode moduleSource} throws the reason of. */
export function resolveModule(files: Files, importer: string, specifier: string): string {
  const refuse = (why: string) => `${REFUSED}Cannot import "${specifier.slice(0, 200)}": ${why}`;
  if (isPackageName(specifier) && files.has(packagePath(specifier))) return packagePath(specifier);
  if (!/^\.\.?\//.test(specifier)) {
    return refuse("only relative imports of files of the package are allowed");
  }
  const parts = importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return refuse("it is outside of the package");
  }
  const path = parts.join("/");
  return files.has(path) ? path : refuse(`the package has no file "${path.slice(0, 200)}"`);
}

/** The JavaScript of a module. Throws an `Error` with a reason of one line. */
export function moduleSource(files: Files, path: string): string {
  if (path.startsWith(REFUSED)) throw new Error(path.slice(REFUSED.length));
  const refuse = (why: string) => new Error(`Cannot load "${path}": ${why}`);
  const bytes = files.get(path);
  if (!bytes) throw refuse("the package has no such file");
  if (bytes.length > SOURCE_BYTES_MAX) {
    throw refuse(`it has ${bytes.length} bytes; at most ${SOURCE_BYTES_MAX} are allowed`);
  }
  const text = fromUtf8(bytes);
  if (text === undefined) throw refuse("it is not UTF-8");
  if (text.includes("\0")) throw refuse("it holds a NUL character");
  if (path.endsWith(".js") || path.endsWith(".mjs")) return text;
  if (path.endsWith(".json")) return `export default JSON.parse(${JSON.stringify(text)});`;
  if (!path.endsWith(".ts")) throw refuse("modules end in .ts, .js, .mjs or .json");
  try {
    return transformSync(text, { mode: "strip-only" }).code;
  } catch (error) {
    const { message, startLine } = error as { message: string; startLine?: number };
    throw refuse(startLine ? `line ${startLine}: ${message}` : message);
  }
}
