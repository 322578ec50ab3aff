import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import { openEnvelope, sealEnvelope } from "../../lib/wire/envelope.ts";
import { alice, bob, carol, CLUSTER, mutated, noise } from "./_fixtures.ts";

const body = utf8("body");
const expected = { cluster: CLUSTER, self: bob.id, bytesMax: 1200 };
const sealed = sealEnvelope(alice, CLUSTER, 5, bob.id, body);

Deno.test("an envelope opens at its recipient and says who speaks", () => {
  deepStrictEqual(openEnvelope(sealed, expected), {
    ok: true,
    sender: alice.id,
    senderKey: alice.publicKey,
    recipient: bob.id,
    kind: 5,
    body: new Uint8Array(body),
  });
});

Deno.test("an envelope without a recipient opens anywhere in the cluster", () => {
  const opened = openEnvelope(sealEnvelope(alice, CLUSTER, 1, undefined, body), expected);
  ok(opened.ok);
  strictEqual(opened.recipient, undefined);
});

Deno.test("the same body is sealed into the same bytes", () => {
  deepStrictEqual(sealEnvelope(alice, CLUSTER, 5, bob.id, body), sealed);
});

Deno.test("a frame above the limit is dropped before anything else is looked at", () => {
  strictEqual(reasonOf(sealed, { ...expected, bytesMax: sealed.length - 1 }), "too-long");
});

Deno.test("a frame for another node is dropped", () => {
  strictEqual(reasonOf(sealed, { ...expected, self: carol.id }), "recipient");
});

Deno.test("a frame of another cluster is dropped", () => {
  strictEqual(reasonOf(sealed, { ...expected, cluster: "other" }), "cluster");
});

Deno.test("the signature covers the cluster name and not only its tag", () => {
  const foreign = fieldsOf(sealEnvelope(alice, "other", 5, bob.id, body));
  foreign[1] = fieldsOf(sealed)[1];
  strictEqual(reasonOf(encodeCbor(foreign)), "signature");
});

Deno.test("a kind that is not expected on the channel is dropped", () => {
  strictEqual(reasonOf(sealed, { ...expected, kinds: new Set([1]) }), "kind");
});

Deno.test("another version is dropped as such", () => {
  strictEqual(reasonOf(withField(0, 2)), "version");
});

/** Field by field: what the signature must catch, and what is malformed. */
const CHANGES: readonly [string, number, Parameters<typeof encodeCbor>[0], string][] = [
  ["kind", 2, 4, "signature"],
  ["kind beyond one byte", 2, 256, "kind"],
  ["sender", 3, carol.publicKey, "signature"],
  ["recipient taken away", 4, new Uint8Array(0), "signature"],
  ["recipient of another length", 4, new Uint8Array(31), "malformed"],
  ["body", 5, utf8("Body"), "signature"],
  ["body that is a text", 5, "body", "malformed"],
  ["signature", 6, new Uint8Array(64), "signature"],
  ["short signature", 6, new Uint8Array(63), "malformed"],
];
for (const [what, field, value, reason] of CHANGES) {
  Deno.test(`a changed ${what} is dropped as ${reason}`, () => {
    strictEqual(reasonOf(withField(field, value)), reason);
  });
}

Deno.test("a small-order key that fits every message speaks for nobody", () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const fields = fieldsOf(sealed);
  fields[3] = identity;
  fields[6] = Uint8Array.from([...identity, ...new Uint8Array(32)]);
  strictEqual(reasonOf(encodeCbor(fields)), "signature");
});

Deno.test("an envelope cut at any byte is dropped", () => {
  for (let length = 0; length < sealed.length; length++) {
    strictEqual(openEnvelope(sealed.subarray(0, length), expected).ok, false, `${length}`);
  }
});

Deno.test("every flipped bit of an envelope is noticed", () => {
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const copy = sealed.slice();
    copy[bit >> 3] ^= 1 << (bit & 7);
    strictEqual(openEnvelope(copy, expected).ok, false, `bit ${bit}`);
  }
});

Deno.test("random bytes and random changes neither throw nor pass", () => {
  const prng = createPrng(3);
  for (let i = 0; i < 5000; i++) {
    const bytes = i % 2 === 0 ? noise(prng) : mutated(sealed, prng);
    const opened = openEnvelope(bytes, expected);
    // A mutation may by chance undo itself.
    if (opened.ok) deepStrictEqual(bytes, new Uint8Array(sealed));
  }
});

Deno.test("a sealed body does not share memory with the datagram buffer", () => {
  const buffer = sealed.slice();
  const opened = openEnvelope(buffer, expected);
  buffer.fill(0);
  ok(opened.ok);
  deepStrictEqual(opened.body, new Uint8Array(body));
  deepStrictEqual(opened.senderKey, alice.publicKey);
});

function fieldsOf(bytes: Uint8Array): Parameters<typeof encodeCbor>[0][] {
  return decodeCbor(bytes) as Parameters<typeof encodeCbor>[0][];
}

function withField(index: number, value: Parameters<typeof encodeCbor>[0]): Uint8Array {
  const fields = fieldsOf(sealed);
  fields[index] = value;
  return encodeCbor(fields);
}

function reasonOf(bytes: Uint8Array, against: Parameters<typeof openEnvelope>[1] = expected) {
  const opened = openEnvelope(bytes, against);
  return opened.ok ? "passed" : opened.reason;
}
