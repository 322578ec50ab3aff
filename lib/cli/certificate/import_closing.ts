/**
 * Putting the closing certificate of a predecessor into the state folder of a node that was not there when the predecessor closed: a voter that
 * only the successor's roster names, or one that was down. It is verified as everything else is, under the predecessor's package, whose
 * checksum the successor's `cluster.json` names in `succeeds`; the node looks at that when it starts.
 */
import { fromUtf8, hex } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { encodeEvidence } from "../../attestation/mod.ts";
import { claimedChecksum, parseChainFile, verifyCertificate } from "../../certificate/mod.ts";
import type { VerifiedCertificate } from "../../certificate/types.ts";
import { adoptClosing } from "../../node/roster_memory.ts";
import { StateStore } from "../../node/state_store.ts";
import type { Arguments, CommandContext } from "../command.ts";
import { printText } from "../output.ts";
import { readText } from "./input.ts";
import { readPinnedFunction } from "./pinned_function.ts";
import { readTrustedKeys, teesOf, type TrustedKeys } from "./trusted_keys.ts";

/** What was found of one function in a chain. */
interface Verified {
  readonly domain: { readonly checksum: Uint8Array; readonly cluster: string };
  readonly certificates: readonly VerifiedCertificate[];
  readonly trusted: TrustedKeys;
}

/** Imports from the chain in the file at `path` into the state folder. Throws a {@linkcode FumataError}; the folder is as before then. */
export async function importClosing(
  path: string,
  folder: string,
  args: Arguments,
  context: CommandContext,
): Promise<number> {
  const { domain, certificates, trusted } = await readVerified(path, args);
  const closing = certificates.find(({ roster }) => roster?.kind === "closing");
  if (!closing) {
    const why = `function ${hex(domain.checksum)} is not closed in it`;
    throw new FumataError("refused", `Cannot import from "${path}": ${why}`);
  }
  using store = StateStore.open(folder);
  adoptClosing(store, domain, closing);
  const checksum = hex(domain.checksum);
  for (const certificate of certificates) store.chain.save(checksum, domain.cluster, certificate);
  for (const [kid, key] of trusted.keys) {
    const evidence = trusted.sources.get(kid);
    const tee = evidence?.platform ?? closing.tee;
    const envelope = evidence && { evidence: fromUtf8(encodeEvidence(evidence)) };
    const jwk = JSON.stringify(key.jwk);
    // Without a description: this node never asked that function what it is.
    store.saveKey(checksum, { kid, jwk, tee, description: "", ...envelope });
  }
  printText(
    context,
    `closed in term ${closing.term}; the node in "${folder}" can go on from there`,
  );
  return 0;
}

/** Every certificate of the pinned function, each of them verified. */
async function readVerified(path: string, args: Arguments): Promise<Verified> {
  const { checksum, cluster, config } = await readPinnedFunction(args, "import a certificate");
  if (!config) {
    const wanted = "give --package with the predecessor's package";
    throw new FumataError("usage", `Cannot import without the predecessor's roster: ${wanted}`);
  }
  const file = parseChainFile(await readText(path, "chain"));
  if (typeof file === "string") {
    throw new FumataError("refused", `Cannot read chain "${path}": ${file}`);
  }
  const domain = { checksum, cluster };
  const trusted = await readTrustedKeys(args, file, checksum);
  const pins = { domain, keys: trusted.keys, tees: teesOf(trusted), config, allowOpen: false };
  const certificates = file.documents
    .filter((document) => claimedChecksum(document) === hex(checksum))
    .map((document) => {
      const verdict = verifyCertificate(document, pins);
      if (verdict.ok) return verdict.certificate;
      const why = verdict.failures.map(({ message }) => message).join("; ");
      throw new FumataError("refused", `Cannot import from "${path}": ${why}`);
    });
  return { domain, certificates, trusted };
}
