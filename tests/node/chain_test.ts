/** The chain on disk: its bound, what is missing of it, whom to ask and whom to answer. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { DatabaseSync } from "node:sqlite";
import type { VerifiedCertificate } from "../../lib/certificate/types.ts";
import { ChainKeeper } from "../../lib/node/chain_keeper.ts";
import { CHAIN_SCHEMA, ChainStore } from "../../lib/node/chain_store.ts";
import { StateStore } from "../../lib/node/state_store.ts";

/** A certificate `c<term>` that follows the one of the term before; `c0` is the origin. */
function certificate(term: number, prev = `c${term - 1}`): VerifiedCertificate {
  return {
    id: `c${term}`,
    term,
    prev,
    kid: "kid",
    tee: "simulated",
    digest: "",
    leader: "a",
    leaderName: "a",
    active: ["a"],
    document: { certificate: "x".repeat(100), bundle: [] },
  };
}

function world(bytesMax?: number) {
  const database = new DatabaseSync(":memory:");
  database.exec(CHAIN_SCHEMA);
  const store = new ChainStore(database, (work) => work(), bytesMax);
  const keeper = (others = ["a", "b"]) =>
    new ChainKeeper({
      store,
      checksum: "00",
      cluster: "test",
      others,
      origin: "c0",
      intervalMs: 100,
    });
  return { store, keeper, [Symbol.dispose]: () => database.close() };
}

const termsOf = (store: ChainStore) => store.all("test").map(({ term }) => term);

Deno.test("a whole chain asks nobody; a gap is asked for by id, at its pace, by turns", () => {
  using at = world();
  const keeper = at.keeper();
  keeper.keep(certificate(1));
  strictEqual(keeper.question(0), undefined);
  keeper.keep(certificate(4));
  deepStrictEqual(keeper.question(0), { to: "a", id: "c3" });
  strictEqual(keeper.question(99), undefined);
  deepStrictEqual(keeper.question(100), { to: "b", id: "c3" });
  ok(keeper.keep(certificate(3)));
  deepStrictEqual(keeper.question(200), { to: "a", id: "c2" });
  keeper.keep(certificate(2));
  strictEqual(keeper.question(300), undefined);
  deepStrictEqual(termsOf(at.store), [1, 2, 3, 4]);
});

Deno.test("what nobody has is asked for a few times and then left, until another certificate comes", () => {
  using at = world();
  const keeper = at.keeper();
  keeper.keep(certificate(3));
  let asked = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 100) if (keeper.question(nowMs)) asked++;
  strictEqual(asked, 6);
  keeper.keep(certificate(4));
  deepStrictEqual(keeper.question(20_000), { to: "a", id: "c2" });
});

Deno.test("a certificate is kept once, and a new process knows what is missing", () => {
  using at = world();
  ok(at.keeper().keep(certificate(3)));
  strictEqual(at.keeper().keep(certificate(3)), false);
  deepStrictEqual(at.keeper().question(0), { to: "a", id: "c2" });
});

Deno.test("a member is answered at a bounded rate, with what is here", () => {
  using at = world();
  const keeper = at.keeper();
  keeper.keep(certificate(1));
  strictEqual(keeper.answer("a", "c9", 0), undefined);
  deepStrictEqual(keeper.answer("a", "c1", 0), certificate(1).document);
  strictEqual(keeper.answer("a", "c1", 99), undefined);
  deepStrictEqual(keeper.answer("b", "c1", 99), certificate(1).document);
  deepStrictEqual(keeper.answer("a", "c1", 100), certificate(1).document);
});

Deno.test("beyond its bytes the oldest certificates go, and nobody is asked for what would go at once", () => {
  using at = world(3 * JSON.stringify(certificate(1).document).length);
  const keeper = at.keeper();
  for (let term = 1; term <= 5; term++) keeper.keep(certificate(term));
  deepStrictEqual(termsOf(at.store), [3, 4, 5]);
  deepStrictEqual(keeper.question(0), { to: "a", id: "c2" });
  keeper.keep(certificate(2));
  deepStrictEqual(termsOf(at.store), [3, 4, 5]);
  strictEqual(keeper.question(1_000), undefined);
});

Deno.test("the certificates of another cluster take no room from this one", () => {
  using at = world(3 * JSON.stringify(certificate(1).document).length);
  for (const cluster of ["a", "b"]) {
    for (let term = 1; term <= 3; term++) at.store.save("00", cluster, certificate(term));
  }
  at.store.save("00", "a", certificate(3));
  deepStrictEqual([at.store.all("a").length, at.store.all("b").length], [3, 3]);
});

Deno.test("clusters have chains of their own", () => {
  using at = world();
  at.store.save("00", "one", certificate(1));
  at.store.save("00", "two", certificate(1));
  deepStrictEqual([at.store.all("one").length, at.store.all("two").length], [1, 1]);
  strictEqual(at.store.has("three", "c1"), false);
});

Deno.test("a state of the first format gets a chain, and keeps what it has", () => {
  const folder = Deno.makeTempDirSync();
  try {
    let id: string;
    {
      using store = StateStore.open(`${folder}/state`);
      id = store.identity.id;
      store.saveKey("00", { kid: "k", jwk: "{}", tee: "simulated", description: "" });
    }
    const database = new DatabaseSync(`${folder}/state/node.db`);
    database.exec(
      "DROP TABLE session; DROP TABLE chain; ALTER TABLE enclave_key DROP COLUMN evidence",
    );
    database.exec("ALTER TABLE identity DROP COLUMN made_s; PRAGMA user_version = 1");
    database.close();
    using store = StateStore.open(`${folder}/state`);
    strictEqual(store.identity.id, id);
    deepStrictEqual(store.keys("00").map(({ kid, evidence }) => [kid, evidence]), [[
      "k",
      undefined,
    ]]);
    store.chain.save("00", "test", certificate(1));
    deepStrictEqual(termsOf(store.chain), [1]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
