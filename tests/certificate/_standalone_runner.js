/**
 * Runs the standalone verifier over cases from stdin, `[{document, pins, stored?}]`, and prints what it found for each. Runs on Deno and
 * on Node, whichever starts it.
 */
import { fenceFault, verifyCertificate } from "../../lib/certificate/standalone/fumata_verify.js";

/** What each case gives: `ok` with the certificate's id, or the failed checks. */
export async function runCases(cases) {
  const results = [];
  for (const { document, pins, stored } of cases) {
    const verdict = await verifyCertificate(document, pins);
    if (!verdict.ok) results.push(verdict.failures.map(({ check }) => check).join(" "));
    else {
      const fault = fenceFault(verdict.certificate, stored);
      results.push(fault === undefined ? `ok ${verdict.certificate.id}` : "fence");
    }
  }
  return results;
}

if (globalThis.process?.argv[2] === "stdin") {
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  console.log(JSON.stringify(await runCases(JSON.parse(Buffer.concat(parts).toString()))));
}
