import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { INCARNATION_MAX } from "../../lib/membership/limits.ts";
import type { UnsignedClaim } from "../../lib/membership/types.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import {
  CLAIM_BYTES_MAX,
  CLAIMS_CACHED_MAX,
  createClaimReader,
  createClaimSigner,
  TAGS_CHARACTERS_MAX,
} from "../../lib/wire/claims.ts";
import { alice, bob, carol, claimsOfAlice, CLUSTER, mutated, noise } from "./_fixtures.ts";

const sign = createClaimSigner(alice, CLUSTER);
const ALIVE: UnsignedClaim & { type: "alive" } = {
  type: "alive",
  incarnation: 7,
  address: { host: "10.0.0.1", port: 9000 },
  name: "a",
  tags: {},
  keyMadeS: 1_795_000_000,
};

for (const claim of claimsOfAlice()) {
  Deno.test(`a claim of type ${claim.type} is read as it was signed`, () => {
    deepStrictEqual(createClaimReader(CLUSTER).read(claim.encoded), claim);
  });

  Deno.test(`a claim of type ${claim.type} does not count in another cluster`, () => {
    strictEqual(createClaimReader("other").read(claim.encoded), undefined);
  });

  Deno.test(`a claim of type ${claim.type} cut at any byte is refused`, () => {
    const reader = createClaimReader(CLUSTER);
    for (let length = 0; length < claim.encoded.length; length++) {
      strictEqual(reader.read(claim.encoded.subarray(0, length)), undefined);
    }
  });

  Deno.test(`every flipped bit of a claim of type ${claim.type} is noticed`, () => {
    const reader = createClaimReader(CLUSTER);
    for (let bit = 0; bit < 8 * claim.encoded.length; bit++) {
      const copy = claim.encoded.slice();
      copy[bit >> 3] ^= 1 << (bit & 7);
      strictEqual(reader.read(copy), undefined, `bit ${bit}`);
    }
  });
}

Deno.test("a suspicion cannot be turned into a burial: the domain tags differ", () => {
  const fields = decodeCbor(sign({ type: "suspect", subject: bob.id, incarnation: 1 }).encoded);
  strictEqual(readFields([3, ...(fields as Cbor[]).slice(1)]), undefined);
});

Deno.test("nobody speaks for another: the key in the claim is the one that signed", () => {
  const fields = decodeCbor(sign(ALIVE).encoded) as Cbor[];
  fields[1] = carol.publicKey;
  strictEqual(readFields(fields), undefined);
});

/** Each row breaks one rule about what an alive claim says; the signature is genuine. */
const REFUSED: readonly [string, Partial<UnsignedClaim & { type: "alive" }>][] = [
  ["an incarnation above the maximum", { incarnation: INCARNATION_MAX + 1 }],
  ["port 0", { address: { host: "h", port: 0 } }],
  ["port 65536", { address: { host: "h", port: 65536 } }],
  ["an empty host", { address: { host: "", port: 1 } }],
  ["a host with a newline", { address: { host: "h\n", port: 1 } }],
  ["a host that is too long", { address: { host: "h".repeat(254), port: 1 } }],
  ["an empty name", { name: "" }],
  ["a name with a space", { name: "a b" }],
  ["a name with an escape sequence", { name: "\x1b[2J" }],
  ["a name beyond ASCII", { name: "ä" }],
  ["a name that is too long", { name: "n".repeat(65) }],
  ["nine tags", { tags: Object.fromEntries([..."abcdefghi"].map((key) => [key, ""])) }],
  ["an empty tag key", { tags: { "": "v" } }],
  ["a tag value with a newline", { tags: { k: "a\nb" } }],
  ["a tag value that is too long", { tags: { k: "v".repeat(65) } }],
  ["tags that are too long together", {
    tags: { a: "v".repeat(64), b: "v".repeat(64), c: "v".repeat(62) },
  }],
];
for (const [what, change] of REFUSED) {
  Deno.test(`${what} is neither signed nor read`, () => {
    const claim = { ...ALIVE, ...change };
    throws(() => sign(claim), /own claim is within its limits/);
    strictEqual(readFields(signFreely(claim)), undefined);
  });
}

Deno.test("tags in another order, or one twice, are refused: one claim has one encoding", () => {
  const claim = { ...ALIVE, tags: { a: "1", b: "2" } };
  ok(readFields(signFreely(claim)));
  strictEqual(readFields(signFreely(claim, ["b", "2", "a", "1"])), undefined);
  strictEqual(readFields(signFreely(claim, ["a", "1", "a", "2"])), undefined);
  strictEqual(readFields(signFreely(claim, ["a"])), undefined);
});

Deno.test("a tag may be named like a property of objects", () => {
  const claim = sign({ ...ALIVE, tags: JSON.parse('{"__proto__": "x", "toString": "y"}') });
  ok(claim.type === "alive");
  deepStrictEqual(Object.entries(claim.tags), [["__proto__", "x"], ["toString", "y"]]);
});

Deno.test("a claim with everything at its limit is read, and is no longer than a claim may be", () => {
  const value = (TAGS_CHARACTERS_MAX - 8) / 8;
  const claim = sign({
    type: "alive",
    incarnation: INCARNATION_MAX,
    address: { host: "h".repeat(253), port: 65535 },
    name: "n".repeat(64),
    tags: Object.fromEntries([..."abcdefgh"].map((key) => [key, "v".repeat(value)])),
    keyMadeS: INCARNATION_MAX,
  });
  ok(claim.encoded.length <= CLAIM_BYTES_MAX, `${claim.encoded.length}`);
  ok(createClaimReader(CLUSTER).read(claim.encoded));
});

Deno.test("a claim is verified once: the second reading gives the same object", () => {
  const reader = createClaimReader(CLUSTER);
  const { encoded } = sign(ALIVE);
  strictEqual(reader.read(encoded), reader.read(encoded.slice()));
});

Deno.test("a flood of genuine claims fills the memory of claims to its limit, a flood of forgeries not at all", () => {
  const reader = createClaimReader(CLUSTER);
  for (let i = 0; i < CLAIMS_CACHED_MAX + 100; i++) {
    const { encoded } = sign({ type: "left", incarnation: i });
    ok(reader.read(encoded));
    encoded[encoded.length - 1] ^= 1;
    strictEqual(reader.read(encoded), undefined);
  }
  strictEqual(reader.size(), CLAIMS_CACHED_MAX);
});

Deno.test("random bytes and random changes make no claim and no exception", () => {
  const prng = createPrng(4);
  const reader = createClaimReader(CLUSTER);
  const claims = claimsOfAlice();
  for (let i = 0; i < 5000; i++) {
    const original = claims[i % claims.length].encoded;
    const bytes = i % 3 === 0 ? noise(prng) : mutated(original, prng);
    const claim = reader.read(bytes);
    if (claim) deepStrictEqual(bytes, new Uint8Array(original));
  }
});

function readFields(fields: readonly Cbor[]) {
  return createClaimReader(CLUSTER).read(encodeCbor(fields));
}

/** Fields and genuine signature of an alive claim, whatever it says. */
function signFreely(claim: UnsignedClaim & { type: "alive" }, tags?: Cbor[]): Cbor[] {
  const flat = tags ?? Object.entries(claim.tags).flat();
  const { incarnation, address: { host, port }, name, keyMadeS } = claim;
  const fields = [alice.publicKey, incarnation, host, port, name, flat, keyMadeS];
  return [1, ...fields, alice.sign(encodeCbor(["fumata-alive-v2", CLUSTER, ...fields]))];
}
