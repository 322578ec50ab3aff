/**
 * Runs the standalone verifier over cases from stdin, `[{document, pins, stored?}]`, and prints what it found for each; pins that name a
 * cluster ask for a certificate of an open one. Runs on Deno and on Node, whichever starts it.
 */
import {
  fenceFault,
  verifyCertificate,
  verifyOpenCertificate,
} from "../../lib/certificate/standalone/fumata_verify.js";

/** What each case gives: `ok` with the certificate's id, or a line for each check that failed. */
export async function runCases(cases) {
  const results = [];
  for (const { document, pins, stored } of cases) {
    const isOpen = pins.cluster !== undefined;
    const verdict = await (isOpen ? verifyOpenCertificate : verifyCertificate)(document, pins);
    if (!verdict.ok) {
      results.push(verdict.failures.map(({ check, message }) => `${check}: ${message}`).join("\n"));
    } else {
      const { id } = isOpen ? verdict.open : verdict.certificate;
      const fault = isOpen ? undefined : fenceFault(verdict.certificate, stored);
      results.push(fault === undefined ? `ok ${id}` : "fence");
    }
  }
  return results;
}

if (globalThis.process?.argv[2] === "stdin") {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  console.log(JSON.stringify(await runCases(JSON.parse(Buffer.concat(parts).toString()))));
}
