/**
 * The steps on a disk of which every write of a host is made, each of them whole or not at all for everybody who looks while the machine runs,
 * and in doubt after a power cut until a sync. Tests put another disk here that dies between any two steps.
 */

/** One step each. Paths are absolute or relative to the working folder; errors are those of Deno. */
export interface Disk {
  /** The bytes; throws `NotFound` when there is no such file. */
  read(path: string): Uint8Array<ArrayBuffer>;
  /** Creates or empties a file of mode 0600 and writes the bytes; they may be lost or cut until `sync`. */
  write(path: string, bytes: Uint8Array): void;
  /** Makes the content of a file or the names in a folder durable. */
  sync(path: string): void;
  rename(from: string, to: string): void;
  /** Removes a file, or a folder with all that is in it in any order. */
  remove(path: string): void;
  /** Makes a folder of mode 0700 and those above it. */
  makeFolder(path: string): void;
  /** Names and kinds of what is in a folder, sorted by name. */
  list(path: string): { readonly name: string; readonly isFolder: boolean }[];
}

/** The disk of this machine. */
export const machineDisk: Disk = {
  read: (path) => Deno.readFileSync(path),
  write(path, bytes) {
    using file = Deno.openSync(path, { create: true, write: true, truncate: true, mode: 0o600 });
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  },
  sync(path) {
    // Windows knows no sync of folders, and no sync through a handle that only reads.
    if (Deno.build.os === "windows") return;
    using file = Deno.openSync(path, { read: true });
    file.syncSync();
  },
  rename: (from, to) => Deno.renameSync(from, to),
  remove: (path) => Deno.removeSync(path, { recursive: true }),
  makeFolder: (path) => Deno.mkdirSync(path, { recursive: true, mode: 0o700 }),
  list: (path) =>
    [...Deno.readDirSync(path)]
      .map(({ name, isDirectory }) => ({ name, isFolder: isDirectory }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
};
