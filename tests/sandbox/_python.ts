/** Whether this machine can run Python functions, found out once for the tests of one file. */
import { findPythonRuntime } from "../../lib/sandbox/python/probe.ts";

/** The runtime, or why there is none. */
export const PYTHON = await findPythonRuntime();

/** Prints why a test does nothing; whether it should return. */
export function skipWithout(runtime: unknown): boolean {
  if (typeof runtime === "string") console.log(`skipped: ${runtime}`);
  return typeof runtime === "string";
}

/** Processes on this machine whose command line holds a text. */
export async function processesMarked(mark: string): Promise<number[]> {
  const found: number[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    const words = await Deno.readTextFile(`/proc/${entry.name}/cmdline`).catch(() => "");
    if (words.includes(mark)) found.push(Number(entry.name));
  }
  return found;
}
