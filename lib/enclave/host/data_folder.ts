/**
 * The data folder of one enclave host: plain files, so that a look with `ls` tells what is there, each written whole or not at all
 * (temporary file, fsync, rename, fsync of the folder). A marker file says that the folder is ours; a lock keeps a second host out.
 */
import { dirname } from "node:path";
import { FumataError, messageOf } from "../../base/errors.ts";
import { utf8 } from "../../base/bytes.ts";
import { type Disk, machineDisk } from "./disk.ts";

const MARKER_FILE = "fumata-enclave.json";
const LOCK_FILE = "lock";
/** 1 had packages and tokens in the clear. */
const FORMAT = 2;

/** What a write that broke off leaves behind; removed at the next start. */
const TEMPORARY_SUFFIX = ".tmp";

/** Folders in which this host writes. */
const OWN_FOLDERS = /^(keys|functions(\/[^/]+(\/)?)?)$/;

/** Where entries go that do not open. */
const SET_ASIDE_FOLDER = "set-aside";

/** A locked folder. Paths are relative to it, with `/`. */
export class DataFolder implements Disposable {
  readonly path: string;
  readonly #lock: Deno.FsFile;
  readonly #disk: Disk;
  #isOpen = true;

  private constructor(path: string, lock: Deno.FsFile, disk: Disk) {
    this.path = path;
    this.#lock = lock;
    this.#disk = disk;
  }

  /**
   * Opens the folder, or makes it. Throws a {@linkcode FumataError} when it holds other things, belongs to another format, is in use
   * by another host, or cannot be written.
   */
  static open(path: string, disk: Disk = machineDisk): DataFolder {
    const refuse = (what: string, cause?: unknown) =>
      new FumataError("failure", `Cannot use the data folder "${path}": ${what}`, { cause });
    let lock: Deno.FsFile | undefined;
    try {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
      const names = [...Deno.readDirSync(path)].map((entry) => entry.name);
      const foreign = names.filter((name) =>
        name !== LOCK_FILE && !name.endsWith(TEMPORARY_SUFFIX)
      );
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
      const folder = new DataFolder(path, lock, disk);
      folder.#claim(names.includes(MARKER_FILE), refuse);
      folder.#removeTemporary("");
      return folder;
    } catch (thrown) {
      if (lock) letGo(lock);
      throw thrown instanceof FumataError
        ? thrown
        : refuse(`${diskWords(thrown)}; name another with --data`, thrown);
    }
  }

  /** The bytes of a file, or `undefined` when there is none. */
  read(name: string): Uint8Array<ArrayBuffer> | undefined {
    try {
      return this.#disk.read(`${this.path}/${name}`);
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
      this.#makeFolders(dirname(name));
      this.#disk.write(temporary, bytes);
      this.#disk.sync(temporary);
      this.#disk.rename(temporary, path);
      this.#disk.sync(dirname(path));
    } catch (thrown) {
      try {
        this.#disk.remove(temporary);
      } catch { /* it may never have been made */ }
      throw this.#failure("write", name, thrown);
    }
  }

  /** Removes a file or a folder with all that is in it; nothing happens when there is none. */
  remove(name: string): void {
    try {
      this.#disk.remove(`${this.path}/${name}`);
      this.#disk.sync(dirname(`${this.path}/${name}`));
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw this.#failure("remove", name, thrown);
    }
  }

  /** Names inside a folder, sorted; none when there is no such folder. */
  list(name: string): string[] {
    try {
      return this.#disk.list(`${this.path}/${name}`).map((entry) => entry.name);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return [];
      throw this.#failure("read", name, thrown);
    }
  }

  /** Whether there is such a file or folder. */
  has(name: string): boolean {
    const [, folder, base] = /^(.*?)\/?([^/]*)$/.exec(name)!;
    return this.list(folder).includes(base);
  }

  /** Moves a file or folder out of the way; gives its new path. */
  setAside(name: string): string {
    const base = `${SET_ASIDE_FOLDER}/${name.replaceAll("/", "_")}`;
    let to = base;
    for (let i = 2; this.has(to); i++) to = `${base}.${i}`;
    try {
      this.#makeFolders(SET_ASIDE_FOLDER);
      this.#disk.rename(`${this.path}/${name}`, `${this.path}/${to}`);
      this.#disk.sync(`${this.path}/${SET_ASIDE_FOLDER}`);
      this.#disk.sync(dirname(`${this.path}/${name}`));
    } catch (thrown) {
      throw this.#failure("set aside", name, thrown);
    }
    return to;
  }

  /** Gives the folder free for another host. */
  [Symbol.dispose](): void {
    this.#isOpen = false;
    letGo(this.#lock);
  }

  /** Makes the folders of a path that are not there; each is on disk when this returns. */
  #makeFolders(name: string): void {
    if (name === "." || this.has(name)) return;
    this.#makeFolders(dirname(name));
    this.#disk.makeFolder(`${this.path}/${name}`);
    this.#disk.sync(dirname(`${this.path}/${name}`));
  }

  /** Removes what writes that broke off have left, in the folder and those that it is made of. */
  #removeTemporary(folder: string): void {
    for (const { name, isFolder } of this.#disk.list(`${this.path}/${folder}`)) {
      if (isFolder && OWN_FOLDERS.test(`${folder}${name}`)) {
        this.#removeTemporary(`${folder}${name}/`);
      } else if (!isFolder && name.endsWith(TEMPORARY_SUFFIX)) {
        this.#disk.remove(`${this.path}/${folder}${name}`);
      }
    }
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

/**
 * Unlocks and closes. To close alone would not do: a child that another thread is just starting shares the open file until it has become
 * another program, and the lock would last as long.
 */
function letGo(lock: Deno.FsFile): void {
  lock.unlockSync();
  lock.close();
}
