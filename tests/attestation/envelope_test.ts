/** The envelope: what goes in comes out; hostile ones are a text, never an exception. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  decodeEvidence,
  encodeEvidence,
  type Evidence,
  evidenceFromWire,
  evidenceToWire,
  readEvidenceFile,
} from "../../lib/attestation/mod.ts";
import { base64, utf8 } from "../../lib/base/bytes.ts";

const evidence: Evidence = {
  platform: "snp",
  document: new Uint8Array(1184).fill(1),
  endorsements: [new Uint8Array([0x30, 0])],
  bound: new Uint8Array([1, 2, 3]),
};

Deno.test("an envelope gives back the evidence that went in, bare, from the wire or as base64", () => {
  const encoded = encodeEvidence(evidence);
  deepStrictEqual(decodeEvidence(encoded), evidence);
  deepStrictEqual(evidenceFromWire(evidenceToWire(evidence), "snp"), evidence);
  deepStrictEqual(readEvidenceFile(encoded), evidence);
  deepStrictEqual(readEvidenceFile(utf8(base64(encoded) + "\n")), evidence);
});

Deno.test("documents in Nitro's format travel bare and are taken for the TEE that is wanted", () => {
  const document = new Uint8Array([0x84, 0x40]);
  for (const platform of ["nitro", "simulated"] as const) {
    const bare: Evidence = { platform, document, endorsements: [] };
    deepStrictEqual(evidenceToWire(bare), document);
    deepStrictEqual(evidenceFromWire(document, platform), bare);
  }
  deepStrictEqual(evidenceFromWire(document, "snp"), {
    platform: "nitro",
    document,
    endorsements: [],
  });
});

Deno.test("bytes tell the TEE; what tells nothing is refused", () => {
  const platformOf = (bytes: Uint8Array) => {
    const read = readEvidenceFile(bytes);
    return typeof read === "string" ? undefined : read.platform;
  };
  strictEqual(platformOf(new Uint8Array(1184)), "snp");
  strictEqual(platformOf(Uint8Array.of(4, 0, 2, 0, 0x81, 0, 0, 0)), "tdx");
  strictEqual(platformOf(Uint8Array.of(3, 0, 2, 0, 0, 0, 0, 0)), "sgx");
  strictEqual(platformOf(Uint8Array.of(0x84)), "nitro");
  strictEqual(platformOf(new Uint8Array(0)), undefined);
  strictEqual(platformOf(utf8("hello")), undefined);
});

Deno.test("an envelope that is truncated, changed or of another shape is a reason, not an exception", () => {
  const encoded = encodeEvidence(evidence);
  for (const at of encoded.keys()) {
    strictEqual(typeof decodeEvidence(encoded.subarray(0, at)), "string");
  }
  const wrong: unknown[] = [
    null,
    [],
    {},
    { platform: "sev", document: "" },
    { platform: "snp" },
    { platform: "snp", document: 1 },
    { platform: "snp", document: "a" },
    { platform: "snp", document: "", endorsements: "x" },
    { platform: "snp", document: "", endorsements: [1] },
    { platform: "snp", document: "", endorsements: Array(9).fill("") },
    { platform: "snp", document: "", bound: 1 },
    { platform: "snp", document: "A".repeat(200_000) },
  ];
  for (const value of wrong) ok(typeof decodeEvidence(utf8(JSON.stringify(value))) === "string");
});
