/**
 * Reads a folder and packs it. Names that begin with a dot are left out (editors and version control put them there); links, devices
 * and the like are an error, because what they stand for differs from machine to machine. npm packages that the folder names are put in
 * (see `npm_packages.ts`).
 */
import { basename, resolve } from "node:path";
import { FumataError, messageOf } from "../base/errors.ts";
import { PACKAGE_LIMITS, type PackageLimits } from "./limits.ts";
import { withPackages } from "./npm_packages.ts";
import { type PackedFolder, packFiles } from "./pack.ts";
import { comparePaths } from "./paths.ts";

/** Folders inside folders, at most: far more than people nest, and few enough that a walk ends. */
const FOLDER_DEPTH_MAX = 64;

/**
 * Packs the folder at `path` under its own base name. Throws a {@linkcode FumataError} when it is no folder, cannot be read, or
 * holds what no package may hold.
 */
export async function packFolder(
  path: string,
  limits: PackageLimits = PACKAGE_LIMITS,
): Promise<PackedFolder> {
  const refuse = (what: string) => new FumataError("usage", `Cannot pack "${path}": ${what}`);
  const root = resolve(path);
  const files = new Map<string, Uint8Array>();
  let contentBytes = 0;

  const walk = async (folder: string, prefix: string, depth: number): Promise<void> => {
    if (depth > FOLDER_DEPTH_MAX) throw refuse(`folders are nested over ${FOLDER_DEPTH_MAX} deep`);
    const entries = (await Array.fromAsync(Deno.readDir(folder)))
      .filter((entry) => !entry.name.startsWith("."))
      .sort((a, b) => comparePaths(a.name, b.name));
    for (const entry of entries) {
      const [at, relative] = [`${folder}/${entry.name}`, `${prefix}${entry.name}`];
      if (entry.isSymlink) throw refuse(`"${relative}" is a link; put the file itself there`);
      if (entry.isDirectory) {
        await walk(at, `${relative}/`, depth + 1);
        continue;
      }
      if (!entry.isFile) throw refuse(`"${relative}" is neither a file nor a folder`);
      contentBytes += (await Deno.stat(at)).size;
      if (contentBytes > limits.contentBytesMax) {
        throw refuse(`it holds more than ${limits.contentBytesMax} bytes`);
      }
      if (files.size >= limits.filesMax) {
        throw refuse(`it holds more than ${limits.filesMax} files`);
      }
      files.set(relative, await Deno.readFile(at));
    }
  };

  try {
    if (!(await Deno.stat(root)).isDirectory) throw refuse("it is not a folder");
    await walk(root, "", 0);
  } catch (error) {
    if (error instanceof FumataError) throw error;
    if (error instanceof Deno.errors.NotFound) throw refuse("there is no such folder");
    throw refuse(messageOf(error));
  }
  const whole = await withPackages(files);
  if (typeof whole === "string") throw refuse(whole);
  return packFiles(basename(root), whole, limits);
}
