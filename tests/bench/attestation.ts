/**
 * How fast evidence is verified, per TEE, and how long an attested connect takes; for TDX beside `@phala/dcap-qvl`, over the same quote and
 * collateral in the same process.
 *
 * ```sh
 * deno run -A tests/bench/attestation.ts [--json]
 * ```
 *
 * "first" is with nothing remembered about certificates, "again" with their links known (see `certificate_chain.ts`): what a client pays
 * for another host, or for the same host again. The other library remembers nothing and always uses collateral. Real evidence comes from
 * the shared vectors; without them only the simulated TEE is measured.
 */
import { verify as verifyByQvl } from "npm:@phala/dcap-qvl@0.3.9";
import { Buffer } from "node:buffer";
import { forgetVerifiedLinks } from "../../lib/attestation/certificate_chain.ts";
import {
  type AttestationPolicy,
  encodeUserData,
  type Evidence,
  INSECURE_ANY_MEASUREMENT,
  parsePolicy,
  type VerificationContext,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { connectEnclave, deployPackage } from "../../lib/enclave/client/mod.ts";
import { startEnclaveHost } from "../../lib/enclave/host/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { vectorBytes, vectorCases, vectorText } from "../attestation/_vectors.ts";

/** How long each verification is repeated, ms. */
const MEASURE_MS = 1_000;
/** Connects of which the median is taken. */
const CONNECTS = 20;

interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit: "verifications/s" | "documents/s" | "ms";
}

/** One real piece of evidence per TEE, by the name of its vector. */
const VECTORS: readonly (readonly [string, string])[] = [
  ["nitro", "cape-2022-09-15-production-nonce-userdata-publickey"],
  ["snp Milan VCEK", "milan-v3-production-hostdata"],
  ["snp Turin VCEK", "turin-v5-production"],
  ["snp Milan VLEK", "milan-v3-VLEK-production"],
  ["tdx v4", "v4-phala-2025"],
  ["tdx v4 with collateral", "v4-phala-2025--with-collateral"],
  ["tdx v5", "v5-google-td15-2026"],
  ["sgx v3", "v3-sgx-dcap-2023"],
];

async function main(): Promise<void> {
  const results: Measured[] = [];
  const record = (what: string, value: number, unit: Measured["unit"]) =>
    results.push({ what, value, unit });
  measureVectors(record);
  measureQvl(record);
  await measureSimulated(record);
  await measureConnect(record);
  if (Deno.args.includes("--json")) return console.log(JSON.stringify(results, null, 2));
  for (const { what, value, unit } of results) {
    console.log(`${what.padEnd(44)} ${value.toFixed(unit === "ms" ? 2 : 0).padStart(9)} ${unit}`);
  }
}

type Record = (what: string, value: number, unit: Measured["unit"]) => void;

function measureVectors(record: Record): void {
  for (const [name, id] of VECTORS) {
    const vector = vectorCases?.find((item) => item.id === id);
    if (!vector) continue;
    const policy = parsePolicy({ platform: vector.tee, measurements: INSECURE_ANY_MEASUREMENT });
    const evidence: Evidence = {
      platform: vector.tee,
      document: vectorBytes(vector.evidence),
      endorsements: vector.endorsements.map(vectorBytes),
    };
    const collateral = vector.collateral ? vectorText(vector.collateral) : undefined;
    measureVerify(name, evidence, policy, { at: new Date(vector.verifyAt), collateral }, record);
  }
}

function measureVerify(
  name: string,
  evidence: Evidence,
  policy: AttestationPolicy,
  context: VerificationContext,
  record: Record,
): void {
  const verify = () => {
    const verdict = verifyEvidence(evidence, policy, context);
    if (!verdict.accepted) throw new Error(`${name} is refused: ${verdict.failures[0].message}`);
  };
  const verifyFirst = () => {
    forgetVerifiedLinks();
    verify();
  };
  record(`verify ${name}, first`, perSecond(verifyFirst), "verifications/s");
  record(`verify ${name}, again`, perSecond(verify), "verifications/s");
}

function measureQvl(record: Record): void {
  if (!vectorCases) return;
  const quote = Buffer.from(vectorBytes("tdx/v4-phala-2025.quote.bin"));
  const collateral = JSON.parse(vectorText("tdx/v4-phala-2025.collateral.json"));
  const atSeconds = Date.parse("2025-06-25T00:00:00Z") / 1000;
  const verify = () => {
    const { status } = verifyByQvl(quote, collateral, atSeconds);
    if (status !== "UpToDate") throw new Error(`dcap-qvl says ${status}`);
  };
  record("dcap-qvl: tdx v4 with collateral", perSecond(verify), "verifications/s");
}

const USER_DATA = encodeUserData({
  functionChecksum: new Uint8Array(32),
  certificateKid: "A".repeat(43),
});

async function measureSimulated(record: Record): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const tee = await openSimulatedTee({ folder, version: "bench" });
    const request = {
      nonce: new Uint8Array(16),
      sessionKey: new Uint8Array(32),
      userData: USER_DATA,
    };
    const evidence = await tee.attest(request);
    const policy = policyOf(tee.rootPem, tee.measurements);
    measureVerify("simulated", evidence, policy, { at: new Date() }, record);
    const startMs = performance.now();
    let documents = 0;
    for (; performance.now() - startMs < MEASURE_MS; documents++) await tee.attest(request);
    record("attest simulated", documents / (performance.now() - startMs) * 1000, "documents/s");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** From the dial to the moment at which an input could be encrypted: socket, nonce, evidence, verification. */
async function measureConnect(record: Record): Promise<void> {
  const folder = await Deno.makeTempDir();
  const tee = await openSimulatedTee({ folder: `${folder}/tee`, version: "bench" });
  await using sandbox = createSandbox();
  const host = await startEnclaveHost({ tee, sandbox, dataDir: `${folder}/data`, port: 0 });
  try {
    const token = host.accountToken();
    const policy = policyOf(tee.rootPem, tee.measurements);
    const source = new TextEncoder().encode("export const cape_handler = (input) => input;");
    const { zip, checksum } = packFiles("echo", new Map([["app.js", source]]));
    const common = { url: host.url, token, policy };
    const { id } = await deployPackage({ ...common, zip, name: "echo" });
    const connect = async () => {
      const startMs = performance.now();
      const connection = await connectEnclave({ ...common, functionId: id, checksum });
      const tookMs = performance.now() - startMs;
      connection.close();
      await connection.closed;
      return tookMs;
    };
    forgetVerifiedLinks();
    record("attested connect, cold", await connect(), "ms");
    const warm: number[] = [];
    for (let count = 0; count < CONNECTS; count++) warm.push(await connect());
    record("attested connect, warm (median)", warm.sort((a, b) => a - b)[CONNECTS / 2], "ms");
  } finally {
    await host.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function policyOf(
  insecureSimulatedRoot: string,
  measurements: AttestationPolicy["measurements"],
): AttestationPolicy {
  return parsePolicy({ platform: "simulated", insecureSimulatedRoot, measurements });
}

/** Repeats for a while, after a short warm-up of the compiler. */
function perSecond(act: () => void): number {
  for (let count = 0; count < 20; count++) act();
  const startMs = performance.now();
  let done = 0;
  for (; performance.now() - startMs < MEASURE_MS; done++) act();
  return done / (performance.now() - startMs) * 1000;
}

if (import.meta.main) await main();
