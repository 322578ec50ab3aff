/** Setting a state aside, on an operator's word: nothing is deleted, and never under a running node. */
import { DatabaseSync } from "node:sqlite";
import { FumataError } from "../base/errors.ts";
import { diskWords, FILE_NAME, LOG_SUFFIXES, openFailure, SET_ASIDE_PREFIX } from "./state_file.ts";

/**
 * Sets the state of a folder aside, under names that no node reads, so that a new identity can start there; gives the new name of its
 * file, if there was one. No state is deleted. Throws a {@linkcode FumataError} while a node is running in it.
 */
export function resetStateFolder(folder: string, wallNow: number): string | undefined {
  const path = `${folder}/${FILE_NAME}`;
  const stamp = new Date(wallNow).toISOString().replaceAll(/[^\dTZ]/g, "");
  const aside = `${folder}/${SET_ASIDE_PREFIX}${stamp}`;
  try {
    refuseRunning(path, folder);
    // The logs go with their file: applied to another one they would damage that.
    for (const suffix of LOG_SUFFIXES) renameIfThere(path + suffix, aside + suffix);
    for (const name of ["http.json", "http-token"]) removeIfThere(`${folder}/${name}`);
    return renameIfThere(path, aside) ? aside : undefined;
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError(
      "failure",
      `Cannot reset the state folder "${folder}": ${diskWords(thrown)}`,
      { cause: thrown },
    );
  }
}

/** A running node holds its file locked; a damaged one can't be locked at all, and that is no reason to keep it. */
function refuseRunning(path: string, folder: string): void {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    database.exec("PRAGMA busy_timeout = 0");
    database.prepare("SELECT count(*) FROM sqlite_master").get();
  } catch (thrown) {
    const failure = openFailure(folder, thrown);
    if (failure.message.includes("another node is running")) throw failure;
  } finally {
    database?.close();
  }
}

function renameIfThere(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
