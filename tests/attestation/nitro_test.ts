/** Nitro documents that the shared vectors do not have: signed by a pinned root, and wrong in one thing alone. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  insecureAnyMeasurementPolicy,
  parsePolicy,
  type Verdict,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { encode } from "cborg";
import { decodePem } from "../../lib/attestation/certificate_format.ts";
import { concat, fromHex, hex } from "../../lib/base/bytes.ts";
import { AUTHORITY, ECDSA_SHA256, MADE_AT } from "./_makers.ts";
import { vectorBytes, vectorTest } from "./_vectors.ts";
import { ENCIPHERING, makeNitro, type NitroChanges, registers, SIGNING } from "./_nitro_maker.ts";

const aws = makeNitro();
const policy = parsePolicy({ ...insecureAnyMeasurementPolicy("nitro"), roots: aws.rootPem });

function judge(changes: NitroChanges, demands = policy, nonce?: Uint8Array): Verdict {
  const evidence = {
    platform: "nitro",
    document: aws.document(changes),
    endorsements: [],
  } as const;
  return verifyEvidence(evidence, demands, { at: MADE_AT, nonce });
}

function failuresOf(...parameters: Parameters<typeof judge>): string[] {
  return judge(...parameters).failures.map(({ layer, check }) => `${layer}: ${check}`);
}

function withRegister(index: number, value: Uint8Array | undefined): NitroChanges {
  const pcrs = registers();
  if (value) pcrs.set(index, value);
  else pcrs.delete(index);
  return { payload: { pcrs } };
}

Deno.test("a self-made document under its pinned root is accepted", () => {
  deepStrictEqual(failuresOf({}), []);
});

Deno.test("a register of the image that is zero or left out is debug mode, whatever else is pinned", () => {
  const signer = "44".repeat(48);
  const pinsSigner = parsePolicy({ ...policy, measurements: { pcr8: signer } });
  const pcrs = registers().set(8, new Uint8Array(48).fill(0x44));
  deepStrictEqual(failuresOf({ payload: { pcrs } }, pinsSigner), []);
  for (const index of [0, 1, 2]) {
    deepStrictEqual(failuresOf(withRegister(index, new Uint8Array(48))), ["policy: debug"]);
    deepStrictEqual(failuresOf(withRegister(index, undefined)), ["policy: debug"]);
    const without = new Map(pcrs);
    without.delete(index);
    deepStrictEqual(failuresOf({ payload: { pcrs: without } }, pinsSigner), ["policy: debug"]);
  }
});

Deno.test("evidence signed by an authority, or by a key that is certified for other uses, is refused", () => {
  deepStrictEqual(failuresOf({ leafExtensions: [] }), []);
  deepStrictEqual(failuresOf({ leafExtensions: [SIGNING] }), []);
  for (
    const changes of [
      { signedByAuthority: true },
      { leafExtensions: AUTHORITY },
      { leafExtensions: [AUTHORITY[1]] },
      { leafExtensions: [ENCIPHERING] },
    ]
  ) {
    deepStrictEqual(failuresOf(changes), ["signature: chain"]);
    ok(!judge(changes).genuine);
  }
});

Deno.test("a policy without a single measurement, put together by hand, accepts nothing", () => {
  const empty = { platform: "nitro", roots: aws.rootPem, measurements: {} } as const;
  deepStrictEqual(failuresOf({}, empty), ["policy: measurement"]);
  const undefinedOne = { ...empty, measurements: undefined } as never;
  strictEqual(judge({}, undefinedOne).accepted, false);
});

Deno.test("a payload in which one field is missing, of another type or out of its range is malformed", () => {
  const register = new Uint8Array(48).fill(1);
  const [root] = decodePem(aws.rootPem, "CERTIFICATE", 1);
  const payloads: Record<string, unknown>[] = [
    { module_id: undefined },
    { module_id: "" },
    { module_id: "m".repeat(257) },
    { digest: "SHA256" },
    { timestamp: undefined },
    { timestamp: 0 },
    { timestamp: -1 },
    { timestamp: 1.5 },
    { timestamp: 8.64e15 + 1 },
    { timestamp: 2n ** 60n },
    { pcrs: undefined },
    { pcrs: [register] },
    { pcrs: new Map([[32, register]]) },
    { pcrs: new Map([["0", register]]) },
    { pcrs: new Map([[0, "text"]]) },
    { pcrs: new Map([[0, register.subarray(1)]]) },
    { certificate: undefined },
    { cabundle: undefined },
    { cabundle: Array(9).fill(root) },
    { nonce: "text" },
    { user_data: new Uint8Array(2049) },
    { public_key: [1] },
  ];
  for (const payload of payloads) {
    deepStrictEqual(failuresOf({ payload }), ["structure: format"], Object.keys(payload)[0]);
  }
  deepStrictEqual(
    failuresOf({ payload: { cabundle: Array(8).fill(root) } })[0],
    "signature: chain",
  );
  // A field that stands there twice: one reader would take the first, another the last.
  const field = concat(encode("nonce"), encode(new Uint8Array(16).fill(1)));
  const twice = (encoded: Uint8Array) =>
    concat(Uint8Array.of(encoded[0] + 2), encoded.subarray(1), field, field);
  const once = (encoded: Uint8Array) =>
    concat(Uint8Array.of(encoded[0] + 1), encoded.subarray(1), field);
  deepStrictEqual(failuresOf({ content: once }), []);
  deepStrictEqual(failuresOf({ content: twice }), ["structure: format"]);
  deepStrictEqual(failuresOf({ content: (encoded) => concat(encoded, field) }), [
    "structure: format",
  ]);
});

Deno.test("the nonce and a session key of 32 bytes are demanded together", () => {
  const nonce = new Uint8Array(16).fill(1);
  const public_key = new Uint8Array(32).fill(2);
  deepStrictEqual(failuresOf({ payload: { nonce, public_key } }, policy, nonce), []);
  deepStrictEqual(failuresOf({}, policy, nonce), ["policy: nonce", "policy: binding"]);
  deepStrictEqual(failuresOf({ payload: { nonce } }, policy, nonce), ["policy: binding"]);
  deepStrictEqual(failuresOf({ payload: { public_key } }, policy, nonce), ["policy: nonce"]);
  const longer = concat(nonce, Uint8Array.of(0));
  deepStrictEqual(failuresOf({ payload: { nonce: longer, public_key } }, policy, nonce), [
    "policy: nonce",
  ]);
});

/** basicConstraints with CA:TRUE and pathLen 0; a critical nameConstraints; keyUsage with cRLSign alone. */
const PATH_LENGTH_0 = fromHex("30120603551d130101ff040830060101ff020100")!;
const NAME_CONSTRAINTS = fromHex("300c0603551d1e0101ff04023000")!;
const CRL_SIGNING = fromHex("300e0603551d0f0101ff040403020102")!;

Deno.test("each rule for a chain is broken by one certificate alone", () => {
  const [isAuthority, signsCertificates] = AUTHORITY;
  deepStrictEqual(failuresOf({ authorityExtensions: [PATH_LENGTH_0, signsCertificates] }), []);
  const broken: [NitroChanges, RegExp][] = [
    [{ authorityExtensions: [signsCertificates] }, /a certificate that is not an authority/],
    [{ authorityExtensions: [isAuthority, CRL_SIGNING] }, /a key that may not sign certificates/],
    [{ authorityExtensions: [...AUTHORITY, NAME_CONSTRAINTS] }, /unknown critical .*2\.5\.29\.30/],
    [{ leafExtensions: [NAME_CONSTRAINTS] }, /unknown critical .*2\.5\.29\.30/],
    [{ leafIssuer: "Somebody" }, /does not name "Authority" as its issuer/],
    // A genuine signature of a P-384 key, over SHA-256.
    [{ leafAlgorithm: ECDSA_SHA256 }, /not signed by the issuer that it names/],
    // One bit of the signature.
    [{ leaf: (der) => der.with(der.length - 1, der[der.length - 1] ^ 1) }, /not signed by/],
  ];
  for (const [changes, pattern] of broken) {
    const { failures } = judge(changes);
    ok(failures.length > 0, String(pattern));
    for (const { check, message } of failures) {
      strictEqual(check, "chain");
      match(message, /unknown critical/.test(pattern.source) ? /unknown critical/ : pattern);
    }
  }
});

Deno.test("a certificate that names two signature algorithms is malformed", () => {
  // The outer one is not signed: 300a06082a8648ce3d040303 stands there for the second time.
  const swapOuter = (der: Uint8Array) => {
    const at = hex(der).lastIndexOf("06082a8648ce3d040303") / 2;
    return der.with(at + 9, 2);
  };
  const { failures } = judge({ leaf: swapOuter });
  deepStrictEqual(failures.map(({ check }) => check), ["format"]);
  match(failures[0].message, /names two signature algorithms/);
});

Deno.test("a document signed by a key of another curve is refused for its algorithm", () => {
  deepStrictEqual(failuresOf({ leafCurve: "P-256" }), ["signature: algorithm"]);
});

Deno.test("real hardware is no simulated TEE, even when its root is pinned as one", () => {
  const pinned = { platform: "simulated", insecureSimulatedRoot: aws.rootPem } as const;
  const demands = parsePolicy({ ...pinned, measurements: "insecure-any-measurement" });
  const evidence = { platform: "simulated", document: aws.document(), endorsements: [] } as const;
  const { failures } = verifyEvidence(evidence, demands, { at: MADE_AT });
  deepStrictEqual(failures.map(({ check }) => check), ["simulated"]);
  // A policy object without the pin trusts no root at all.
  const unpinned = { platform: "simulated", measurements: "insecure-any-measurement" } as const;
  const refused = verifyEvidence(evidence, unpinned, { at: MADE_AT });
  deepStrictEqual(refused.failures.map(({ check }) => check), ["root", "simulated"]);
});

vectorTest("a simulated policy without its pin does not fall back to any built-in root", () => {
  const file = "nitro/cape-2022-09-15-production-nonce-userdata-publickey.cose";
  const evidence = {
    platform: "simulated",
    document: vectorBytes(file),
    endorsements: [],
  } as const;
  const unpinned = { platform: "simulated", measurements: "insecure-any-measurement" } as const;
  const at = new Date("2022-09-15T17:43:33Z");
  const { failures } = verifyEvidence(evidence, unpinned, { at });
  deepStrictEqual(failures.map(({ check }) => check), ["root", "simulated"]);
});
