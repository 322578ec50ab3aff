/**
 * Certificate revocation lists (RFC 5280, section 5) of AMD and Intel: bytes to fields, and what they say about a chain. They come from
 * files, and are optional; one that is given has to hold.
 */
import { equalBytes } from "../base/bytes.ts";
import {
  type Certificate,
  parseExtensions,
  type SignatureAlgorithm,
  signatureAlgorithmOf,
} from "./certificate_format.ts";
import { type Check, failure } from "./checks.ts";
import {
  bitStringBytes,
  childrenOf,
  type DerElement,
  expectTag,
  integerHex,
  readDer,
  smallInteger,
  TAG,
  timeMs,
} from "./der.ts";
import { verifyBy } from "./public_key_signature.ts";
import { checkLength, malformed, printable } from "./structure.ts";
import type { Failure } from "./types.ts";

/** The fields of one list. */
export interface RevocationList {
  readonly tbs: Uint8Array;
  readonly issuer: Uint8Array;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Serial numbers, hex. */
  readonly revoked: ReadonlySet<string>;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** Intel's list for a busy platform has 40 entries; room for a bad year. */
const LIST_BYTES_MAX = 1024 * 1024;

/** Reads a DER list. Throws `Malformed`. */
export function parseRevocationList(der: Uint8Array): RevocationList {
  checkLength(der, LIST_BYTES_MAX, "the revocation list");
  const [tbs, algorithm, signature, ...more] = childrenOf(
    expectTag(readDer(der), TAG.sequence, "a revocation list"),
  );
  if (!signature || more.length > 0) malformed("a revocation list does not have three parts");
  const [version, inner, issuer, thisUpdate, nextUpdate, ...rest] = childrenOf(
    expectTag(tbs, TAG.sequence, "a revocation list's content"),
  );
  if (!nextUpdate || smallInteger(version, "a revocation list's version") !== 1) {
    malformed("a revocation list is not of version 2 with a next update");
  }
  if (!equalBytes(inner.whole, algorithm.whole)) {
    malformed("a revocation list names two signature algorithms");
  }
  const entries = rest[0]?.tag === TAG.sequence ? childrenOf(rest.shift()!) : [];
  const [extensions, ...surplus] = rest;
  if (surplus.length > 0) malformed("a revocation list has further parts");
  if (extensions) {
    expectTag(extensions, TAG.contextConstructed, "a revocation list's extensions");
    refuseCritical(childrenOf(extensions)[0]);
  }
  return {
    tbs: tbs.whole,
    issuer: expectTag(issuer, TAG.sequence, "an issuer").whole,
    thisUpdateMs: timeMs(thisUpdate, "thisUpdate"),
    nextUpdateMs: timeMs(nextUpdate, "nextUpdate"),
    revoked: new Set(entries.map(parseEntry)),
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature: bitStringBytes(signature, "a revocation list's signature"),
  };
}

/** The serial number of an entry: number, date, extensions. */
function parseEntry(entry: DerElement): string {
  const [serial, , extensions] = childrenOf(expectTag(entry, TAG.sequence, "a revocation"));
  if (extensions) refuseCritical(extensions);
  return integerHex(serial, "a serial number");
}

/**
 * A critical extension changes what a list means: it is for some certificates only, for some reasons, or a difference to another list
 * (sections 5.2.4, 5.2.5, 5.3.3). AMD and Intel issue none such, and one that was slipped in would hide revocations.
 */
function refuseCritical(extensions: DerElement | undefined): void {
  const critical = parseExtensions(extensions).find(({ isCritical }) => isCritical);
  if (critical) malformed(`a revocation list has the critical extension ${critical.id}`);
}

/**
 * What one list says about a chain (leaf first): the list is for the certificates that its issuer, one of the chain, has issued. `check`
 * is the name under which a list that does not hold is reported. A list of an issuer outside the chain gives `undefined`.
 */
export function judgeRevocations(
  list: RevocationList,
  chain: readonly Certificate[],
  at: Date,
  check: Check,
): Failure[] | undefined {
  const issuer = chain.find((certificate) => equalBytes(certificate.subject, list.issuer));
  if (!issuer) return undefined;
  const name = `the revocation list of "${printable(issuer.commonName)}"`;
  const mayVerify = issuer.isAuthority && issuer.maySignRevocationLists;
  if (!mayVerify || !verifyBy(issuer, list.signatureAlgorithm, list.tbs, list.signature)) {
    return [failure("signature", check, `${name} is not signed by it`)];
  }
  const failures: Failure[] = [];
  if (at.getTime() < list.thisUpdateMs || at.getTime() > list.nextUpdateMs) {
    const from = new Date(list.thisUpdateMs).toISOString();
    const until = new Date(list.nextUpdateMs).toISOString();
    failures.push(failure(
      "policy",
      check,
      `${name} is for ${from} .. ${until}, not for ${at.toISOString()}`,
    ));
  }
  for (const certificate of chain) {
    if (!equalBytes(certificate.issuer, list.issuer)) continue;
    if (!list.revoked.has(certificate.serialHex)) continue;
    failures.push(failure(
      "signature",
      "revocation",
      `the certificate "${printable(certificate.commonName)}" with serial number ` +
        `${certificate.serialHex} is revoked`,
    ));
  }
  return failures;
}
