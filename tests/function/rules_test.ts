/** The arithmetic of elections, and its CBOR beside a library's. */
import { deepStrictEqual as assertEquals, ok as assert, throws } from "node:assert";
import { encode } from "cborg";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import {
  beaconInput,
  compareIds,
  compareNames,
  drawLeader,
  isName,
  openVotesNeeded,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import {
  base64url as guestBase64url,
  fromBase64url as guestFromBase64url,
} from "../../function/leader-election/base64url.ts";

const DOMAIN = { checksum: sha256(utf8("function")), cluster: "test" };

Deno.test("CBOR is what the library makes of the same values", () => {
  const numbers = [0, 1, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  const texts = ["", "a", "é😀\0", "x".repeat(24), "x".repeat(300), "x".repeat(70000)];
  const bytes = texts.map(utf8);
  const values = [...numbers, ...texts, ...bytes, [], [[]], numbers, texts, bytes, [[1, "a"], [
    texts,
  ]]];
  for (const value of values) assertEquals(hex(encodeCbor(value as never)), hex(encode(value)));
});

Deno.test("CBOR refuses numbers that have more than one text", () => {
  for (const wrong of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    throws(() => encodeCbor([wrong]), RangeError);
  }
});

Deno.test("the function's base64url is the library's, both ways", () => {
  const prng = createPrng(1);
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, () => prng.below(256));
    const text = base64url(bytes);
    assertEquals(guestBase64url(bytes), text);
    assertEquals(guestFromBase64url(text), bytes);
  }
  for (const text of ["A", "AB", "AAB", "A=", "A A", "+/", "é", "AA\n"]) {
    assertEquals(guestFromBase64url(text), fromBase64url(text));
  }
});

Deno.test("names sort by host, then by port as a number", () => {
  const sorted = [
    "",
    "5",
    "40",
    "a",
    "a:9000",
    "a:10000",
    "a:10001",
    "b",
    "b:1",
    "node9",
    "node10",
  ];
  const prng = createPrng(2);
  for (let i = 0; i < 20; i++) {
    assertEquals(prng.shuffled(sorted).sort(compareNames), sorted);
  }
});

Deno.test("a name is 1 to 64 printable ASCII characters", () => {
  for (const name of ["a", "127.0.0.1:5000", "[::1]:5000", "x".repeat(64)]) assert(isName(name));
  for (const name of ["", "a b", "é", "a\n", "x".repeat(65), 5, null, ["a"]]) assert(!isName(name));
});

Deno.test("a majority is more than half", () => {
  assertEquals([1, 2, 3, 4, 5, 512].map(openVotesNeeded), [1, 2, 2, 3, 3, 257]);
});

Deno.test("no JWS signing input is a beacon input", () => {
  assert(beaconInput(DOMAIN, new Uint8Array(32)).includes(0));
});

Deno.test("whoever does not win the draw can come or go and change nothing", () => {
  const nodes = Array.from({ length: 9 }, (_, i) => ({
    id: sha256(Uint8Array.of(i)),
    name: `n:${i}`,
  }));
  for (let seed = 0; seed < 20; seed++) {
    const beacon = sha256(utf8(`beacon ${seed}`));
    for (const policy of ["random", "highest"] as const) {
      const leader = drawLeader(sha256, DOMAIN, policy, beacon, nodes);
      for (const gone of nodes.filter((node) => node !== leader)) {
        const rest = nodes.filter((node) => node !== gone);
        assertEquals(drawLeader(sha256, DOMAIN, policy, beacon, rest), leader);
      }
    }
  }
});

Deno.test("random draws everyone about as often", () => {
  const nodes = Array.from({ length: 4 }, (_, i) => ({ id: sha256(Uint8Array.of(i)), name: "n" }));
  const wins = new Map(nodes.map((node) => [hex(node.id), 0]));
  for (let seed = 0; seed < 400; seed++) {
    const { id } = drawLeader(sha256, DOMAIN, "random", sha256(utf8(`${seed}`)), nodes);
    wins.set(hex(id), wins.get(hex(id))! + 1);
  }
  for (const count of wins.values()) assert(count > 60 && count < 140, String(count));
});

Deno.test("of two nodes with the highest name the greater id wins", () => {
  const ids = [sha256(utf8("a")), sha256(utf8("b"))].sort(compareIds);
  const nodes = ids.map((id) => ({ id, name: "same:1" }));
  assertEquals(drawLeader(sha256, DOMAIN, "highest", new Uint8Array(32), nodes).id, ids[1]);
});
