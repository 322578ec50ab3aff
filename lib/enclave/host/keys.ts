/**
 * The keys of one host, born inside it: RSA-2048 that signs results, RSA-4096 to which packages and values are encrypted, the secret
 * under which tokens are made. They are kept in the sealed folder, so that a restart of the same code keeps them; where the TEE
 * cannot seal, they live as long as the process. A key that is damaged is set aside and replaced: clients see the new one in the evidence.
 *
 * RSA-4096 takes seconds to make, so the host has it made in the background at its start and only those wait who need it.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { importSealedValueKey, type SealedValueKey } from "../../crypto/sealed_value.ts";
import type { SealedFolder } from "./sealed_folder.ts";

/** The key that a function signs certificates with. */
export const CERTIFICATE_KEY_BITS = 2048;
const RESULT_KEY_BITS = 2048;
const ACCOUNT_KEY_BITS = 4096;
const TOKEN_SECRET_BYTES = 32;

/** Salt of RSA-PSS as long as the hash, which RFC 8017 (section 9.1) names and every verifier can be told. */
const PSS_SALT_BYTES = 32;
const PSS = { name: "RSA-PSS", hash: "SHA-256" } as const;

/** Signs the checksums of results. */
export interface ResultKey {
  /** DER PKCS#1. */
  readonly publicKey: Uint8Array;
  /** RSASSA-PSS, SHA-256, salt of 32 bytes. Off the main thread: it is half of what a small call costs. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** All keys of a host. */
export interface HostKeys {
  readonly resultKey: ResultKey;
  /** Opened or made at the first call; rejects when it cannot be kept, and the next call tries again. */
  accountKey(): Promise<SealedValueKey>;
  /** 32 bytes. */
  readonly tokenSecret: Uint8Array;
  /** Whether the token secret is new, so that every older token is void. */
  readonly tokenSecretIsNew: boolean;
}

/** Makes an RSA key of so many bits: PKCS#8 PEM. */
export type KeyMaker = (bits: number) => Promise<string>;

/** Opens the keys of a host, or makes them. */
export async function openHostKeys(
  sealed: SealedFolder,
  makeKey: KeyMaker = generateRsaPem,
): Promise<HostKeys> {
  const storedSecret = sealed.readOrSetAside("keys/token", "all tokens are void");
  const tokenSecret = storedSecret ??
    crypto.getRandomValues(new Uint8Array(TOKEN_SECRET_BYTES));
  if (!storedSecret) sealed.write("keys/token", tokenSecret);
  const result = createPrivateKey(
    await keyPem(sealed, "keys/result", RESULT_KEY_BITS, makeKey),
  );
  const der = new Uint8Array(result.export({ type: "pkcs8", format: "der" }));
  const signer = await crypto.subtle.importKey("pkcs8", der, PSS, false, ["sign"]);
  const algorithm = { name: PSS.name, saltLength: PSS_SALT_BYTES };
  let account: Promise<SealedValueKey> | undefined;
  return {
    resultKey: {
      publicKey: new Uint8Array(publicOf(result).export({ type: "pkcs1", format: "der" })),
      sign: async (message) =>
        new Uint8Array(await crypto.subtle.sign(algorithm, signer, message as BufferSource)),
    },
    accountKey: () =>
      account ??= openAccountKey(sealed, makeKey).catch((thrown) => {
        account = undefined;
        throw thrown;
      }),
    tokenSecret,
    tokenSecretIsNew: !storedSecret,
  };
}

/** The RSA key of this name, born now if there is none: PKCS#8 PEM. */
async function keyPem(
  sealed: SealedFolder,
  name: string,
  bits: number,
  makeKey: KeyMaker,
): Promise<string> {
  const stored = sealed.readOrSetAside(name, "a new key takes its place");
  const pem = stored && fromUtf8(stored);
  if (pem !== undefined) return pem;
  const made = await makeKey(bits);
  sealed.write(name, utf8(made));
  return made;
}

/** A fresh RSA key: PKCS#8 PEM. */
export async function generateRsaPem(bits: number): Promise<string> {
  const { privateKey } = await generateRsa("rsa", {
    modulusLength: bits,
    publicExponent: 0x10001,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return privateKey;
}

/** The public half of a private key. The types of Deno know only texts here, the function takes key objects as Node's does. */
export function publicOf(privateKey: KeyObject): KeyObject {
  return createPublicKey(privateKey as unknown as string);
}

const generateRsa = promisify(generateKeyPair) as unknown as (
  type: "rsa",
  options: unknown,
) => Promise<{ privateKey: string }>;

async function openAccountKey(sealed: SealedFolder, makeKey: KeyMaker): Promise<SealedValueKey> {
  const key = createPrivateKey(await keyPem(sealed, "keys/account", ACCOUNT_KEY_BITS, makeKey));
  return await importSealedValueKey(
    new Uint8Array(key.export({ type: "pkcs8", format: "der" })),
    new Uint8Array(publicOf(key).export({ type: "spki", format: "der" })),
  );
}
