/**
 * `fumata keygen`: the key pair that signs the seeds' plain call, as PEM files for the package; or a cluster key, which seals gossip.
 */
// @ts-types="@types/node-forge"
import forge from "node-forge";
import { generateKeyPairSync } from "node:crypto";
import { FumataError, messageOf } from "../../base/errors.ts";
import { KeyringFile } from "../../node/keyring_file.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";

const KEY_BITS = 2048;

/** The command. */
export const keygenCommand: Command = {
  name: "keygen",
  summary: "make private.pem and public.pem for a package, or a cluster key",
  examples: [
    "fumata keygen --out function/leader-election",
    "fumata keygen --cluster-key cluster.key",
  ],
  flags: [
    {
      name: "out",
      type: "string",
      placeholder: "FOLDER",
      default: ".",
      help: "where to put the two files",
    },
    { name: "force", type: "boolean", help: "overwrite a key that is there; it is lost then" },
    {
      name: "cluster-key",
      type: "string",
      placeholder: "FILE",
      help: "make a key that seals gossip instead, for node --encrypt and keys add",
    },
    OUTPUT_FLAG,
  ],
  async run(args, context) {
    const clusterKey = args.text("cluster-key");
    if (clusterKey !== undefined) {
      const id = KeyringFile.create(clusterKey);
      print(args, context, { file: clusterKey, id }, () => `${clusterKey} holds key ${id}`);
      return 0;
    }
    const folder = args.text("out") ?? ".";
    const [privatePath, publicPath] = [`${folder}/private.pem`, `${folder}/public.pem`];
    const { privatePem, publicPem } = generateRsaPem();
    await write(privatePath, privatePem, 0o600, args.has("force"));
    await write(publicPath, publicPem, 0o644, true);
    const files = { private_key: privatePath, public_key: publicPath };
    print(args, context, files, () => `${privatePath}\n${publicPath}`);
    return 0;
  },
};

/** A fresh RSA-2048 key: PKCS#1 and SubjectPublicKeyInfo in PEM, the forms that the seeds' tools write. */
function generateRsaPem(): { privatePem: string; publicPem: string } {
  // The platform makes the key, forge only writes it: forge's own search for primes takes seconds.
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: KEY_BITS,
    publicExponent: 0x10001,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const lines = (pem: string) => pem.replaceAll("\r\n", "\n");
  return {
    privatePem: lines(forge.pki.privateKeyToPem(key)),
    publicPem: lines(forge.pki.publicKeyToPem(forge.pki.setRsaPublicKey(key.n, key.e))),
  };
}

async function write(path: string, text: string, mode: number, replace: boolean): Promise<void> {
  try {
    if (replace) await Deno.remove(path).catch(ignoreMissing);
    await Deno.writeTextFile(path, text, { mode, createNew: true });
  } catch (thrown) {
    const why = thrown instanceof Deno.errors.AlreadyExists
      ? "it is there already; packages signed with it would no longer verify; --force overwrites it"
      : thrown instanceof Deno.errors.NotFound
      ? "there is no such folder"
      : messageOf(thrown);
    throw new FumataError("failure", `Cannot write the key "${path}": ${why}`, { cause: thrown });
  }
}

function ignoreMissing(thrown: unknown): void {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}
