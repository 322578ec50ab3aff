/** Whether this machine can run Python functions, found out once for the tests of one file. */
import { findPythonRuntime } from "../../lib/sandbox/python/probe.ts";

/** The runtime, or why there is none. */
export const PYTHON = await findPythonRuntime();

/** Prints why a test does nothing; whether it should return. */
export function skipWithout(runtime: unknown): boolean {
  if (typeof runtime === "string") console.log(`skipped: ${runtime}`);
  return typeof runtime === "string";
}
