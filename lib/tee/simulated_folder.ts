/**
 * What a simulated TEE keeps: one file with its certificates, the intermediate's key and the sealing key. Written whole, by one process
 * only, readable by its owner only. A file that cannot be read in full is an error that names it, never a silent new identity: the root
 * in it is what others have pinned.
 */
import { createPrivateKey, randomBytes } from "node:crypto";
import { parseCertificate } from "../attestation/certificate_format.ts";
import { structured } from "../attestation/structure.ts";
import { base64, equalBytes, fromBase64, hex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import { createHierarchy, publicDerOf } from "./simulated_authority.ts";

/** What the file holds. */
export interface SimulatedIdentity {
  readonly rootDer: Uint8Array;
  readonly intermediateDer: Uint8Array;
  readonly intermediateKeyPem: string;
  /** AES-256 key. */
  readonly sealingKey: Uint8Array;
}

/** Name of the file in the folder. */
export const SIMULATED_FILE = "simulated_tee.json";

const VERSION = 1;
const SEALING_KEY_BYTES = 32;

/** Reads the identity of the folder, or makes one when there is none. */
export async function openIdentity(folder: string, nowMs: number): Promise<SimulatedIdentity> {
  const path = `${folder}/${SIMULATED_FILE}`;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await readIdentity(path) ?? await createIdentity(path, nowMs);
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError(
      "failure",
      `Cannot keep the simulated TEE in "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

async function readIdentity(path: string): Promise<SimulatedIdentity | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
  const identity = parseIdentity(text);
  if (typeof identity !== "string") return identity;
  throw new FumataError(
    "failure",
    `Cannot open the simulated TEE "${path}": ${identity}; restore the file, or remove it to get ` +
      "a new root, which all who pinned the old one will refuse",
  );
}

/** The identity, or what is wrong with it. */
function parseIdentity(text: string): SimulatedIdentity | string {
  let fields: Record<string, unknown>;
  try {
    fields = Object(JSON.parse(text));
  } catch {
    return "it is not JSON";
  }
  if (fields.version !== VERSION) return `it is not of version ${VERSION}`;
  const rootDer = bytesOf(fields.root);
  const intermediateDer = bytesOf(fields.intermediate);
  const sealingKey = bytesOf(fields.sealingKey);
  const keyPem = fields.intermediateKey;
  if (!rootDer || !intermediateDer || !sealingKey || typeof keyPem !== "string") {
    return "a field is missing or is not base64";
  }
  if (sealingKey.length !== SEALING_KEY_BYTES) return "the sealing key has a wrong length";
  const root = structured(() => parseCertificate(rootDer));
  const intermediate = structured(() => parseCertificate(intermediateDer));
  if (root instanceof Error || intermediate instanceof Error) return "a certificate is broken";
  try {
    createPrivateKey(keyPem);
    if (!equalBytes(publicDerOf(keyPem), intermediate.spki)) return "key and certificate differ";
  } catch {
    return "the key is broken";
  }
  return { rootDer, intermediateDer, intermediateKeyPem: keyPem, sealingKey };
}

async function createIdentity(path: string, nowMs: number): Promise<SimulatedIdentity> {
  const hierarchy = createHierarchy(nowMs);
  const identity = { ...hierarchy, sealingKey: new Uint8Array(randomBytes(SEALING_KEY_BYTES)) };
  const temporary = `${path}.${hex(new Uint8Array(randomBytes(8)))}`;
  const text = JSON.stringify(
    {
      notice: "simulated TEE: no hardware protection",
      version: VERSION,
      root: base64(identity.rootDer),
      intermediate: base64(identity.intermediateDer),
      intermediateKey: identity.intermediateKeyPem,
      sealingKey: base64(identity.sealingKey),
    },
    null,
    2,
  );
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    await writeAll(file, new TextEncoder().encode(text));
    await file.sync();
    // Unlike a rename, a link never replaces what another process created first.
    await Deno.link(temporary, path);
    return identity;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AlreadyExists)) throw thrown;
    return (await readIdentity(path))!;
  } finally {
    await Deno.remove(temporary).catch(() => {});
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}
