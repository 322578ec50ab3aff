/** `cluster.json`: what is read, and each thing that is refused, alone. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { repeatedName } from "../../function/leader-election/json_names.ts";
import { base64url, fromHex, utf8 } from "../../lib/base/bytes.ts";
import { readClusterConfig } from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { type ConfigFields, configFields, configOf, OPERATOR, voters } from "./_roster.ts";

Deno.test("a cluster.json is read in full, with defaults for what may be left out", () => {
  const fields = configFields(4, 1);
  const config = configOf(fields);
  assertEquals(config, {
    cluster: "test",
    roster: voters(4).map(({ publicKey }, i) => ({
      id: config.roster[i].id,
      name: `a:${i + 1}`,
      key: publicKey,
      weight: 1,
    })),
    faultBound: 1,
    policy: "random",
    sticky: false,
    maxTenure: 0,
    lease: { leaseMs: 2000, driftPpm: 1000 },
    operatorKey: OPERATOR.publicKey,
    digest: sha256(utf8(JSON.stringify(fields))),
  });
  assertEquals(
    config.roster.map(({ id }) => base64url(id)),
    voters(4).map(({ id }) => id),
  );
});

Deno.test("everything that may be said is read", () => {
  const fields = configFields(2, 0, {
    policy: "weighted",
    sticky: true,
    maxTenure: 3,
    succeeds: "ab".repeat(32),
  });
  fields.roster[1].weight = 1000;
  const { policy, sticky, maxTenure, succeeds, roster } = configOf(fields);
  assertEquals([policy, sticky, maxTenure], ["weighted", true, 3]);
  assertEquals(succeeds, fromHex("ab".repeat(32)));
  assertEquals(roster.map(({ weight }) => weight), [1, 1000]);
});

Deno.test("as many liars as n >= 3f+1 allows are accepted, and the bound is never chosen for the user", () => {
  for (const [count, bound] of [[1, 0], [2, 0], [3, 0], [4, 1], [5, 1], [7, 2], [64, 21]]) {
    assertEquals(configOf(configFields(count, bound)).faultBound, bound);
  }
  for (const [count, bound] of [[3, 1], [6, 2], [63, 21]]) {
    const read = readClusterConfig(utf8(JSON.stringify(configFields(count, bound))));
    assert(typeof read === "string" && read.includes(`needs ${count + 1} voters`), String(read));
  }
  const { faultBound: _, ...rest } = configFields();
  assertEquals(readClusterConfig(utf8(JSON.stringify(rest))), 'the file lacks "faultBound"');
});

const SMALL_ORDER_KEY = base64url(new Uint8Array(32));
/** y = p + 1, another text for y = 1 with an order of one. */
const NOT_CANONICAL_KEY = base64url(fromHex("f0" + "ff".repeat(30) + "7f")!);

const refusals: [string, (fields: ConfigFields) => void, string][] = [
  ["no cluster", (f) => delete f.cluster, 'the file lacks "cluster"'],
  ["an unknown field", (f) => f.quorum = 1, 'the file has an unknown field "quorum"'],
  [
    "a cluster name with a space",
    (f) => f.cluster = "a b",
    '"cluster" is no name of 1..64 printable ASCII characters',
  ],
  ["an empty roster", (f) => f.roster = [], '"roster" is not an array of 1..64 members'],
  [
    "a roster beyond measure",
    (f) => f.roster = Array(65).fill(f.roster[0]),
    '"roster" is not an array of 1..64 members',
  ],
  ["a member without a key", (f) => delete f.roster[2].key, '"roster[2]" lacks "key"'],
  [
    "a member with more to say",
    (f) => f.roster[1].id = "x",
    '"roster[1]" has an unknown field "id"',
  ],
  [
    "a member without a name",
    (f) => f.roster[0].name = "",
    '"roster[0]" has no name of 1..64 printable ASCII characters',
  ],
  [
    "two members of one name",
    (f) => f.roster[1].name = "a:1",
    '"roster[1]" has the name "a:1" of another member',
  ],
  [
    "two members with one key",
    (f) => f.roster[3].key = f.roster[0].key,
    '"roster[3]" has the key of another member',
  ],
  [
    "a short key",
    (f) => f.roster[0].key = "AAAA",
    'the key of "roster[0]" is not 32 bytes in base64url',
  ],
  [
    "a key with stray bits",
    (f) => f.roster[0].key = f.roster[0].key.slice(0, 42) + "_",
    'the key of "roster[0]" is not 32 bytes in base64url',
  ],
  [
    "a key of small order",
    (f) => f.roster[0].key = SMALL_ORDER_KEY,
    'the key of "roster[0]" is no sound Ed25519 key',
  ],
  [
    "a key that is not canonical",
    (f) => f.roster[0].key = NOT_CANONICAL_KEY,
    'the key of "roster[0]" is no sound Ed25519 key',
  ],
  [
    "weight 0",
    (f) => f.roster[0].weight = 0,
    'the weight of "roster[0]" is not a whole number of 1..1000',
  ],
  [
    "weight 1001",
    (f) => f.roster[0].weight = 1001,
    'the weight of "roster[0]" is not a whole number of 1..1000',
  ],
  [
    "half a weight",
    (f) => f.roster[0].weight = 1.5,
    'the weight of "roster[0]" is not a whole number of 1..1000',
  ],
  [
    "more liars than the roster bears",
    (f) => f.faultBound = 2,
    '"faultBound" is 2, which needs 7 voters; the roster has 4',
  ],
  [
    "less than no liars",
    (f) => f.faultBound = -1,
    '"faultBound" is not a whole number of 0..64',
  ],
  [
    "an unknown policy",
    (f) => f.policy = "mine",
    '"policy" is none of highest, random, weighted',
  ],
  ["sticky as a text", (f) => f.sticky = "yes", '"sticky" is neither true nor false'],
  [
    "a bound of a tenure that nothing makes",
    (f) => f.maxTenure = 3,
    '"maxTenure" without "sticky" bounds nothing',
  ],
  ["no lease", (f) => delete f.lease, 'the file lacks "lease"'],
  ["a lease without drift", (f) => delete f.lease.driftPpm, '"lease" lacks "driftPpm"'],
  [
    "a lease of no time",
    (f) => f.lease.leaseMs = 99,
    '"lease.leaseMs" is not a whole number of 100..3600000',
  ],
  [
    "clocks that never err",
    (f) => f.lease.driftPpm = 0,
    '"lease.driftPpm" is not a whole number of 1..100000',
  ],
  [
    "an operator with a key of small order",
    (f) => f.operatorKey = SMALL_ORDER_KEY,
    '"operatorKey" is no sound Ed25519 key',
  ],
  [
    "a predecessor in capitals",
    (f) => f.succeeds = "AB".repeat(32),
    '"succeeds" is not a checksum of 64 lower-case hex digits',
  ],
];
for (const [what, change, message] of refusals) {
  Deno.test(`cluster.json: refuses ${what}`, () => {
    const fields = configFields();
    change(fields);
    assertEquals(readClusterConfig(utf8(JSON.stringify(fields))), message);
  });
}

Deno.test("cluster.json: refuses bytes that are no JSON object", () => {
  assertEquals(readClusterConfig(utf8("{")), "it is not JSON in UTF-8");
  assertEquals(readClusterConfig(Uint8Array.of(0xff)), "it is not JSON in UTF-8");
  assertEquals(readClusterConfig(utf8("[]")), "the file is not an object");
  const large = utf8(" ".repeat(70_000));
  assertEquals(readClusterConfig(large), "it has 70000 bytes; at most 65536 are allowed");
});

Deno.test("cluster.json: refuses a field that is there twice, however it is written", () => {
  const text = JSON.stringify(configFields());
  for (const name of ["faultBound", "\\u0066aultBound"]) {
    const twice = `{"${name}":0,` + text.slice(1);
    assertEquals(readClusterConfig(utf8(twice)), 'it has the field "faultBound" twice');
  }
  assertEquals(
    readClusterConfig(utf8(text.replace('{"name":"a:2"', '{"name" : "b", "name":"a:2"'))),
    'it has the field "name" twice',
  );
});

Deno.test("names are repeated only within one object", () => {
  for (
    const fine of [
      '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
      '{"a":"a","b":"\\"a\\":"}',
      '["a","a"]',
      '{"a":["{","a","}"],"b":"a"}',
    ]
  ) assertEquals(repeatedName(fine), undefined, fine);
  for (
    const wrong of ['{"a":1,"b":{"c":[{}]},"a":2}', '[{"a":1,"a":1}]', '{"a\\n":1,"a\\u000a":2}']
  ) {
    assert(repeatedName(wrong), wrong);
  }
});
