/**
 * Opens a package of unknown origin. The zip is a stranger's, so that nothing in it is believed: sizes are bounded before they
 * are allocated and held to while inflating (bombs), entries may not overlap (Fifield, "A better zip bomb", 2019) or disagree with
 * their local headers, paths may not lead out of the folder, and every checksum is checked.
 *
 * Own reader of the central directory (APPNOTE.TXT 6.3, section 4.3) because the library's is lenient on purpose; the library
 * inflates. Not supported, hence refused: encryption, zip64, several disks, methods other than stored and deflated.
 */
import { Inflate } from "fflate";
import { crc32 } from "node:zlib";
import { concat, fromUtf8 } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { PACKAGE_LIMITS, type PackageLimits } from "./limits.ts";
import { pathFault, shownPath } from "./paths.ts";
import type { FunctionPackage } from "./types.ts";

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END_COMMENT_BYTES_MAX = 0xffff;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const FLAG_ENCRYPTED = 1;
const METHOD_STORED = 0;
const METHOD_DEFLATED = 8;
const UNIX_TYPE_MASK = 0o170000;
const UNIX_FILE = 0o100000;
const UNIX_FOLDER = 0o040000;

/** Compressed bytes that are inflated at once: at deflate's best ratio of 1032 this makes 8 MiB before a bomb is noticed. */
const INFLATE_STEP_BYTES = 8192;

/** Opens a zip, or says in one line why it is no package. Never throws. */
export function openPackage(
  zip: Uint8Array,
  limits: PackageLimits = PACKAGE_LIMITS,
): FunctionPackage | string {
  if (zip.length > limits.zipBytesMax) {
    return `the zip has ${zip.length} bytes; at most ${limits.zipBytesMax} are allowed`;
  }
  const directory = readDirectory(zip, limits);
  if (typeof directory === "string") return directory;
  const { entries } = directory;
  const layout = checkLayout(zip, entries, directory.start);
  if (typeof layout === "string") return layout;
  const folder = checkPaths(entries);
  if (typeof folder !== "object") return folder;
  const files = new Map<string, Uint8Array>();
  for (const entry of entries) {
    if (entry.path.endsWith("/")) continue;
    const bytes = extract(zip, entry, layout.get(entry)!);
    if (typeof bytes === "string") return `"${shownPath(entry.path)}" ${bytes}`;
    files.set(entry.path.slice(folder.name.length + 1), bytes);
  }
  if (files.size === 0) return "the zip holds no files";
  return { checksum: sha256(zip), folder: folder.name, files };
}

/** What the central directory says of one file or folder. */
interface Entry {
  readonly path: string;
  readonly pathBytes: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly plainBytes: number;
  readonly headerAt: number;
}

function readDirectory(
  zip: Uint8Array,
  limits: PackageLimits,
): { readonly entries: readonly Entry[]; readonly start: number } | string {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = findEnd(view);
  if (end === undefined) return "the bytes are no zip: there is no end of central directory";
  const [disk, startDisk] = [view.getUint16(end + 4, true), view.getUint16(end + 6, true)];
  const [countHere, count] = [view.getUint16(end + 8, true), view.getUint16(end + 10, true)];
  const [bytes, start] = [view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  if (disk !== 0 || startDisk !== 0 || countHere !== count) return "the zip spans several disks";
  if (count === 0xffff || bytes === 0xffffffff || start === 0xffffffff) return "the zip is a zip64";
  if (count > 2 * limits.filesMax) return `the zip lists ${count} entries; too many`;
  if (start + bytes !== end) return "the central directory does not end where it should";
  const entries: Entry[] = [];
  let at = start;
  let plainBytes = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(zip, view, at, end);
    if (typeof entry === "string") return entry;
    plainBytes += entry.plainBytes;
    if (plainBytes > limits.contentBytesMax) {
      return `the zip holds more than ${limits.contentBytesMax} bytes`;
    }
    entries.push(entry);
    at += CENTRAL_BYTES + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
  }
  if (at !== end) return "the central directory holds more than it counts";
  const files = entries.filter((entry) => !entry.path.endsWith("/")).length;
  if (files > limits.filesMax) {
    return `the zip holds ${files} files; at most ${limits.filesMax} are allowed`;
  }
  return { entries, start };
}

/** The end record is the last thing in the file but for its comment. */
function findEnd(view: DataView): number | undefined {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - END_COMMENT_BYTES_MAX); at--) {
    if (
      view.getUint32(at, true) === END_SIGNATURE && view.getUint16(at + 20, true) === last - at
    ) return at;
  }
  return undefined;
}

function readEntry(zip: Uint8Array, view: DataView, at: number, end: number): Entry | string {
  if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
    return "the central directory is broken";
  }
  const pathLength = view.getUint16(at + 28, true);
  if (
    at + CENTRAL_BYTES + pathLength + view.getUint16(at + 30, true) +
        view.getUint16(at + 32, true) > end
  ) return "the central directory is cut short";
  const pathBytes = zip.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + pathLength);
  const path = fromUtf8(pathBytes);
  if (path === undefined || path.startsWith("\ufeff")) {
    return "the zip has a path that is not UTF-8";
  }
  const entry: Entry = {
    path,
    pathBytes,
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packedBytes: view.getUint32(at + 20, true),
    plainBytes: view.getUint32(at + 24, true),
    headerAt: view.getUint32(at + 42, true),
  };
  const fault = entryFault(entry, view.getUint16(at + 8, true), view, at);
  return fault ? `"${shownPath(path)}" ${fault}` : entry;
}

function entryFault(entry: Entry, flags: number, view: DataView, at: number): string | undefined {
  if (flags & FLAG_ENCRYPTED) return "is encrypted";
  if (entry.method !== METHOD_STORED && entry.method !== METHOD_DEFLATED) {
    return `is packed by method ${entry.method}; stored (0) or deflated (8) is wanted`;
  }
  if (entry.method === METHOD_STORED && entry.packedBytes !== entry.plainBytes) {
    return "is stored but has two sizes";
  }
  const madeOnUnix = view.getUint8(at + 5) === 3;
  const type = madeOnUnix ? view.getUint16(at + 40, true) & UNIX_TYPE_MASK : 0;
  if (type !== 0 && type !== UNIX_FILE && type !== UNIX_FOLDER) {
    return "is a link or a device; only files and folders are wanted";
  }
  if (entry.path.endsWith("/") && entry.plainBytes !== 0) return "is a folder with content";
  return undefined;
}

/** Where each entry's data begins. Entries must agree with their local headers and lie one after the other without overlap. */
function checkLayout(
  zip: Uint8Array,
  entries: readonly Entry[],
  directoryAt: number,
): Map<Entry, number> | string {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const dataAt = new Map<Entry, number>();
  let free = 0;
  for (const entry of [...entries].sort((a, b) => a.headerAt - b.headerAt)) {
    const at = entry.headerAt;
    const name = `"${shownPath(entry.path)}"`;
    if (at < free) return `${name} overlaps another entry`;
    if (at + LOCAL_BYTES > directoryAt || view.getUint32(at, true) !== LOCAL_SIGNATURE) {
      return `${name} has no local header`;
    }
    const pathLength = view.getUint16(at + 26, true);
    const localPath = zip.subarray(at + LOCAL_BYTES, at + LOCAL_BYTES + pathLength);
    if (
      pathLength !== entry.pathBytes.length || localPath.length !== pathLength ||
      !localPath.every((byte, i) => byte === entry.pathBytes[i])
    ) return `${name} has another path in its local header`;
    if (view.getUint16(at + 8, true) !== entry.method) {
      return `${name} has another method in its local header`;
    }
    const data = at + LOCAL_BYTES + pathLength + view.getUint16(at + 28, true);
    free = data + entry.packedBytes;
    if (free > directoryAt) return `${name} is cut short`;
    dataAt.set(entry, data);
  }
  return dataAt;
}

/** The one root folder; every path must be inside it, and none twice. */
function checkPaths(entries: readonly Entry[]): { name: string } | string {
  const files = new Set<string>();
  const folders = new Set<string>();
  let root: string | undefined;
  for (const { path } of entries) {
    const isFolder = path.endsWith("/");
    const bare = isFolder ? path.slice(0, -1) : path;
    const fault = pathFault(bare);
    if (fault) return `the path "${shownPath(path)}" ${fault}`;
    const first = bare.split("/", 1)[0];
    root ??= first;
    if (first !== root || (bare === first && !isFolder)) {
      return `"${shownPath(path)}" is outside of the one root folder that a package has`;
    }
    if (files.has(bare) || (isFolder && folders.has(path))) {
      return `the path "${shownPath(path)}" is there twice`;
    }
    if (isFolder) folders.add(path);
    else files.add(bare);
  }
  if (root === undefined) return "the zip holds no files";
  for (const path of [...files, ...folders]) {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
      if (files.has(path.slice(0, cut))) {
        return `"${shownPath(path.slice(0, cut))}" is both a file and a folder`;
      }
    }
  }
  return { name: root };
}

/** The bytes of a file, or what is wrong with it. */
function extract(zip: Uint8Array, entry: Entry, dataAt: number): Uint8Array | string {
  const packed = zip.subarray(dataAt, dataAt + entry.packedBytes);
  const plain = entry.method === METHOD_STORED ? packed.slice() : inflate(packed, entry.plainBytes);
  if (!plain || plain.length !== entry.plainBytes) return "does not unpack to its declared size";
  return crc32(plain) === entry.crc ? plain : "has a wrong checksum";
}

/** Inflates to at most `bytesMax`, or gives `undefined`. */
function inflate(packed: Uint8Array, bytesMax: number): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const inflater = new Inflate((part) => {
    bytes += part.length;
    if (bytes <= bytesMax) parts.push(part.slice());
  });
  try {
    for (let at = 0; at < packed.length && bytes <= bytesMax; at += INFLATE_STEP_BYTES) {
      const step = packed.subarray(at, at + INFLATE_STEP_BYTES);
      inflater.push(step, at + step.length >= packed.length);
    }
  } catch {
    return undefined;
  }
  return bytes <= bytesMax ? concat(...parts) : undefined;
}
