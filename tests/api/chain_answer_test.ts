/** The body of `GET /v1/chain`: made once for each change of the chain, however many ask; sent once to whoever names its tag; bounded. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { EXTRAS_MAX } from "../../lib/certificate/certificate_document.ts";
import { parseChainFile } from "../../lib/certificate/mod.ts";
import { extrasOf } from "../../lib/api/routes/_chain_answer.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import type { Node } from "../../lib/node/node.ts";
import type { StoredKey } from "../../lib/node/state_store.ts";
import { leaseHolder, rosterWorld } from "../node/_roster.ts";

const REQUESTS = 20;

/** Counts how often the database is read for the chain. */
function countReads(node: Node): () => number {
  let reads = 0;
  const read = node.certificates.bind(node);
  node.certificates = () => {
    reads++;
    return read();
  };
  return () => reads;
}

Deno.test("many requests cost one build for each change of the chain, and a reader that has it is sent nothing", async () => {
  await using world = await rosterWorld(1, 0);
  const [voter] = world.startAll();
  const { node, listener } = voter;
  try {
    await leaseHolder([voter]);
    const builds = countReads(node);
    await using server = await ApiServer.start({
      at: { host: "127.0.0.1", port: 0 },
      node,
      routes: ROUTES,
    });
    const url = `http://${formatAddress(server.address)}/v1/chain`;
    const read = async () => {
      const answer = await fetch(url);
      strictEqual(answer.status, 200);
      return { tag: answer.headers.get("etag")!, text: await answer.text() };
    };
    const first = await read();
    for (let i = 0; i < REQUESTS; i++) deepStrictEqual(await read(), first);
    strictEqual(builds(), 1);
    const again = await fetch(url, { headers: { "if-none-match": first.tag } });
    deepStrictEqual([again.status, await again.text()], [304, ""]);

    const { id } = node.leader!;
    const heard = listener.said.length;
    node.stepDown();
    await listener.until(
      ({ event, fields }) => event === "certificate-kept" && fields.certificateId !== id,
      heard,
    );
    const second = await read();
    for (let i = 0; i < REQUESTS; i++) deepStrictEqual(await read(), second);
    strictEqual(builds(), 2);
    notStrictEqual(second.tag, first.tag);
    const file = parseChainFile(second.text);
    ok(typeof file !== "string", String(file));
    deepStrictEqual([file.documents.length, file.keys.length, file.evidence.length], [2, 1, 1]);
  } finally {
    await voter[Symbol.asyncDispose]();
  }
});

Deno.test("a key that comes later is in the next answer, though no certificate came", async () => {
  await using world = await rosterWorld(1, 0);
  const [voter] = world.startAll();
  try {
    await leaseHolder([voter]);
    const before = voter.node.chainVersion;
    const from = voter.listener.said.length;
    // The host closes, is attested again, and shows other evidence for the same key.
    world.enclave.crash();
    world.enclave.up = true;
    await voter.listener.until(({ event }) => event === "attested", from);
    notStrictEqual(voter.node.chainVersion, before);
  } finally {
    await voter[Symbol.asyncDispose]();
  }
});

Deno.test("of too many keys, or too long evidence, the latest are given", () => {
  const key = (n: number, characters: number): StoredKey => ({
    kid: `k${n}`,
    jwk: `{"n":${n}}`,
    tee: "simulated",
    description: "",
    evidence: JSON.stringify("e".repeat(characters)),
  });
  const given = (count: number, characters: number) =>
    extrasOf(Array.from({ length: count }, (_, n) => key(n, characters))).keys.map(({ n }) => n);
  deepStrictEqual(given(3, 10), [0, 1, 2]);
  const many = given(EXTRAS_MAX + 2, 10);
  deepStrictEqual([many.length, many[0], many.at(-1)], [EXTRAS_MAX, 2, EXTRAS_MAX + 1]);
  deepStrictEqual(given(4, 2_500_000), [2, 3]);
});
