/** The bounds of the enclave keys that a node knows: which one goes when there are too many, in memory and on disk. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { hex } from "../../lib/base/bytes.ts";
import type { RsaPublicKey } from "../../lib/crypto/rsa.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { ATTESTED_KEYS_MAX, KnownKeys, PASSED_ON_KEYS_MAX } from "../../lib/node/known_keys.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { BareEnclave, evidenceOf, TestNode } from "./_cluster.ts";

const evidence = evidenceOf("simulated");
const DESCRIPTION = '{"kind":"open","policy":"random"}';

/** A key that nobody verifies with. */
function fakeKey(kid: string): RsaPublicKey {
  return { kid, jwk: { kty: "RSA", n: kid, e: "AQAB" } } as unknown as RsaPublicKey;
}

function world() {
  const store = StateStore.open(undefined);
  const known = new KnownKeys("00", store);
  const pass = (kid: string) => known.save({ key: fakeKey(kid), tee: "simulated", evidence });
  const attest = (kid: string) =>
    known.save({ key: fakeKey(kid), tee: "simulated", evidence, description: DESCRIPTION });
  const kids = (prefix: string) =>
    [...known.keys.keys()].filter((kid) => kid.startsWith(prefix)).sort();
  const onDisk = () => store.keys("00").map(({ kid }) => kid).sort();
  return { known, pass, attest, kids, onDisk, [Symbol.dispose]: () => store[Symbol.dispose]() };
}

const numbered = (prefix: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(from + i).padStart(4, "0")}`);

Deno.test("keys that strangers have passed on go when there are too many, the one saved longest ago first", () => {
  using at = world();
  at.attest("own");
  for (const kid of numbered("p", PASSED_ON_KEYS_MAX)) at.pass(kid);
  strictEqual(at.kids("p").length, PASSED_ON_KEYS_MAX);
  // Saved once more it is the latest.
  at.pass("p0000");
  strictEqual(at.kids("p").length, PASSED_ON_KEYS_MAX);
  at.pass("p9998");
  at.pass("p9999");
  deepStrictEqual(at.kids("p"), [
    "p0000",
    ...numbered("p", PASSED_ON_KEYS_MAX - 3, 3),
    ...["p9998", "p9999"],
  ]);
  deepStrictEqual(at.known.attested, ["own"]);
  deepStrictEqual(at.onDisk(), [...at.known.keys.keys()].sort());
  deepStrictEqual([...at.known.tees.keys()].sort(), at.onDisk());
  strictEqual(at.known.get("p0001"), undefined);
});

Deno.test("keys that a node attested itself have a bound of their own", () => {
  using at = world();
  at.pass("p");
  const kids = numbered("a", ATTESTED_KEYS_MAX + 2);
  for (const kid of kids) at.attest(kid);
  deepStrictEqual(at.known.attested, kids.slice(2));
  deepStrictEqual(at.kids("p"), ["p"]);
  deepStrictEqual(at.onDisk(), [...at.known.keys.keys()].sort());
});

Deno.test("the key of the highest certificate stays, however many come after it", () => {
  using at = world();
  at.pass("head");
  at.known.headKid = "head";
  for (const kid of numbered("p", 2 * PASSED_ON_KEYS_MAX)) at.pass(kid);
  ok(at.known.keys.has("head"));
  strictEqual(at.known.keys.size, PASSED_ON_KEYS_MAX);
});

Deno.test("a key that was passed on and is attested then counts as attested", () => {
  using at = world();
  at.pass("k");
  at.attest("k");
  for (const kid of numbered("p", PASSED_ON_KEYS_MAX)) at.pass(kid);
  deepStrictEqual([at.known.attested, at.kids("p").length], [["k"], PASSED_ON_KEYS_MAX]);
});

Deno.test("a node that reads its own head again keeps the key of it, whatever the hosts show later", async () => {
  await using enclave = new BareEnclave("random");
  await using node = new TestNode(enclave, []);
  await node.leader(1);
  const document = JSON.stringify(node.node.leader!.document);
  const domain = { checksum: enclave.checksum, cluster: "test" };
  using store = StateStore.open(undefined);
  const desk = new CertificateDesk(domain, store);
  const description = { kind: "open", policy: "random", text: DESCRIPTION } as const;
  desk.admit({ key: enclave.key, evidence, description });
  ok(desk.restore(document));
  for (const kid of numbered("a", ATTESTED_KEYS_MAX)) {
    desk.admit({ key: fakeKey(kid), evidence, description });
  }
  ok(desk.restore(document));
  strictEqual(store.keys(hex(enclave.checksum)).length, ATTESTED_KEYS_MAX);
});
