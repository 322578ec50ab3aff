/**
 * Whether collateral is Intel's word: both texts signed by a certificate under the pinned root, both revocation lists by their issuers,
 * and none of the certificates at hand revoked.
 */
import { equalBytes } from "../base/bytes.ts";
import type { Certificate } from "./certificate_format.ts";
import { verifyChain } from "./certificate_chain.ts";
import { failure } from "./checks.ts";
import type { Collateral, SignedText } from "./collateral_format.ts";
import { verifyRawEcdsa } from "./public_key_signature.ts";
import { judgeRevocations, type RevocationList } from "./revocation_list.ts";
import { printable } from "./structure.ts";
import type { Failure } from "./types.ts";

/** Name of the certificates that sign collateral. */
const SIGNER_NAME = "Intel SGX TCB Signing";

/** What is wrong with the collateral itself and, by its lists, with the quote's chain. */
export function verifyCollateral(
  collateral: Collateral,
  quoteChain: readonly Certificate[],
  anchors: readonly Certificate[],
  at: Date,
): Failure[] {
  const { tcbInfoText, qeIdentityText, rootList, pckList } = collateral;
  const [, pckAuthority, root] = quoteChain;
  return [
    ...verifyText(tcbInfoText, "TCB info", anchors, at),
    ...verifyText(qeIdentityText, "QE identity", anchors, at),
    ...withoutRepeats([
      ...verifyList(pckList, pckAuthority, quoteChain, at),
      ...verifyList(rootList, root, quoteChain, at),
      ...verifyList(rootList, root, tcbInfoText.chain, at),
      ...verifyList(rootList, root, qeIdentityText.chain, at),
    ]),
  ];
}

function verifyText(
  signed: SignedText,
  name: string,
  anchors: readonly Certificate[],
  at: Date,
): Failure[] {
  const failures = verifyChain(signed.chain, anchors, at)
    .map(({ message }) => failure("signature", "collateral", `${name}: ${message}`));
  const [signer] = signed.chain;
  const holds = signer?.commonName === SIGNER_NAME && signer.keyKind === "p256" &&
    verifyRawEcdsa("p256", signer.spki, signed.text, signed.signature);
  if (!holds) {
    failures.push(failure("signature", "collateral", `${name} is not signed by "${SIGNER_NAME}"`));
  }
  const { issueDateMs, nextUpdateMs } = signed;
  if (at.getTime() < issueDateMs || at.getTime() > nextUpdateMs) {
    const from = new Date(issueDateMs).toISOString();
    const until = new Date(nextUpdateMs).toISOString();
    const message = `${name} is for ${from} .. ${until}, not for ${at.toISOString()}`;
    failures.push(failure("policy", "collateral", message));
  }
  return failures;
}

/** Each list has to be of its own issuer: another one's, however genuine, says nothing about these certificates. */
function verifyList(
  list: RevocationList,
  issuer: Certificate | undefined,
  chain: readonly Certificate[],
  at: Date,
): readonly Failure[] {
  if (issuer && equalBytes(list.issuer, issuer.subject)) {
    return judgeRevocations(list, chain, at, "collateral") ?? [];
  }
  const name = printable(issuer?.commonName ?? "none");
  return [failure("signature", "collateral", `the revocation list of "${name}" is missing`)];
}

/** The same list is judged for several chains. */
function withoutRepeats(failures: readonly Failure[]): Failure[] {
  return failures.filter((item, index) =>
    failures.findIndex((other) => other.message === item.message) === index
  );
}
