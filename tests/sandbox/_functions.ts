/** Small packages and keys for tests of the sandbox. */
import { utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { FunctionPackage } from "../../lib/package/mod.ts";
import type { CallOutcome, Sandbox } from "../../lib/sandbox/mod.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";

/** The keys that sessions of tests get. */
export const KEYS = { certificateKeyPem: CERTIFICATE_PEM };

/** A package with these files; a single text is `app.ts`. */
export function packageOf(files: string | Record<string, string>): FunctionPackage {
  const texts = typeof files === "string" ? { "app.ts": files } : files;
  return {
    checksum: sha256(utf8(JSON.stringify(texts))),
    folder: "f",
    files: new Map(Object.entries(texts).map(([path, text]) => [path, utf8(text)])),
  };
}

/** A package whose handler has this body; `x` is the input. */
export function handler(body: string): string {
  return `export function cape_handler(x: Uint8Array) { ${body} }`;
}

/** Opens, calls once, closes. */
export async function callOnce(
  sandbox: Sandbox,
  files: string | Record<string, string>,
  input: Uint8Array = new Uint8Array(),
): Promise<CallOutcome> {
  const session = await sandbox.open(packageOf(files), KEYS, "simulated");
  const outcome = await session.call(input);
  session.close();
  return outcome;
}

/** What came out, as a text: the output, or the reason and the error. */
export function shown(outcome: CallOutcome): string {
  return outcome.ok
    ? new TextDecoder().decode(outcome.output)
    : `${outcome.reason}: ${outcome.error}`;
}
