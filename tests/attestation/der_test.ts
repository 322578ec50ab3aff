/** The DER walker and the reader of fields: strict, bounded, without surprises. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { fromHex } from "../../lib/base/bytes.ts";
import { decodePem } from "../../lib/attestation/certificate_format.ts";
import {
  childrenOf,
  objectIdentifier,
  readDer,
  smallInteger,
  timeMs,
} from "../../lib/attestation/der.ts";
import { ByteReader, Malformed, printable, structured } from "../../lib/attestation/structure.ts";

const der = (text: string) => readDer(fromHex(text)!);

Deno.test("DER reads what is canonical", () => {
  deepStrictEqual(childrenOf(der("3006020101020102")).map((item) => smallInteger(item, "")), [
    1,
    2,
  ]);
  strictEqual(smallInteger(der("020200d9"), ""), 217);
  strictEqual(objectIdentifier(der("0603551d13"), ""), "2.5.29.19");
  strictEqual(objectIdentifier(der("060a2b060104019c78010301"), ""), "1.3.6.1.4.1.3704.1.3.1");
  strictEqual(timeMs(der("170d3236303131303132303030305a"), ""), Date.UTC(2026, 0, 10, 12));
  strictEqual(timeMs(der("170d3530303131303132303030305a"), ""), Date.UTC(1950, 0, 10, 12));
  strictEqual(timeMs(der("180f32303530303131303132303030305a"), ""), Date.UTC(2050, 0, 10, 12));
});

Deno.test("DER refuses what is truncated, longer, indefinite, giant or not in its shortest form", () => {
  const wrong = [
    "",
    "30",
    "3001",
    "300000",
    "3080",
    "30800000",
    "308100",
    "30817f",
    "3082007f",
    "30850000000000",
    "1f0100",
    "30ff",
  ];
  for (const text of wrong) {
    ok(structured(() => der(text)) instanceof Malformed, text);
  }
});

Deno.test("numbers, identifiers and times that are not well formed are refused", () => {
  for (const text of ["0200", "0201ff", "02020001", "02050100000000", "0401ff"]) {
    throws(() => smallInteger(der(text), "n"), Malformed, text);
  }
  for (const text of ["0600", "060180", "0606ffffffffff7f", "040155"]) {
    throws(() => objectIdentifier(der(text), "o"), Malformed, text);
  }
  const times = [
    "20260110",
    "261301120000Z",
    "260230120000Z",
    "2601101200Z",
    "260110120000+",
    "260110120060Z",
    "260110126000Z",
    "260110240000Z",
  ];
  for (const time of times) {
    const bytes = new TextEncoder().encode(time);
    const element = { tag: 0x17, whole: bytes, content: bytes };
    throws(() => timeMs(element, "t"), Malformed, time);
  }
});

Deno.test("the reader of fields stops at the end, whatever length it is asked for", () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5), "it");
  strictEqual(reader.uint16(), 0x0201);
  throws(() => reader.uint32(), Malformed);
  throws(() => reader.bytes(0xffffffff), Malformed);
  strictEqual(reader.left, 3);
  strictEqual(reader.bytes(1)[0], 3);
});

Deno.test("PEM of too many blocks, without an end or with something else inside is refused", () => {
  const block = "-----BEGIN X-----\nAAAA\n-----END X-----\n";
  strictEqual(decodePem(`text ${block} text ${block}`, "X", 2).length, 2);
  throws(() => decodePem(block + block, "X", 1), Malformed);
  throws(() => decodePem(block.slice(0, 30), "X", 1), Malformed);
  throws(() => decodePem(block.replace("AAAA", "A?AA"), "X", 1), Malformed);
  deepStrictEqual(decodePem("no block", "X", 1), []);
});

Deno.test("texts of strangers are shortened and cleaned before they are shown", () => {
  strictEqual(printable("a\x1b[31m\u202eb"), "a?[31m?b");
  strictEqual(printable("x".repeat(100)).length, 65);
});
