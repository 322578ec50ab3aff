/** Values encrypted for the account are opened inside the enclave, and only there. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { sealedValueText, sealValue } from "../../lib/crypto/sealed_value.ts";
import { connectEnclave, fetchAccountKey } from "../../lib/enclave/client/mod.ts";
import { openSealedInput } from "../../lib/enclave/host/sealed_input.ts";
import { ECHO, startWorld, type World } from "./_harness.ts";

async function connect(world: World) {
  const { token, policy, echoId } = world;
  const url = world.host.url;
  return await connectEnclave({ url, token, policy, functionId: echoId, checksum: ECHO.checksum });
}

Deno.test("a whole input and texts inside one reach the function decrypted", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  const { publicKey } = await fetchAccountKey({ url: world.host.url, token, policy });
  const seal = async (text: string) => sealedValueText(await sealValue(publicKey, utf8(text)));
  const secret = await seal("the secret é");
  using connection = await connect(world);
  const echoed = async (input: string) => fromUtf8(await connection.invoke(utf8(input)));

  assertEquals(await echoed(secret), "the secret é");
  assertEquals(await echoed(`${secret}\n`), "the secret é");
  assertEquals(
    await echoed(`{ "a": ["${secret}", 1, null], "b": { "c": "${await seal("2")}" } }`),
    '{ "a": ["the secret é", 1, null], "b": { "c": "2" } }',
  );
  // Everything else stays as it came: long numbers, escapes, names, doubles.
  const rest = '"long": 12345678901234567890, "cape:name" : "\\u0041", "x": 1, "x": 2 ';
  assertEquals(
    await echoed(`{"v": "${secret}", ${rest}}`),
    `{"v": "the secret é", ${rest}}`,
  );
  for (const untouched of ['{ "a": "no cape: here" }', "say cape: twice", "{ cape:", "ca", ""]) {
    assertEquals(await echoed(untouched), untouched);
  }
});

Deno.test("a sealed value that does not open ends the session with the reason", async () => {
  await using world = await startWorld();
  const { token, policy } = world;
  const { publicKey } = await fetchAccountKey({ url: world.host.url, token, policy });
  const binary = sealedValueText(await sealValue(publicKey, Uint8Array.of(0xff)));
  const changed = binary.replace(/.$/, "").replace(/.{4}=?$/, "AAAA");
  const faults: [string, RegExp][] = [
    ["cape:***", /what follows cape: is not base64/],
    ["cape:AAAA", /not for the key of this account/],
    [changed, /not for the key of this account|not base64/],
    [`["${binary}"]`, /it is not text/],
    [JSON.stringify(Array(65).fill("cape:AAAA")), /more than 64 encrypted values/],
  ];
  for (const [input, message] of faults) {
    using connection = await connect(world);
    await rejects(connection.invoke(utf8(input)), { message });
  }
});

Deno.test("strings are told apart from what only looks like them, by the letter", async () => {
  const opened = async (json: string) => {
    const open = (sealed: Uint8Array) => Promise.resolve(utf8(`<${sealed.subarray(5).join()}>`));
    const key = () => Promise.resolve({ publicKey: new Uint8Array(), open });
    return fromUtf8(await openSealedInput(utf8(json), key));
  };
  const cases: [string, string][] = [
    [String.raw`"cape:AAAA"`, '"<0,0,0>"'],
    [String.raw`["cape:AAAA"]`, '["<0,0,0>"]'],
    [String.raw`["x","cape:AAAA","cape:AAAA"]`, '["x","<0,0,0>","<0,0,0>"]'],
    [String.raw`{"cape:AAAA" : "cape:AAAA"}`, '{"cape:AAAA" : "<0,0,0>"}'],
    [String.raw`{"cape:AAAA"` + "\n\t\r :1}", String.raw`{"cape:AAAA"` + "\n\t\r :1}"],
    [String.raw`["a\"cape:AAAA"]`, String.raw`["a\"cape:AAAA"]`],
    [String.raw`["a\\", "cape:AAAA"]`, String.raw`["a\\", "<0,0,0>"]`],
    [String.raw`["cape:AA\/\/"]`, '["<0,15,255>"]'],
    [String.raw`["\u0063ape:AAAA", "cape:AAAA"]`, String.raw`["\u0063ape:AAAA", "<0,0,0>"]`],
    [String.raw`["cape:AAAA", "a \" b"]`, String.raw`["<0,0,0>", "a \" b"]`],
  ];
  for (const [json, expected] of cases) assertEquals(await opened(json), expected);
  await rejects(opened(String.raw`["cape:\"\\"]`), { message: /not base64/ });
});

Deno.test("a long input is looked through once, whatever it is made of", async () => {
  const none = { publicKey: new Uint8Array(), open: () => Promise.resolve(undefined) };
  for (const rest of ['"a",'.repeat(2_000_000), `"${"a".repeat(8_000_000)}",`]) {
    const text = `[${rest}"cape:AAAA"]`;
    let startMs = performance.now();
    JSON.parse(text);
    const parseMs = performance.now() - startMs;
    startMs = performance.now();
    const failure = openSealedInput(utf8(text), () => Promise.resolve(none));
    await rejects(failure, { message: /not for the key of this account/ });
    const ms = performance.now() - startMs;
    assert(ms < 8 * parseMs + 100, `${ms} ms, ${parseMs} ms to parse`);
  }
});
