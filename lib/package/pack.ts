/**
 * Packs files into the zip whose SHA-256 is the function checksum. The same files give the same bytes on every machine: sorted
 * paths, one fixed time, one fixed mode, stored without compression (a compressor's output changes with its version).
 *
 * The format is APPNOTE.TXT 6.3 without extensions; paths are `<folder>/<path>`, as the wire protocol wants them.
 */
import { zipSync } from "fflate";
import { FumataError } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import { PACKAGE_LIMITS, type PackageLimits } from "./limits.ts";
import { comparePaths, partFault, pathFault, shownPath } from "./paths.ts";

/** A packed folder. */
export interface PackedFolder {
  readonly zip: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the zip, 32 bytes. */
  readonly checksum: Uint8Array<ArrayBuffer>;
  /** The name of the root folder in the zip. */
  readonly folder: string;
}

/** Noon, so that no time zone with a change of clocks at midnight moves it: the zip holds local fields, and these are the same. */
const ENTRY_TIME = new Date(1980, 0, 1, 12, 0, 0);

/** `os` 3 is Unix, whose attributes are the mode in the upper half: a plain file, rw-r--r--. */
const ENTRY_ATTRIBUTES = { os: 3, attrs: (0o100644 << 16) >>> 0 };

/**
 * Packs files under one root folder. Paths are relative to it. Throws a {@linkcode FumataError} for a path that no package
 * may hold, for two paths that cannot be on one disk, for no files, and for more than the limits allow.
 */
export function packFiles(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  limits: PackageLimits = PACKAGE_LIMITS,
): PackedFolder {
  const refuse = (what: string) => {
    throw new FumataError("usage", `Cannot pack "${shownPath(folder)}": ${what}`);
  };
  const folderFault = partFault(folder);
  if (folderFault) refuse(`the folder's name ${folderFault}`);
  if (files.size === 0) {
    refuse("it holds no files; a package wants at least app.ts, app.js or app.py");
  }
  if (files.size > limits.filesMax) {
    refuse(`it holds ${files.size} files; at most ${limits.filesMax} are allowed`);
  }
  const contentBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  if (contentBytes > limits.contentBytesMax) {
    refuse(`it holds ${contentBytes} bytes; at most ${limits.contentBytesMax} are allowed`);
  }
  const entries: Record<string, [Uint8Array, typeof ENTRY_ATTRIBUTES]> = {};
  for (const path of [...files.keys()].sort(comparePaths)) {
    const fault = pathFault(`${folder}/${path}`);
    if (fault) refuse(`the path "${shownPath(path)}" ${fault}`);
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
      if (files.has(path.slice(0, cut))) {
        refuse(`"${shownPath(path.slice(0, cut))}" is both a file and a folder`);
      }
    }
    entries[`${folder}/${path}`] = [files.get(path)!, ENTRY_ATTRIBUTES];
  }
  const zip = new Uint8Array(zipSync(entries, { level: 0, mtime: ENTRY_TIME }));
  return { zip, checksum: sha256(zip), folder };
}
