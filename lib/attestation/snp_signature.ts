/**
 * Whether an SEV-SNP report is AMD's word: signed by the VCEK or VLEK that it names, which AMD's chain certifies for this very chip and
 * firmware (VCEK) or for a cloud (VLEK).
 */
import { equalBytes, hex } from "../base/bytes.ts";
import { type Certificate, parseCertificate } from "./certificate_format.ts";
import { verifyChain } from "./certificate_chain.ts";
import { type Check, failure } from "./checks.ts";
import { verifyRawEcdsa } from "./public_key_signature.ts";
import { judgeRevocations, parseRevocationList } from "./revocation_list.ts";
import type { TrustStore } from "./roots.ts";
import {
  parseSnpEndorsement,
  parseSnpTcb,
  productOfCpuid,
  signingKeyName,
  type SnpEndorsement,
  type SnpReport,
  type SnpTcb,
} from "./snp_format.ts";
import { Malformed, malformed, printable, structured } from "./structure.ts";
import type { Failure } from "./types.ts";

/** The certificates that travel with a report. */
export interface SnpEndorsements {
  readonly leaf: Certificate;
  readonly endorsement: SnpEndorsement;
  readonly authorities: readonly Certificate[];
}

/** The checks of this layer. */
export const SNP_SIGNATURE_CHECKS: readonly Check[] = [
  "signing-key",
  "signature",
  "chip-id",
  "tcb",
  "chain",
  "root",
  "validity",
];

/** Certificates that evidence may bring; a report needs one to three. */
const ENDORSEMENTS_MAX = 8;

/** Reads the certificates that came with a report: exactly one of them is no authority. Throws `Malformed`. */
export function parseSnpEndorsements(ders: readonly Uint8Array[]): SnpEndorsements {
  if (ders.length > ENDORSEMENTS_MAX) malformed(`there are ${ders.length} endorsements`);
  const certificates = ders.map(parseCertificate);
  const [leaf, ...more] = certificates.filter((certificate) => !certificate.isAuthority);
  if (!leaf) malformed("there is no VCEK or VLEK certificate with the report");
  if (more.length > 0) malformed("there are several VCEK or VLEK certificates");
  return {
    leaf,
    endorsement: parseSnpEndorsement(leaf),
    authorities: certificates.filter((certificate) => certificate.isAuthority),
  };
}

/**
 * The chain of a report, leaf first, as far as certificates are at hand. AMD reissues intermediates under the same name, so of several
 * that fit the one that holds is taken; those of the trust store come first, those that travel with the evidence follow.
 */
export function snpChain(
  endorsements: SnpEndorsements,
  trust: TrustStore,
  at: Date,
): readonly Certificate[] {
  const { leaf, authorities } = endorsements;
  const chains = [...trust.intermediates, ...authorities]
    .filter((certificate) => equalBytes(certificate.subject, leaf.issuer))
    .map((intermediate) => {
      const root = trust.roots.find((item) => equalBytes(item.subject, intermediate.issuer));
      return root ? [leaf, intermediate, root] : [leaf, intermediate];
    });
  return chains.find((chain) => verifyAmdChain(chain, trust, at).length === 0) ??
    chains[0] ?? [leaf];
}

/** What is wrong with signature, endorsement and chain at that time. */
export function verifySnpSignature(
  report: SnpReport,
  endorsements: SnpEndorsements,
  chain: readonly Certificate[],
  trust: TrustStore,
  at: Date,
): Failure[] {
  return [
    ...verifySigningKey(report, endorsements),
    ...verifyReportSignature(report, endorsements.leaf),
    ...verifyEndorsement(report, endorsements.endorsement),
    ...verifyAmdChain(chain, trust, at),
  ];
}

/** What AMD's revocation lists say about the chain, and whether each list holds. */
export function verifySnpRevocations(
  ders: readonly Uint8Array[],
  chain: readonly Certificate[],
  at: Date,
): { readonly failures: readonly Failure[]; readonly applied: number } {
  const failures: Failure[] = [];
  let applied = 0;
  for (const der of ders) {
    const list = structured(() => parseRevocationList(der));
    if (list instanceof Malformed) {
      failures.push(failure("signature", "revocation", list.message));
      continue;
    }
    const found = judgeRevocations(list, chain, at, "revocation");
    if (!found) continue;
    applied++;
    failures.push(...found);
  }
  return { failures, applied };
}

function verifySigningKey(report: SnpReport, { endorsement }: SnpEndorsements): Failure[] {
  const said = signingKeyName(report);
  if (report.chipKeyIsMasked) {
    return [failure("signature", "signing-key", "the platform masks its chip key: no signature")];
  }
  if (said === endorsement.kind) return [];
  return [failure(
    "signature",
    "signing-key",
    `the report names ${said} as its signing key, the certificate is of a ${endorsement.kind}`,
  )];
}

function verifyReportSignature(report: SnpReport, leaf: Certificate): Failure[] {
  if (!report.signature) {
    return [failure("signature", "signature", "r or s exceeds 48 bytes")];
  }
  if (
    leaf.keyKind === "p384" &&
    verifyRawEcdsa("p384", leaf.spki, report.signedBytes, report.signature)
  ) return [];
  return [failure(
    "signature",
    "signature",
    `the signature does not verify under the key of "${printable(leaf.commonName)}"`,
  )];
}

function verifyEndorsement(report: SnpReport, endorsement: SnpEndorsement): Failure[] {
  const failures: Failure[] = [];
  const { chipId, product, tcb } = endorsement;
  const cpuProduct = report.cpuid && productOfCpuid(report.cpuid);
  if (report.cpuid && cpuProduct !== product) {
    failures.push(failure(
      "signature",
      "chip-id",
      `the processor is ${cpuProduct ?? "of an unknown line"}, the certificate is for ${product}`,
    ));
  }
  if (chipId && !equalBytes(chipId, report.chipId)) {
    failures.push(failure(
      "signature",
      "chip-id",
      `the chip is ${hex(report.chipId)}, the certificate is for ${hex(chipId)}`,
    ));
  }
  const reported = parseSnpTcb(report.reportedTcb, product);
  if (formatSnpTcb(reported) !== formatSnpTcb(tcb)) {
    failures.push(failure(
      "signature",
      "tcb",
      `the reported TCB is ${formatSnpTcb(reported)}, the certificate is for ${formatSnpTcb(tcb)}`,
    ));
  }
  return failures;
}

function verifyAmdChain(
  chain: readonly Certificate[],
  trust: TrustStore,
  at: Date,
): Failure[] {
  if (chain.length === 3) return verifyChain(chain, trust.roots, at);
  const last = chain[chain.length - 1];
  const message = `no trusted certificate of the issuer of "${
    printable(last.commonName)
  }" is there`;
  return [failure("signature", "chain", message)];
}

/** TCB parts in one text, such as `bootloader 3, tee 0, snp 8, microcode 115`. */
export function formatSnpTcb(tcb: SnpTcb): string {
  const fmc = tcb.fmc === undefined ? "" : `fmc ${tcb.fmc}, `;
  return `${fmc}bootloader ${tcb.bootloader}, tee ${tcb.tee}, snp ${tcb.snp}, microcode ${tcb.microcode}`;
}
