/**
 * The scratch folder of one session: files that a function writes for itself, in memory, gone when the session closes. It lies over the
 * package, whose files stay as they are: what the checksum covers cannot be changed, and nothing in scratch can be imported.
 */
import { pathFault, shownPath } from "../package/paths.ts";
import { utf8 } from "../base/bytes.ts";
import type { Files } from "./modules.ts";

/** Bounds of one folder. */
export interface ScratchLimits {
  /** Contents and paths together. */
  readonly scratchBytes: number;
  readonly scratchFiles: number;
}

/** One folder. Results that are texts say why something was not done, as the end of a sentence. */
export class ScratchFolder {
  readonly #package: Files;
  readonly #limits: ScratchLimits;
  readonly #files = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(packageFiles: Files, limits: ScratchLimits) {
    this.#package = packageFiles;
    this.#limits = limits;
  }

  /** A file of the folder, else of the package. */
  read(path: string): Uint8Array | undefined {
    return this.#files.get(path) ?? this.#package.get(path);
  }

  /** Writes a file whole; the bytes are kept as they are, not copied. */
  write(path: string, bytes: Uint8Array): string | undefined {
    const fault = pathFault(path);
    if (fault) return `the path ${fault}`;
    if (this.#package.has(path)) return "it is a file of the package, which is read-only";
    const { scratchBytes, scratchFiles } = this.#limits;
    const before = this.#files.get(path);
    if (!before && this.#files.size >= scratchFiles) {
      return `the scratch folder holds ${scratchFiles} files already`;
    }
    const after = this.#bytes - sizeOf(path, before) + sizeOf(path, bytes);
    if (after > scratchBytes) return `the scratch folder has room for ${scratchBytes} bytes`;
    this.#files.set(path, bytes);
    this.#bytes = after;
    return undefined;
  }

  /** Removes a file of the folder. */
  remove(path: string): string | undefined {
    const before = this.#files.get(path);
    if (!before) {
      return this.#package.has(path)
        ? "it is a file of the package, which is read-only"
        : `there is no file "${shownPath(path)}"`;
    }
    this.#files.delete(path);
    this.#bytes -= sizeOf(path, before);
    return undefined;
  }

  /** The paths of all files, the package's too, sorted. */
  list(): string[] {
    return [...this.#package.keys(), ...this.#files.keys()].sort();
  }
}

function sizeOf(path: string, bytes: Uint8Array | undefined): number {
  return bytes ? utf8(path).length + bytes.length : 0;
}
