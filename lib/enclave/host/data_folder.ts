/**
 * The data folder of one enclave host: plain files, so that a look with `ls` tells what is there, each written whole or not at all
 * (temporary file, fsync, rename, fsync of the folder). A marker file says that the folder is ours; a lock keeps a second host out.
 */
import { dirname } from "node:path";
import { FumataError, messageOf } from "../../base/errors.ts";
import { utf8 } from "../../base/bytes.ts";

const MARKER_FILE = "fumata-enclave.json";
const LOCK_FILE = "lock";
const FORMAT = 1;

/** What a write that broke off leaves behind; removed at the next start. */
const TEMPORARY_SUFFIX = ".tmp";

/** A locked folder. Paths are relative to it, with `/`. */
export class DataFolder implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  #isOpen = true;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Opens the folder, or makes it. Throws a {@linkcode FumataError} when it holds other things, belongs to another format, is in use
   * by another host, or cannot be written.
   */
  static open(path: string): DataFolder {
    const refuse = (what: string, cause?: unknown) =>
      new FumataError("failure", `Cannot use the data folder "${path}": ${what}`, { cause });
    let lock: Deno.FsFile | undefined;
    try {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
      const names = [...Deno.readDirSync(path)].map((entry) => entry.name);
      const foreign = names.filter((name) => name !== LOCK_FILE && !name.endsWith(".tmp"));
      if (foreign.length > 0 && !names.includes(MARKER_FILE)) {
        throw refuse(
          `it holds other files (${foreign[0]}, …) and no ${MARKER_FILE}; ` +
            "name an empty or a new folder with --data",
        );
      }
      lock = Deno.openSync(`${path}/${LOCK_FILE}`, { create: true, write: true, mode: 0o600 });
      if (!lock.tryLockSync(true)) {
        throw refuse(
          "another enclave host is running in it; stop that one or name another with --data",
        );
      }
      const folder = new DataFolder(path, lock);
      folder.#claim(names.includes(MARKER_FILE), refuse);
      return folder;
    } catch (thrown) {
      lock?.close();
      throw thrown instanceof FumataError
        ? thrown
        : refuse(`${diskWords(thrown)}; name another with --data`, thrown);
    }
  }

  /** The bytes of a file, or `undefined` when there is none. */
  read(name: string): Uint8Array<ArrayBuffer> | undefined {
    try {
      return Deno.readFileSync(`${this.path}/${name}`);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return undefined;
      throw this.#failure("read", name, thrown);
    }
  }

  /** Writes a file whole; it is on disk when this returns. Folders on the way are made. Without the lock nothing is written. */
  write(name: string, bytes: Uint8Array): void {
    if (!this.#isOpen) throw this.#failure("write", name, "the host has stopped");
    const path = `${this.path}/${name}`;
    const temporary = path + TEMPORARY_SUFFIX;
    try {
      Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      using file = Deno.openSync(temporary, {
        create: true,
        write: true,
        truncate: true,
        mode: 0o600,
      });
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
      Deno.renameSync(temporary, path);
      syncFolder(dirname(path));
    } catch (thrown) {
      try {
        Deno.removeSync(temporary);
      } catch { /* it may never have been made */ }
      throw this.#failure("write", name, thrown);
    }
  }

  /** Removes a file or a folder with all that is in it; nothing happens when there is none. */
  remove(name: string): void {
    try {
      Deno.removeSync(`${this.path}/${name}`, { recursive: true });
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw this.#failure("remove", name, thrown);
    }
  }

  /** Names inside a folder, sorted; none when there is no such folder. */
  list(name: string): string[] {
    try {
      return [...Deno.readDirSync(`${this.path}/${name}`)].map((entry) => entry.name).sort();
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return [];
      throw this.#failure("read", name, thrown);
    }
  }

  /** Gives the folder free for another host. */
  [Symbol.dispose](): void {
    this.#isOpen = false;
    this.#lock.close();
  }

  #claim(marked: boolean, refuse: (what: string) => FumataError): void {
    if (Deno.build.os !== "windows") Deno.chmodSync(this.path, 0o700);
    if (!marked) {
      this.write(MARKER_FILE, utf8(JSON.stringify({ kind: "enclave", format: FORMAT }) + "\n"));
      return;
    }
    const text = new TextDecoder().decode(this.read(MARKER_FILE));
    let format: unknown;
    try {
      format = JSON.parse(text).format;
    } catch {
      throw refuse(`its ${MARKER_FILE} is damaged`);
    }
    if (format !== FORMAT) {
      throw refuse(
        `its format is ${format}, this fumata writes ${FORMAT}; ` +
          "use the version that wrote it, or another folder with --data",
      );
    }
  }

  #failure(verb: string, name: string, cause: unknown): FumataError {
    const text = `Cannot ${verb} "${this.path}/${name}": ${diskWords(cause)}`;
    return new FumataError("failure", text, { cause });
  }
}

/** What the file system refused, in words. */
export function diskWords(thrown: unknown): string {
  const text = messageOf(thrown);
  if (/os error 28|ENOSPC|no space left/i.test(text)) return "the disk is full; make room";
  if (/os error 30|EROFS|read-only/i.test(text)) return "the disk is read-only";
  if (thrown instanceof Deno.errors.PermissionDenied) return "permission denied";
  return text;
}

/** Makes a rename durable. Windows has no such thing. */
function syncFolder(path: string): void {
  if (Deno.build.os === "windows") return;
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}
