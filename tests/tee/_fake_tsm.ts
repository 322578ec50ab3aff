/** A configfs-tsm report folder in memory, as the kernel has it, with its troubles on demand. */
import type { TsmFolder } from "../../lib/tee/configfs_tsm.ts";

/** How the fake behaves. */
export interface FakeTsmOptions {
  readonly provider: string;
  /** The report for 64 bytes. */
  readonly report: (reportData: Uint8Array) => Uint8Array;
  readonly auxblob?: Uint8Array;
  /** How many reads of the report are answered with EBUSY first. */
  readonly busyReads?: number;
  /** In how many requests somebody else writes too. */
  readonly foreignWrites?: number;
  /** An error instead of a report. */
  readonly broken?: Error;
}

/** The folder, and what happened in it. */
export interface FakeTsm extends TsmFolder {
  /** Requests that were made and not removed. */
  readonly entries: ReadonlyMap<string, unknown>;
  readonly made: readonly string[];
}

interface Entry {
  generation: number;
  inblob?: Uint8Array;
}

/** A fake kernel. */
export function fakeTsm(options: FakeTsmOptions): FakeTsm {
  const entries = new Map<string, Entry>();
  const made: string[] = [];
  let busy = options.busyReads ?? 0;
  let foreign = options.foreignWrites ?? 0;
  const entryOf = (name: string): Entry => {
    const entry = entries.get(name);
    if (!entry) throw new Deno.errors.NotFound(name);
    return entry;
  };
  const contentOf = (entry: Entry, file: string): Uint8Array => {
    switch (file) {
      case "generation":
        return new TextEncoder().encode(`${entry.generation}\n`);
      case "provider":
        return new TextEncoder().encode(`${options.provider}\n`);
      case "auxblob":
        if (!options.auxblob) throw new Deno.errors.NotFound(file);
        return options.auxblob;
      case "outblob":
        if (options.broken) throw options.broken;
        if (busy-- > 0) throw new Deno.errors.Busy("resource busy");
        if (foreign-- > 0) entry.generation++;
        return options.report(entry.inblob!);
      default:
        throw new Deno.errors.NotFound(file);
    }
  };
  const attempt = <T>(act: () => T): Promise<T> => Promise.resolve().then(act);
  return {
    entries,
    made,
    make: (name) =>
      attempt(() => {
        if (entries.has(name)) throw new Deno.errors.AlreadyExists(name);
        entries.set(name, { generation: 0 });
        made.push(name);
      }),
    remove: (name) => attempt(() => void entries.delete(name)),
    write: (name, file, bytes) =>
      attempt(() => {
        if (file !== "inblob" || bytes.length !== 64) throw new Error("EINVAL");
        const entry = entryOf(name);
        entry.inblob = bytes.slice();
        entry.generation++;
      }),
    read: (name, file) => attempt(() => contentOf(entryOf(name), file)),
  };
}
