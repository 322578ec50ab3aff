import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { concat, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import {
  BRIEF_SAVES_BYTES,
  openEnvelope,
  sealEnvelope,
  TAG_CHARACTERS,
} from "../../lib/wire/envelope.ts";
import { alice, bob, carol, CLUSTER, mutated, noise } from "./_fixtures.ts";

const body = utf8("body");
const expected = { cluster: CLUSTER, self: bob.id, bytesMax: 1200 };
const sealed = sealEnvelope(alice, CLUSTER, 5, bob.id, body);
const brief = sealEnvelope(alice, CLUSTER, 5, bob.id, body, {
  isBrief: true,
  knowsRecipient: true,
});
const knowing = {
  ...expected,
  senderOf: (tag: string) =>
    alice.id.startsWith(tag) ? { id: alice.id, key: alice.publicKey } : undefined,
};
/** Where the parts of an envelope begin. */
const [CLUSTER_AT, SENDER_AT, BODY_AT] = [3, 7, 39];

Deno.test("an envelope opens at its recipient and says who speaks", () => {
  deepStrictEqual(openEnvelope(sealed, expected), {
    ok: true,
    sender: alice.id,
    senderKey: alice.publicKey,
    recipient: bob.id,
    isBrief: false,
    knowsRecipient: false,
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

Deno.test("a frame for another node fails at its signature, for the recipient is signed and does not travel", () => {
  strictEqual(reasonOf(sealed, { ...expected, self: carol.id }), "signature");
});

Deno.test("a frame of another cluster is dropped", () => {
  strictEqual(reasonOf(sealed, { ...expected, cluster: "other" }), "cluster");
});

Deno.test("the signature covers the cluster name and not only its tag", () => {
  const foreign = sealEnvelope(alice, "other", 5, bob.id, body);
  foreign.set(sealed.subarray(CLUSTER_AT, SENDER_AT), CLUSTER_AT);
  strictEqual(reasonOf(foreign), "signature");
});

Deno.test("a kind that is not expected on the channel is dropped", () => {
  strictEqual(reasonOf(sealed, { ...expected, kinds: new Set([1]) }), "kind");
});

/** Field by field: what the signature must catch, and what is dropped before. */
const CHANGES: readonly [string, number, readonly number[], string][] = [
  ["version", 0, [1], "version"],
  ["addressed flag", 1, [0], "signature"],
  ["flag that says whose key is known", 1, [5], "signature"],
  ["flag that nobody has defined", 1, [9], "malformed"],
  ["kind", 2, [4], "signature"],
  ["cluster tag", CLUSTER_AT, [0, 0, 0, 0], "cluster"],
  ["sender", SENDER_AT, [...carol.publicKey], "signature"],
  ["body", BODY_AT, [...utf8("Body")], "signature"],
  ["signature", sealed.length - 64, Array(64).fill(0), "signature"],
];
for (const [what, at, bytes, reason] of CHANGES) {
  Deno.test(`a changed ${what} is dropped as ${reason}`, () => {
    strictEqual(reasonOf(changed(sealed, at, bytes)), reason);
  });
}

Deno.test("a small-order key that fits every message speaks for nobody", () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const forged = changed(sealed, SENDER_AT, [...identity]);
  const signature = [...identity, ...new Uint8Array(32)];
  strictEqual(reasonOf(changed(forged, forged.length - 64, signature)), "signature");
});

Deno.test("a brief envelope is shorter by what is left out, and opens where its sender is known", () => {
  strictEqual(sealed.length - brief.length, BRIEF_SAVES_BYTES);
  const opened = openEnvelope(brief, knowing);
  ok(opened.ok);
  deepStrictEqual(opened.senderKey, alice.publicKey);
  strictEqual(opened.sender, alice.id);
  strictEqual(opened.isBrief, true);
  strictEqual(opened.knowsRecipient, true);
});

Deno.test("a brief envelope of a sender that is not known is dropped before its signature is looked at", () => {
  strictEqual(reasonOf(brief), "unknown-sender");
});

Deno.test("a brief envelope speaks for nobody but the owner of the key that stands behind the tag", () => {
  const senderOf = () => ({ id: carol.id, key: carol.publicKey });
  strictEqual(reasonOf(brief, { ...expected, senderOf }), "signature");
});

Deno.test("a full envelope cannot be made brief by others, nor a brief one full", () => {
  const tag = fromBase64url(alice.id.slice(0, TAG_CHARACTERS))!;
  const shortened = concat(sealed.subarray(0, SENDER_AT), tag, sealed.subarray(BODY_AT));
  strictEqual(reasonOf(changed(shortened, 1, [3]), knowing), "signature");
  const tagEnd = SENDER_AT + tag.length;
  const stretched = concat(brief.subarray(0, SENDER_AT), alice.publicKey, brief.subarray(tagEnd));
  strictEqual(reasonOf(changed(stretched, 1, [5])), "signature");
});

Deno.test("what leaves something out names its recipient: others could not tell how long an answer may be", () => {
  for (const [isBrief, knowsRecipient] of [[true, false], [false, true], [true, true]]) {
    const form = { isBrief, knowsRecipient };
    const frame = sealEnvelope(alice, CLUSTER, 1, undefined, body, form);
    strictEqual(reasonOf(frame, knowing), "malformed");
  }
});

Deno.test("an envelope cut at any byte is dropped, full and brief", () => {
  for (const frame of [sealed, brief]) {
    for (let length = 0; length < frame.length; length++) {
      strictEqual(openEnvelope(frame.subarray(0, length), knowing).ok, false, `${length}`);
    }
  }
});

Deno.test("every flipped bit of an envelope is noticed", () => {
  for (const frame of [sealed, brief]) {
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const copy = frame.slice();
      copy[bit >> 3] ^= 1 << (bit & 7);
      strictEqual(openEnvelope(copy, knowing).ok, false, `bit ${bit}`);
    }
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

function changed(frame: Uint8Array, at: number, bytes: readonly number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, at);
  return copy;
}

function reasonOf(bytes: Uint8Array, against: Parameters<typeof openEnvelope>[1] = expected) {
  const opened = openEnvelope(bytes, against);
  return opened.ok ? "passed" : opened.reason;
}
