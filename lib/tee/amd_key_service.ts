/**
 * The certificate of a chip's key (VCEK) from AMD's key distribution service, fetched by the machine that shows evidence, never by one that
 * verifies it: "Versioned Chip Endorsement Key Certificate and KDS Interface Specification" (57230), section 4. Kept in a folder, because
 * the service limits its callers and a certificate holds until the firmware changes.
 */
import { parseCertificate } from "../attestation/certificate_format.ts";
import {
  parseSnpEndorsement,
  parseSnpReport,
  parseSnpTcb,
  productOfCpuid,
  type SnpProduct,
  type SnpReport,
} from "../attestation/snp_format.ts";
import { formatSnpTcb } from "../attestation/snp_signature.ts";
import { Malformed, structured } from "../attestation/structure.ts";
import { concat, equalBytes, hex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";

/** Gets the body of a URL, or throws. The one way to the network, so that tests have none. */
export type FetchBytes = (url: string) => Promise<Uint8Array>;

/** AMD's service. */
const AMD_KEY_SERVICE_URL = "https://kdsintf.amd.com";

/** Chip ids of Turin have 8 bytes. */
const TURIN_CHIP_ID_BYTES = 8;
const CERTIFICATE_BYTES_MAX = 16 * 1024;
const FETCH_TIMEOUT_MS = 20_000;

/** Finds the VCEK certificate for a report: in the folder, else at AMD. Throws a `FumataError`. */
export async function vcekFor(
  document: Uint8Array,
  options: {
    /** Where certificates are kept; made when absent. */
    readonly folder: string;
    readonly fetchBytes?: FetchBytes;
  },
): Promise<Uint8Array> {
  const report = structured(() => parseSnpReport(document));
  if (report instanceof Malformed) throw keyServiceError(report.message);
  if (report.signingKey !== 0) {
    throw keyServiceError("the report is not signed by a VCEK; a VLEK comes from the cloud's host");
  }
  const product = report.cpuid && productOfCpuid(report.cpuid);
  if (!product) {
    throw keyServiceError(
      "the report does not tell the line of the processor; give the certificate with --endorsement",
    );
  }
  const url = vcekUrl(report, product);
  const path = `${options.folder}/${url.slice(url.lastIndexOf("/") + 1).replace(/\W/g, "_")}.der`;
  const kept = await Deno.readFile(path).catch(() => undefined);
  if (kept && fits(kept, report)) return kept;
  const fetched = await (options.fetchBytes ?? fetchCertificate)(url).catch((thrown) => {
    throw keyServiceError(`${url} does not answer: ${messageOf(thrown)}`, thrown);
  });
  if (!fits(fetched, report)) throw keyServiceError(`${url} answers something else than its VCEK`);
  await keep(options.folder, path, fetched);
  return fetched;
}

/** Where AMD's service has the VCEK certificate for a report. */
export function vcekUrl(report: SnpReport, product: SnpProduct): string {
  const { fmc, bootloader, tee, snp, microcode } = parseSnpTcb(report.reportedTcb, product);
  const chip = product === "Turin" ? report.chipId.subarray(0, TURIN_CHIP_ID_BYTES) : report.chipId;
  const versions = [
    ...(fmc === undefined ? [] : [`fmcSPL=${twoDigits(fmc)}`]),
    `blSPL=${twoDigits(bootloader)}`,
    `teeSPL=${twoDigits(tee)}`,
    `snpSPL=${twoDigits(snp)}`,
    `ucodeSPL=${twoDigits(microcode)}`,
  ];
  return `${AMD_KEY_SERVICE_URL}/vcek/v1/${product}/${hex(chip)}?${versions.join("&")}`;
}

/** Whether it is a certificate for this chip and its firmware: another one's, an older one's or a proxy's page is not used. */
function fits(der: Uint8Array, report: SnpReport): boolean {
  const endorsement = structured(() => parseSnpEndorsement(parseCertificate(der)));
  if (endorsement instanceof Malformed || endorsement.chipId === undefined) return false;
  const reported = parseSnpTcb(report.reportedTcb, endorsement.product);
  return equalBytes(endorsement.chipId, report.chipId) &&
    formatSnpTcb(endorsement.tcb) === formatSnpTcb(reported);
}

/** Over HTTP, with a deadline; reads no more than a certificate may have. */
export async function fetchCertificate(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`HTTP status ${response.status}`);
  }
  let bytes = new Uint8Array();
  for await (const part of response.body ?? []) {
    bytes = concat(bytes, part);
    if (bytes.length > CERTIFICATE_BYTES_MAX) {
      throw new Error(`more than ${CERTIFICATE_BYTES_MAX} bytes came`);
    }
  }
  return bytes;
}

/** Keeping is a convenience: a folder that cannot be written costs the next start a request. */
async function keep(folder: string, path: string, der: Uint8Array): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(temporary, der);
    await Deno.rename(temporary, path);
  } catch {
    await Deno.remove(temporary).catch(() => {});
  }
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

function keyServiceError(problem: string, cause?: unknown): FumataError {
  return new FumataError("failure", `Cannot get the chip's certificate: ${problem}`, { cause });
}
