/** Intel's collateral: what it says counts only when Intel said it, about this platform, for this time. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { parsePolicy, verifyEvidence } from "../../lib/attestation/mod.ts";
import { vectorBytes, vectorTest, vectorText } from "./_vectors.ts";

const AT = new Date("2025-06-25T00:00:00Z");

type Json = Record<string, unknown>;

function judge(
  tee: "tdx" | "sgx",
  collateral: string,
  fields: Json = {},
  at = AT,
) {
  const file = tee === "tdx" ? "tdx/v4-phala-2025.quote.bin" : "sgx/v3-sgx-dcap-2023.quote.bin";
  const policy = parsePolicy({
    platform: tee,
    measurements: "insecure-any-measurement",
    requireCollateral: true,
    ...fields,
  });
  const evidence = { platform: tee, document: vectorBytes(file), endorsements: [] };
  return verifyEvidence(evidence, policy, { at, collateral });
}

function failuresOf(...parameters: Parameters<typeof judge>): string[] {
  return judge(...parameters).failures.map(({ layer, check }) => `${layer}: ${check}`);
}

const tdxText = () => vectorText("tdx/v4-phala-2025.collateral.json");
const sgxText = () => vectorText("sgx/v3-sgx-dcap-2023.collateral.json");

/** The list's chain is in the quote already. */
function isRead(name: string): boolean {
  return name !== "pck_crl_issuer_chain";
}

function changed(text: string, change: (fields: Json) => void): string {
  const fields = JSON.parse(text);
  change(fields);
  return JSON.stringify(fields);
}

vectorTest("collateral of an up-to-date platform is accepted with its status", () => {
  const verdict = judge("tdx", tdxText());
  deepStrictEqual(verdict.failures, []);
  strictEqual(verdict.facts.tcb_status, "UpToDate");
});

vectorTest(
  "a status that the policy does not list is refused with its advisories, one that it lists is not",
  () => {
    const verdict = judge("sgx", sgxText());
    deepStrictEqual(verdict.failures.map(({ check }) => check), ["tcb"]);
    ok(verdict.genuine);
    ok(verdict.failures[0].message.includes("INTEL-SA-00615"));
    const tcbStatuses = ["UpToDate", "ConfigurationAndSWHardeningNeeded"];
    deepStrictEqual(failuresOf("sgx", sgxText(), { tcbStatuses }), []);
    deepStrictEqual(failuresOf("tdx", tdxText(), { tcbStatuses: [] }), ["policy: tcb"]);
  },
);

vectorTest("genuine collateral for another platform is refused", () => {
  const found = failuresOf("tdx", sgxText());
  ok(found.includes("policy: collateral"));
  ok(found.includes("signature: collateral"), "its PCK list is of another authority");
});

vectorTest("collateral is refused before its issue and after its next update", () => {
  deepStrictEqual(
    new Set(failuresOf("tdx", tdxText(), {}, new Date("2025-06-19T09:00:00Z"))),
    new Set(["policy: collateral"]),
  );
  deepStrictEqual(
    new Set(failuresOf("tdx", tdxText(), {}, new Date("2025-07-19T10:32:28Z"))),
    new Set(["policy: collateral"]),
  );
});

vectorTest("texts, signatures, chains and lists that are swapped or missing are refused", () => {
  const forged: ((fields: Json) => void)[] = [
    (fields) => (fields.tcb_info = String(fields.tcb_info).replace('"svn":5', '"svn":0')),
    (fields) => (fields.qe_identity = String(fields.qe_identity).replace("TD_QE", "QE")),
    (fields) => (fields.tcb_info_signature = fields.qe_identity_signature),
    (fields) => (fields.tcb_info_issuer_chain = ""),
    (fields) => (fields.qe_identity_issuer_chain = fields.pck_crl_issuer_chain),
    (fields) => (fields.pck_crl = fields.root_ca_crl),
    (fields) => (fields.root_ca_crl = fields.pck_crl),
  ];
  for (const [index, change] of forged.entries()) {
    const verdict = judge("tdx", changed(tdxText(), change));
    ok(!verdict.genuine && !verdict.accepted, `change ${index}`);
    ok(verdict.failures.some(({ check }) => check === "collateral"), `change ${index}`);
  }
});

vectorTest("collateral of another shape is a reason, not an exception", () => {
  const shapes = ["", "null", "[]", "{}", tdxText().slice(0, 5000), "x".repeat(5_000_000)];
  for (const name of Object.keys(JSON.parse(tdxText())).filter(isRead)) {
    shapes.push(changed(tdxText(), (fields) => delete fields[name]));
    shapes.push(changed(tdxText(), (fields) => (fields[name] = 1)));
    shapes.push(changed(tdxText(), (fields) => (fields[name] = "{}")));
  }
  for (const text of shapes) {
    const verdict = judge("tdx", text);
    ok(!verdict.accepted);
    ok(!verdict.failures.some(({ check }) => check === "internal"));
  }
});

vectorTest("TCB info of a type or version that nobody has defined is malformed", () => {
  for (const [field, other] of [['"tcbType":0', '"tcbType":1'], ['"version":3', '"version":4']]) {
    const text = changed(
      tdxText(),
      (fields) => (fields.tcb_info = String(fields.tcb_info).replace(field, other)),
    );
    deepStrictEqual(failuresOf("tdx", text), ["structure: collateral"]);
  }
});

vectorTest("collateral with a changed character is never accepted", () => {
  const fields = JSON.parse(tdxText());
  for (const [name, value] of Object.entries<string>(fields)) {
    for (let at = 13; at < value.length; at += 151) {
      const other = value[at] === "1" ? "2" : "1";
      const text = JSON.stringify({
        ...fields,
        [name]: value.slice(0, at) + other + value.slice(at + 1),
      });
      const verdict = judge("tdx", text);
      ok(!verdict.accepted || !isRead(name), `${name} at ${at}`);
      ok(!verdict.failures.some(({ check }) => check === "internal"));
    }
  }
});
