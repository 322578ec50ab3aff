/** What becomes of a call of the election function: a certificate that is taken, a refusal, or a host that was out of reach. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { fromBase64url, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { sealNativeHpke } from "../../lib/crypto/hpke_native.ts";
import { callForCertificate } from "../../lib/node/election_answer.ts";
import type { PartShell } from "../../lib/node/election_part.ts";

const ANSWER = utf8('{"certificate":"a.b.c"}');

/** Calls a function that answers so; a certificate `isGenuine` or not. */
async function call(answer: (replyKey: Uint8Array) => Uint8Array, isGenuine = true) {
  const taken: unknown[] = [];
  const shell = {
    call: (input) => {
      const { reply } = JSON.parse(fromUtf8(input)!);
      return new Promise((resolve) => resolve(answer(fromBase64url(reply)!)));
    },
    onDocument(document, from, kid) {
      taken.push([document, from, kid]);
      return isGenuine;
    },
  } as Partial<PartShell> as PartShell;
  const failure = await callForCertificate(shell, "kid", [], () => utf8('{"elect":{}}'));
  return { failure, taken };
}

const sealed = (key: Uint8Array) => sealNativeHpke(key, ANSWER);

function fail(code: "unreachable" | "function"): () => never {
  return () => {
    throw new FumataError(code, "Cannot call: no");
  };
}

Deno.test("an answer that is sealed to the key of its call is taken with the enclave's key", async () => {
  const { failure, taken } = await call(sealed);
  strictEqual(failure, undefined);
  deepStrictEqual(taken, [[{ certificate: "a.b.c", bundle: [] }, undefined, "kid"]]);
});

Deno.test("an answer that everybody could read is none", async () => {
  const { failure, taken } = await call(() => ANSWER);
  match(failure!.reason, /not sealed to the key of this call/);
  deepStrictEqual([failure!.refused, taken], [true, []]);
});

Deno.test("a certificate that does not verify counts as a refusal", async () => {
  const { failure } = await call(sealed, false);
  match(failure!.reason, /does not verify/);
  strictEqual(failure!.refused, true);
});

Deno.test("what the function refuses is refused, what did not reach it is not", async () => {
  deepStrictEqual((await call(fail("function"))).failure, {
    reason: "Cannot call: no",
    refused: true,
  });
  deepStrictEqual((await call(fail("unreachable"))).failure, {
    reason: "Cannot call: no",
    refused: false,
  });
});
