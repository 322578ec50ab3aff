/** A world for tests of the election function: keys that are the same in every run, the function in the real sandbox, requests. */
import { createPrivateKey } from "node:crypto";
import { concat, fromHex, fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { type Identity, identityFromPem } from "../../lib/crypto/ed25519.ts";
import { importRsaJwk, type RsaPublicKey } from "../../lib/crypto/rsa.ts";
import { openPackage, packFiles, packFolder } from "../../lib/package/mod.ts";
import type { FunctionPackage } from "../../lib/package/mod.ts";
import { createSandbox, type Sandbox } from "../../lib/sandbox/mod.ts";
import { CERTIFICATE_PEM, PACKAGE_PEM } from "./_keys.ts";

export { CERTIFICATE_PEM, PACKAGE_PEM };

/** The identity of node `index`, made from a seed. */
export function testIdentity(index: number): Identity {
  const seed = sha256(utf8(`fumata test node ${index}`));
  const der = concat(fromHex("302e020100300506032b657004220420")!, seed);
  const body = btoa(String.fromCharCode(...der));
  return identityFromPem(`-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`)!;
}

/** The public half of the certificate key. */
export function certificateKey(): RsaPublicKey {
  const { n, e } = createPrivateKey(CERTIFICATE_PEM).export({ format: "jwk" });
  return importRsaJwk({ kty: "RSA", n, e }) as RsaPublicKey;
}

/** The folder of the function. */
export const FUNCTION_FOLDER = new URL("../../function/leader-election/", import.meta.url).pathname;

/** The function as it is deployed, with other files over its own; `undefined` takes a file away. */
export async function electionPackage(
  changes: Record<string, string | undefined> = {},
): Promise<FunctionPackage> {
  const packed = openPackage((await packFolder(FUNCTION_FOLDER)).zip) as FunctionPackage;
  const files = new Map(packed.files);
  for (const [path, text] of Object.entries(changes)) {
    if (text === undefined) files.delete(path);
    else files.set(path, utf8(text));
  }
  return openPackage(packFiles(packed.folder, files).zip) as FunctionPackage;
}

/** The answer to one request in a session of its own: its JSON text, or `{ error }`. */
export type Answer = { readonly text: string } | { readonly error: string };

/** The function in a sandbox; ends with it. */
export class FunctionWorld {
  readonly #sandbox: Sandbox = createSandbox();

  constructor(readonly functionPackage: FunctionPackage) {}

  get checksumHex(): string {
    return hex(this.functionPackage.checksum);
  }

  /** Sends a request to a fresh session. */
  async ask(request: unknown, functionPackage = this.functionPackage): Promise<Answer> {
    const input = request instanceof Uint8Array ? request : utf8(JSON.stringify(request));
    const keys = { certificateKeyPem: CERTIFICATE_PEM };
    const session = await this.#sandbox.open(functionPackage, keys, "simulated");
    const outcome = await session.call(input);
    session.close();
    return outcome.ok ? { text: fromUtf8(outcome.output)! } : { error: outcome.error };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#sandbox[Symbol.asyncDispose]();
  }
}
