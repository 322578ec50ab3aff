/**
 * The file of `--store`: the greatest term that was obeyed here. It is compared and replaced under a lock, by a rename of a file that is
 * on disk, so that two programs at once cannot both obey, and a crash leaves the old or the new term.
 */
import { FumataError, messageOf } from "../../base/errors.ts";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { type Fence, fenceFault, readFence } from "../../certificate/mod.ts";

/**
 * Obeys the certificate if it is not over, and remembers it before this returns; else gives the reason as one line. Throws a
 * `FumataError` when the file cannot be read, understood or written: then nothing may be obeyed.
 */
export async function raiseFence(
  path: string,
  next: Fence,
  min: number | undefined,
): Promise<string | undefined> {
  try {
    using lock = await Deno.open(`${path}.lock`, { create: true, write: true });
    await lock.lock(true);
    const stored = await readStored(path);
    const fault = fenceFault(next, stored, min);
    if (fault === undefined && stored?.term !== next.term) await replace(path, next);
    return fault;
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError("failure", `Cannot use --store "${path}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

async function readStored(path: string): Promise<Fence | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
  const stored = readFence(fromUtf8(bytes) ?? "");
  if (typeof stored !== "string") return stored;
  throw new FumataError(
    "failure",
    `Cannot use --store "${path}": ${stored}; a term that was obeyed may be lost, so look before you remove it`,
  );
}

async function replace(path: string, next: Fence): Promise<void> {
  const fresh = `${path}.new`;
  {
    using file = await Deno.open(fresh, { create: true, truncate: true, write: true });
    const bytes = utf8(JSON.stringify(next) + "\n");
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  }
  await Deno.rename(fresh, path);
  await syncFolder(path);
}

/** A rename is on disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const slash = path.lastIndexOf("/");
  using folder = await Deno.open(slash < 0 ? "." : path.slice(0, slash) || "/");
  await folder.sync();
}
