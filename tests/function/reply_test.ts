/** Answers that are sealed to a key of the caller's. */
import { match, ok, strictEqual } from "node:assert";
import { base64url, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { generateHpkeKey } from "../../lib/crypto/hpke.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { CERTIFICATE_PEM, electionPackage, PACKAGE_PEM } from "./_world.ts";

/** Calls in a session of their own; gives what came of each. */
async function call(...requests: object[]): Promise<(Uint8Array | string)[]> {
  await using sandbox = createSandbox();
  const keys = { certificateKeyPem: CERTIFICATE_PEM };
  const session = await sandbox.open(
    await electionPackage({ "private.pem": PACKAGE_PEM }),
    keys,
    "simulated",
  );
  const answers: (Uint8Array | string)[] = [];
  for (const request of requests) {
    const outcome = await session.call(utf8(JSON.stringify(request)));
    answers.push(outcome.ok ? outcome.output : outcome.error);
  }
  session.close();
  return answers;
}

Deno.test("an answer goes to the key in the request and to no other; the next call without one is answered openly", async () => {
  const [mine, foreign] = [await generateHpkeKey(), await generateHpkeKey()];
  const reply = base64url(mine.publicKey);
  const [sealed, open] = await call({ describe: {}, reply }, { describe: {} });
  ok(sealed instanceof Uint8Array && open instanceof Uint8Array);
  strictEqual(JSON.parse(fromUtf8(open)!).kind, "open");
  strictEqual(fromUtf8((await mine.open(sealed))!), fromUtf8(open));
  strictEqual(await foreign.open(sealed), undefined);
});

Deno.test("a reply key that is none is a clear error", async () => {
  for (const reply of ["", "AAAA", 7, null, base64url(new Uint8Array(31))]) {
    const [error] = await call({ describe: {}, reply });
    strictEqual(error, "Cannot elect: reply is not 32 bytes in base64url");
  }
  const [smallOrder] = await call({ describe: {}, reply: base64url(new Uint8Array(32)) });
  strictEqual(smallOrder, "Cannot reply: the key is no X25519 key");
});

Deno.test("the seeds' call is answered openly, whatever stands beside it", async () => {
  const [answer] = await call({ node_list: ["a:1"], reply: "AAAA" });
  match(fromUtf8(answer as Uint8Array)!, /a:1/);
});
