/**
 * Reports through Linux' one interface for confidential guests, configfs-tsm (Linux 6.7 and later, SEV-SNP and TDX): a folder per request
 * whose file `inblob` takes the 64 bytes to bind and whose `outblob` gives the report; `auxblob` the certificates of an SNP host.
 * Kernel documentation: `Documentation/ABI/testing/configfs-tsm-report`.
 *
 * The kernel counts every write in `generation`. Ours is one write; when the number rose by another amount, somebody else wrote into the
 * folder and the report may not be ours: start over.
 */
import { randomBytes } from "node:crypto";
import { hex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";

/** The few operations on the report folder. `entry` is the name of a request's folder. Errors are those of Deno. */
export interface TsmFolder {
  make(entry: string): Promise<void>;
  remove(entry: string): Promise<void>;
  /** In a single write. */
  write(entry: string, file: string, bytes: Uint8Array): Promise<void>;
  read(entry: string, file: string): Promise<Uint8Array>;
}

/** What the kernel answers. */
export interface TsmReport {
  /** `sev_guest` or `tdx_guest`. */
  readonly provider: string;
  readonly outblob: Uint8Array;
  /** Empty where there is none. */
  readonly auxblob: Uint8Array;
}

/** Where the kernel has the folder. */
const TSM_FOLDER = "/sys/kernel/config/tsm/report";

/** Bytes that a report binds. */
const INBLOB_BYTES = 64;
/** Tries before giving up; a busy device answers within some hundred ms. */
const ATTEMPTS_MAX = 10;
const BUSY_WAIT_MS = 100;

/** The folder of a running kernel, or another one of the same shape. */
export function tsmFolder(base: string = TSM_FOLDER): TsmFolder {
  return {
    make: (entry) => Deno.mkdir(`${base}/${entry}`),
    remove: (entry) => Deno.remove(`${base}/${entry}`),
    async write(entry, file, bytes) {
      using handle = await Deno.open(`${base}/${entry}/${file}`, { write: true });
      const written = await handle.write(bytes);
      if (written !== bytes.length) throw new Error(`only ${written} bytes were written`);
    },
    read: (entry, file) => Deno.readFile(`${base}/${entry}/${file}`),
  };
}

/** A report that binds 64 bytes. `wait` pauses between tries. Throws a `FumataError` when the device does not answer. */
export async function readTsmReport(
  folder: TsmFolder,
  reportData: Uint8Array,
  wait: (ms: number) => Promise<void>,
): Promise<TsmReport> {
  if (reportData.length !== INBLOB_BYTES) throw new Error("a report binds exactly 64 bytes");
  let problem = "";
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const outcome = await tryReport(folder, reportData);
    if (typeof outcome !== "string") return outcome;
    problem = outcome;
    await wait(BUSY_WAIT_MS * attempt);
  }
  throw deviceError(`${problem}, ${ATTEMPTS_MAX} times`);
}

/** The provider that the kernel names, or `undefined` when there is no such interface. */
export async function readTsmProvider(folder: TsmFolder): Promise<string | undefined> {
  const entry = entryName();
  try {
    await folder.make(entry);
  } catch {
    return undefined;
  }
  try {
    return textOf(await folder.read(entry, "provider"));
  } catch {
    return undefined;
  } finally {
    await folder.remove(entry).catch(() => {});
  }
}

/** One try in a folder of its own; a text says why it is worth another one. */
async function tryReport(folder: TsmFolder, reportData: Uint8Array): Promise<TsmReport | string> {
  const entry = entryName();
  try {
    await folder.make(entry);
  } catch (thrown) {
    throw deviceError(`the request cannot be made: ${messageOf(thrown)}`, thrown);
  }
  try {
    const before = await readGeneration(folder, entry);
    await folder.write(entry, "inblob", reportData);
    const outblob = await folder.read(entry, "outblob");
    const auxblob = await readOptional(folder, entry, "auxblob");
    const provider = textOf(await folder.read(entry, "provider"));
    const after = await readGeneration(folder, entry);
    if (after !== before + 1) return `the generation went from ${before} to ${after}`;
    if (outblob.length === 0) return "the report is empty";
    return { provider, outblob, auxblob };
  } catch (thrown) {
    if (thrown instanceof Deno.errors.Busy) return "the device is busy";
    if (thrown instanceof FumataError) throw thrown;
    throw deviceError(messageOf(thrown), thrown);
  } finally {
    // A folder that stays behind costs memory of the kernel, not correctness.
    await folder.remove(entry).catch(() => {});
  }
}

async function readGeneration(folder: TsmFolder, entry: string): Promise<number> {
  const text = textOf(await folder.read(entry, "generation"));
  if (!/^\d{1,15}$/.test(text)) throw deviceError(`the generation is "${text.slice(0, 20)}"`);
  return Number(text);
}

/** Providers without auxiliary data have no such file, or an empty one. */
async function readOptional(folder: TsmFolder, entry: string, file: string): Promise<Uint8Array> {
  try {
    return await folder.read(entry, file);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.Busy) throw thrown;
    return new Uint8Array(0);
  }
}

function entryName(): string {
  return `fumata-${hex(new Uint8Array(randomBytes(8)))}`;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim();
}

function deviceError(problem: string, cause?: unknown): FumataError {
  return new FumataError("failure", `Cannot get a report from configfs-tsm: ${problem}`, { cause });
}
