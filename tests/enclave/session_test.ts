/** The way of an input: deploy, connect, attest, invoke, close. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, fetchAccountKey } from "../../lib/enclave/client/mod.ts";
import { ECHO, startWorld } from "./_harness.ts";

Deno.test("a function answers many inputs in order and keeps its state until close", async () => {
  await using world = await startWorld();
  const { url } = world.host;
  const { token, policy, echoId: functionId } = world;
  const target = { url, token, policy, functionId, checksum: ECHO.checksum };
  const connection = await connectEnclave(target);
  const answers = await Promise.all(
    ["a", "b", "count"].map((text) => connection.invoke(utf8(text))),
  );
  deepStrictEqual(answers.map(fromUtf8), ["a", "b", "3"]);
  strictEqual(fromUtf8(await connection.invoke(utf8("kid"))), connection.certificateKey!.kid);
  connection.close();
  const fresh = await connectEnclave(target);
  strictEqual(fromUtf8(await fresh.invoke(utf8("count"))), "1");
  await rejects(fresh.invoke(utf8("fail")), { code: "function", message: /asked to fail/ });
  await rejects(fresh.invoke(utf8("count")), { code: "unreachable" });
  ok(!fresh.isOpen);
});

Deno.test("the account key comes with evidence", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  const { publicKey } = await fetchAccountKey({ url: world.host.url, token, policy });
  const key = await crypto.subtle.importKey(
    "spki",
    publicKey.slice(),
    { name: "RSA-OAEP", hash: "SHA-256" },
    true,
    ["encrypt"],
  );
  strictEqual((key.algorithm as RsaHashedKeyAlgorithm).modulusLength, 4096);
});
