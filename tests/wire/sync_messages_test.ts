import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import type { Claim } from "../../lib/membership/types.ts";
import { createClaimReader, createClaimSigner } from "../../lib/wire/claims.ts";
import {
  decodeSync,
  encodeSync,
  SYNC_BODY_BYTES_MAX,
  SYNC_FRAMES_MAX,
} from "../../lib/wire/sync_messages.ts";
import { alice, claimsOfAlice, CLUSTER, mutated, noise } from "./_fixtures.ts";

Deno.test("a snapshot of thousands of claims comes through in bounded frames", () => {
  const sign = createClaimSigner(alice, CLUSTER);
  const claims = Array.from(
    { length: 1500 },
    (_, i) => sign({ type: "left", incarnation: i }),
  );
  const bodies = encodeSync(claims);
  ok(bodies.length > 1);
  const received: Claim[] = [];
  const reader = createClaimReader(CLUSTER);
  for (const [index, body] of bodies.entries()) {
    ok(body.length <= SYNC_BODY_BYTES_MAX);
    const decoded = decodeSync(body, reader);
    ok(decoded.ok);
    strictEqual(decoded.frame.index, index);
    strictEqual(decoded.frame.count, bodies.length);
    received.push(...decoded.frame.claims);
  }
  deepStrictEqual(received, claims);
});

Deno.test("an empty snapshot is one empty frame", () => {
  const [body, ...more] = encodeSync([]);
  strictEqual(more.length, 0);
  deepStrictEqual(decodeSync(body, createClaimReader(CLUSTER)), {
    ok: true,
    frame: { index: 0, count: 1, claims: [] },
  });
});

const REFUSED: readonly [string, Parameters<typeof encodeCbor>[0], string][] = [
  ["an index that is not below the count", [1, 1, []], "body"],
  ["a count of zero", [0, 0, []], "body"],
  ["more frames than an exchange may have", [0, SYNC_FRAMES_MAX + 1, []], "body"],
  ["a field too many", [0, 1, [], 0], "body"],
  ["claims that are no array", [0, 1, 0], "body"],
  ["a claim that is no byte string", [0, 1, [0]], "claim"],
  ["a claim of another cluster", [0, 1, [claimsOfAlice("other")[0].encoded]], "claim"],
];
for (const [what, body, reason] of REFUSED) {
  Deno.test(`a frame with ${what} is dropped`, () => {
    const decoded = decodeSync(encodeCbor(body), createClaimReader(CLUSTER));
    strictEqual(decoded.ok ? "passed" : decoded.reason, reason);
  });
}

Deno.test("a body above the limit is dropped unread", () => {
  const decoded = decodeSync(new Uint8Array(SYNC_BODY_BYTES_MAX + 1), createClaimReader(CLUSTER));
  strictEqual(decoded.ok ? "passed" : decoded.reason, "too-long");
});

Deno.test("frames cut at any byte, random bytes and random changes neither throw nor pass", () => {
  const [body] = encodeSync(claimsOfAlice());
  const reader = createClaimReader(CLUSTER);
  for (let length = 0; length < body.length; length++) {
    strictEqual(decodeSync(body.subarray(0, length), reader).ok, false);
  }
  const prng = createPrng(6);
  const genuine = new Set(claimsOfAlice().map((claim) => String(claim.encoded)));
  for (let i = 0; i < 3000; i++) {
    const decoded = decodeSync(i % 2 ? noise(prng) : mutated(body, prng), reader);
    if (!decoded.ok) continue;
    for (const claim of decoded.frame.claims) ok(genuine.has(String(claim.encoded)));
  }
});
