/** Endorsements of SNP: which certificate, which chain, which revocations. Each check is broken alone. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { parsePolicy, readEndorsementFile, verifyEvidence } from "../../lib/attestation/mod.ts";
import { parseSnpCertificateTable } from "../../lib/attestation/snp_certificate_table.ts";
import { parseRevocationList } from "../../lib/attestation/revocation_list.ts";
import { concat, fromHex, hex } from "../../lib/base/bytes.ts";
import { type ListExtensions, MADE_AT, makeAmd, pemOf, type ReportChanges } from "./_makers.ts";
import { vectorBytes, vectorTest } from "./_vectors.ts";

const amd = makeAmd();
const other = makeAmd();

function judge(
  changes: ReportChanges,
  endorsements: readonly Uint8Array[] = [amd.vcek],
  context: { at?: Date; revocationLists?: readonly Uint8Array[] } = {},
  roots = amd.rootsPem,
) {
  const document = amd.report(new Uint8Array(64), changes);
  const policy = parsePolicy({ platform: "snp", measurements: "insecure-any-measurement", roots });
  return verifyEvidence({ platform: "snp", document, endorsements }, policy, {
    at: MADE_AT,
    ...context,
  });
}

function failuresOf(...parameters: Parameters<typeof judge>): string[] {
  return judge(...parameters).failures.map((failure) => failure.check);
}

Deno.test("a report and its endorsement have to agree on chip, firmware, product and kind of key", () => {
  deepStrictEqual(failuresOf({}), []);
  deepStrictEqual(failuresOf({ 0x1a0: Uint8Array.of(9) }), ["chip-id"]);
  deepStrictEqual(failuresOf({ 0x180: Uint8Array.of(9) }), ["tcb"]);
  deepStrictEqual(failuresOf({ 0x188: Uint8Array.of(0x1a) }), ["chip-id"]);
  deepStrictEqual(failuresOf({ 0x48: Uint8Array.of(4) }), ["signing-key"]);
  deepStrictEqual(failuresOf({ 0x48: Uint8Array.of(2) }), ["signing-key"]);
  deepStrictEqual(failuresOf({ 0x48: Uint8Array.of(7 << 2) }), ["signing-key"]);
});

Deno.test("a report of a version, an algorithm or with trailing bytes that nobody specified is malformed", () => {
  deepStrictEqual(failuresOf({ 0: Uint8Array.of(1) }), ["format"]);
  deepStrictEqual(failuresOf({ 0: Uint8Array.of(6) }), ["format"]);
  deepStrictEqual(failuresOf({ 0x34: Uint8Array.of(2) }), ["format"]);
  deepStrictEqual(failuresOf({ 0x330: Uint8Array.of(1) }), ["format"]);
});

Deno.test("an intermediate may travel with the evidence, a root never", () => {
  deepStrictEqual(failuresOf({}, [amd.vcek], {}, amd.arkPem), ["chain"]);
  deepStrictEqual(failuresOf({}, [amd.vcek, amd.ask], {}, amd.arkPem), []);
  deepStrictEqual(failuresOf({}, [amd.vcek, other.ask], {}, amd.arkPem), ["chain", "chain"]);
  // Both intermediates have the same name: the one that holds is found, wherever it stands.
  deepStrictEqual(failuresOf({}, [amd.vcek, other.ask, amd.ask], {}, amd.arkPem), []);
  deepStrictEqual(failuresOf({}, [amd.vcek], {}, pemOf(other.ask) + amd.rootsPem), []);
  deepStrictEqual(failuresOf({}, [other.vcek]), ["signature", "chain"]);
});

Deno.test("no certificate, two leaf certificates or too many are malformed evidence", () => {
  deepStrictEqual(failuresOf({}, []), ["format"]);
  deepStrictEqual(failuresOf({}, [amd.ask]), ["format"]);
  deepStrictEqual(failuresOf({}, [amd.vcek, other.vcek]), ["format"]);
  deepStrictEqual(failuresOf({}, Array(9).fill(amd.vcek)), ["format"]);
});

Deno.test("a report without its certificate is refused, and still shows what it claims", () => {
  const { genuine, accepted, facts, measurements, failures } = judge({}, []);
  deepStrictEqual([genuine, accepted], [false, false]);
  deepStrictEqual(failures.map(({ layer }) => layer), ["structure"]);
  deepStrictEqual([facts.product, facts.signing_key, facts.vmpl], ["Milan", "VCEK", 0]);
  strictEqual(facts.chip_id, "01".repeat(64));
  strictEqual(measurements.measurement, "aa".repeat(48));
  // Reports of version 2 do not tell the processor.
  strictEqual(judge({ 0: Uint8Array.of(2) }, []).facts.product, undefined);
});

Deno.test("AMD's revocation lists are applied, and have to hold themselves", () => {
  const lists = (...revocationLists: Uint8Array[]) =>
    failuresOf({}, [amd.vcek], { revocationLists });
  deepStrictEqual(lists(amd.revocationList([])), []);
  deepStrictEqual(lists(amd.revocationList([99])), []);
  deepStrictEqual(lists(amd.revocationList([99, amd.askSerial])), ["revocation"]);
  deepStrictEqual(lists(other.revocationList([])), ["revocation"]);
  deepStrictEqual(lists(new Uint8Array(10)), ["revocation"]);
  const stale = judge({}, [amd.vcek], {
    revocationLists: [amd.revocationList([], new Date("2026-01-05T00:00:00Z"))],
  });
  deepStrictEqual(stale.failures.map(({ layer, check }) => [layer, check]), [
    ["policy", "revocation"],
  ]);
  ok(stale.genuine && !stale.accepted);
});

Deno.test("a revocation list counts for its issuer's certificates, and only when the issuer may sign lists", () => {
  // 11 is the VCEK's serial number, which another authority gave.
  const ofAnother = amd.revocationList([11]);
  deepStrictEqual(failuresOf({}, [amd.vcek], { revocationLists: [ofAnother] }), []);
  // The outer algorithm is not signed: the last `…02 30` of PSS' salt length and trailer becomes another.
  const list = amd.revocationList([]);
  const outer = hex(list).lastIndexOf("a203020130a303020101") / 2;
  throws(() => parseRevocationList(list.with(outer + 4, 0x20)), /names two signature algorithms/);
  const noLists = makeAmd([
    fromHex("300f0603551d130101ff040530030101ff")!,
    fromHex("300e0603551d0f0101ff040403020204")!,
  ]);
  const policy = parsePolicy({
    platform: "snp",
    measurements: "insecure-any-measurement",
    roots: noLists.rootsPem,
  });
  const document = noLists.report(new Uint8Array(64));
  const evidence = { platform: "snp", document, endorsements: [noLists.vcek] } as const;
  const { failures } = verifyEvidence(evidence, policy, {
    at: MADE_AT,
    revocationLists: [noLists.revocationList([])],
  });
  deepStrictEqual(failures.map(({ message }) => message), [
    'the revocation list of "ARK-Made" is not signed by it',
  ]);
});

Deno.test("a certificate table whose entries lie outside, or that has no end, is refused", () => {
  const entry = (offset: number, length: number) => {
    const bytes = new Uint8Array(24);
    bytes.set(fromHex("63da758de6644564adc5f4b93be8accd")!);
    const view = new DataView(bytes.buffer);
    view.setUint32(16, offset, true);
    view.setUint32(20, length, true);
    return bytes;
  };
  const end = new Uint8Array(24);
  deepStrictEqual(parseSnpCertificateTable(concat(entry(48, 2), end, new Uint8Array(2))), [
    { kind: "VCEK", der: new Uint8Array(2) },
  ]);
  throws(() => parseSnpCertificateTable(concat(entry(48, 3), end, new Uint8Array(2))), /outside/);
  throws(() => parseSnpCertificateTable(concat(entry(0xffffffff, 0xffffffff), end)), /outside/);
  const endless = concat(...Array.from({ length: 100 }, () => entry(0, 1)));
  throws(() => parseSnpCertificateTable(endless), /has no end/);
  throws(() => parseSnpCertificateTable(entry(0, 1)), /ends after 24 bytes/);
});

Deno.test("a revocation list for some certificates or reasons only is not taken for the whole one", () => {
  const number = fromHex("300a0603551d140403020105")!;
  const distributionPoint = fromHex("300f0603551d1c0101ff040530038101ff")!;
  const deltaOf = fromHex("300d0603551d1b0101ff0403020105")!;
  const reason = fromHex("300a0603551d1504030a0101")!;
  const otherIssuer = fromHex("300c0603551d1d0101ff04023000")!;
  const lists = (serials: number[], extensions: ListExtensions) => {
    const list = amd.revocationList(serials, undefined, extensions);
    return failuresOf({}, [amd.vcek], { revocationLists: [list] });
  };
  deepStrictEqual(lists([], { list: [number] }), []);
  deepStrictEqual(lists([99], { list: [number], entry: [reason] }), []);
  deepStrictEqual(lists([amd.askSerial], { list: [number], entry: [reason] }), ["revocation"]);
  for (const critical of [distributionPoint, deltaOf]) {
    deepStrictEqual(lists([99], { list: [number, critical] }), ["revocation"]);
    deepStrictEqual(lists([], { list: [critical] }), ["revocation"]);
  }
  deepStrictEqual(lists([99], { entry: [otherIssuer] }), ["revocation"]);
});

Deno.test("a revocation list with any bit flipped is never accepted", () => {
  const list = amd.revocationList([99]);
  for (const at of list.keys()) {
    const changed = list.slice();
    changed[at] ^= 1;
    const verdict = judge({}, [amd.vcek], { revocationLists: [changed] });
    // A list whose issuer's name was changed belongs to nobody here and is not applied.
    const applied = verdict.checked.includes("revocation") || !verdict.accepted;
    strictEqual(verdict.accepted && applied, false, `byte ${at}`);
    ok(!verdict.failures.some((failure) => failure.check === "internal"));
  }
});

Deno.test("the last second of a certificate is valid, the next is not", () => {
  deepStrictEqual(failuresOf({}, [amd.vcek], { at: new Date("2027-01-01T00:00:00Z") }), []);
  const after = failuresOf({}, [amd.vcek], { at: new Date("2027-01-01T00:00:01Z") });
  deepStrictEqual(new Set(after), new Set(["validity"]));
  const before = failuresOf({}, [amd.vcek], { at: new Date("2025-12-31T23:59:59Z") });
  deepStrictEqual(new Set(before), new Set(["validity"]));
});

vectorTest("the certificate table of a real host gives the certificates of its report", () => {
  const table = vectorBytes("snp/genoa-v3-production.auxblob.bin");
  const document = vectorBytes("snp/genoa-v3-production.report.bin");
  const endorsements = readEndorsementFile(table, document);
  // ASK, then VCEK; the root of the table is left out.
  strictEqual(endorsements.length, 2);
  deepStrictEqual(endorsements[1], vectorBytes("snp/genoa-v3-production.vcek.der"));
  const policy = parsePolicy({ platform: "snp", measurements: "insecure-any-measurement" });
  const at = new Date("2025-09-01T00:00:00Z");
  ok(verifyEvidence({ platform: "snp", document, endorsements }, policy, { at }).accepted);
});
