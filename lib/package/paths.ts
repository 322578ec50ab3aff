/**
 * Which paths a package may hold: relative, with `/` between the parts, the same on every system, and none that leads out of the
 * folder. One rule for packing and opening, so that what was packed always opens.
 */
import { utf8 } from "../base/bytes.ts";
import { PATH_BYTES_MAX } from "./limits.ts";

/** Why a text cannot be the path of a file inside a package, or `undefined` when it can. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "is empty";
  if (utf8(path).length > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`;
  if (path.startsWith("/")) return "is absolute";
  for (const part of path.split("/")) {
    const fault = partFault(part);
    if (fault) return fault;
  }
  return undefined;
}

/** Why a text cannot be the name of a file or folder, or `undefined` when it can. */
export function partFault(part: string): string | undefined {
  if (part === "") return "has an empty part";
  if (part === "." || part === "..") return `has a part "${part}"`;
  if (/^[A-Za-z]:$/.test(part)) return "has a drive letter";
  if (part.includes("\\")) return "has a backslash";
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\0-\x1f\x7f]/.test(part)) return "has a control character";
  return part.isWellFormed() ? undefined : "is not well-formed Unicode";
}

/** The order of files in a package: by UTF-16 code units, the same in every locale. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A path fit for a message: cut, and without control characters. */
export function shownPath(path: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is replaced
  const plain = path.replaceAll(/[\0-\x1f\x7f]/g, "?");
  return plain.length > 120 ? `${plain.slice(0, 120)}…` : plain;
}
