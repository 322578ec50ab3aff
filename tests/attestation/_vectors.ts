/** The evidence vectors that lie beside the repository, read by the tests of attestation. */
import type { Platform } from "../../lib/attestation/mod.ts";

/** One case of `vectors.json`. */
export interface VectorCase {
  readonly id: string;
  readonly tee: Platform;
  readonly evidence: string;
  readonly endorsements: readonly string[];
  readonly collateral: string | null;
  readonly trustAnchor: string;
  readonly verifyAt: string;
  readonly expect: {
    readonly genuine: boolean;
    readonly acceptedByDefaultPolicy: boolean | null;
    readonly failingCheck: string | null;
    readonly level: "must" | "should";
    readonly why: string;
  };
  readonly facts?: Readonly<Record<string, unknown>>;
}

const folder = new URL("../../../shared/vectors/", import.meta.url);

/** All cases, or `undefined` when the vectors are not there; says so once. */
export const vectorCases: readonly VectorCase[] | undefined = readCases();

/** The bytes of a vector file. */
export function vectorBytes(path: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(path, folder));
}

/** The text of a vector file. */
export function vectorText(path: string): string {
  return Deno.readTextFileSync(new URL(path, folder));
}

/** Registers a test that needs the vectors; ignored where they are absent. */
export function vectorTest(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name, ignore: !vectorCases, fn: run });
}

function readCases(): readonly VectorCase[] | undefined {
  try {
    return JSON.parse(vectorText("vectors.json")).cases;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    console.log(`skipped: no attestation vectors at ${folder.pathname}`);
    return undefined;
  }
}
