/** The browser's client: it judges as the other verifier does, lets nothing leave before, and is one script. */
import { deepStrictEqual as assertEquals, ok as assert, rejects, strictEqual } from "node:assert";
import { insecureAnyMeasurementPolicy, parsePolicy } from "../../lib/attestation/mod.ts";
import { verifyEvidence } from "../../lib/attestation/verify.ts";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { generateHpkeKey } from "../../lib/crypto/hpke.ts";
import { bundle } from "../../lib/enclave/browser/bundle.ts";
import {
  connectFunction,
  encryptText,
  fetchEncryptionKey,
  type FunctionPins,
} from "../../lib/enclave/browser/client.ts";
import { verifyEvidenceInBrowser } from "../../lib/enclave/browser/verify.ts";
import { createToken } from "../../lib/enclave/client/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { vectorBytes, vectorCases, vectorTest, vectorText } from "../attestation/_vectors.ts";
import { ECHO, policyOf, startWorld, type World } from "./_harness.ts";

async function pinsOf(world: World): Promise<FunctionPins> {
  const { token, policy, echoId: functionId } = world;
  const { url } = world.host;
  return {
    url,
    token: await createToken({ url, token }, { name: "page", functionId }),
    functionId,
    checksum: ECHO.checksum,
    policy,
  };
}

vectorTest("both verifiers give the same verdict on every document in Nitro's format", async () => {
  const nitro = vectorCases!.filter((vector) => vector.tee === "nitro");
  assert(nitro.length > 20);
  for (const vector of nitro) {
    const policy = parsePolicy({
      platform: "nitro",
      measurements: "insecure-any-measurement",
      roots: vectorText(vector.trustAnchor),
    });
    const document = vectorBytes(vector.evidence);
    const evidence = { platform: "nitro", document, endorsements: [] } as const;
    const context = { at: new Date(vector.verifyAt), nonce: new Uint8Array(16) };
    assertEquals(
      await verifyEvidenceInBrowser(evidence, policy, context),
      verifyEvidence(evidence, policy, context),
      vector.id,
    );
  }
});

Deno.test("the browser's verifier refuses what it cannot judge", async () => {
  const document = new Uint8Array();
  const verdictOf = async (platform: "snp" | "nitro", wanted: "snp" | "nitro", at: Date) =>
    await verifyEvidenceInBrowser(
      { platform, document, endorsements: [] },
      insecureAnyMeasurementPolicy(wanted),
      { at },
    );
  const now = new Date();
  const messages = [
    await verdictOf("snp", "snp", now),
    await verdictOf("snp", "nitro", now),
    await verdictOf("nitro", "nitro", new Date(NaN)),
    await verdictOf("nitro", "nitro", now),
  ].map((verdict) => [verdict.accepted, verdict.failures[0].message]);
  assertEquals(messages, [
    [false, "browsers do not verify evidence of platform snp yet"],
    [false, "the evidence is of platform snp, the policy is for nitro"],
    [false, "the time is invalid"],
    [false, "the document is empty"],
  ]);
});

Deno.test("it connects, calls in order, and hears of errors", async () => {
  await using world = await startWorld();
  const connection = await connectFunction(await pinsOf(world));
  assert(connection.verdict.accepted && connection.verdict.genuine);
  strictEqual(fromUtf8(await connection.invoke(utf8("one"))), "one");
  strictEqual(fromUtf8(await connection.invoke(utf8("count"))), "2");
  await rejects(connection.invoke(utf8("fail")), {
    code: "function",
    message: "Cannot get a result: asked to fail",
  });
  await rejects(connection.invoke(utf8("more")), { code: "unreachable" });
});

Deno.test("what it encrypts beforehand is opened inside the enclave", async () => {
  await using world = await startWorld();
  const pins = await pinsOf(world);
  const secret = await encryptText(await fetchEncryptionKey(pins, "local"), "here I am");
  assert(secret.startsWith("cape:") && !secret.includes("here"));
  const connection = await connectFunction(pins);
  strictEqual(fromUtf8(await connection.invoke(utf8(secret))), "here I am");
  connection.close();
  await rejects(fetchEncryptionKey(pins, "nobody"), { message: /there is no user nobody/ });
});

Deno.test("nothing but the nonce leaves for an enclave that is not the pinned one", async () => {
  await using world = await startWorld();
  const pins = await pinsOf(world);
  const folder = await Deno.makeTempDir();
  const other = await openSimulatedTee({ folder, version: "other" });
  const nitro = insecureAnyMeasurementPolicy("nitro");
  const wrong: [string, FunctionPins, RegExp][] = [
    [
      "checksum",
      { ...pins, checksum: new Uint8Array(32) },
      /the function is [0-9a-f]{64}, expected 0+/,
    ],
    ["root", { ...pins, policy: policyOf(other) }, /which is not a pinned root/],
    [
      "code",
      { ...pins, policy: { ...pins.policy, measurements: { pcr0: "00".repeat(48) } } },
      /pcr0 is [0-9a-f]+, expected 0+/,
    ],
    ["platform", { ...pins, policy: nitro }, /simulated TEE/],
  ];
  for (const [what, demands, message] of wrong) {
    await rejects(connectFunction(demands), { code: "refused", message }, what);
    if (what !== "checksum") {
      await rejects(fetchEncryptionKey(demands, "local"), { code: "refused", message }, what);
    }
  }
  const counts = world.host.counters();
  strictEqual(counts.length, wrong.length);
  assert(counts.every((count) => count.bytesAfterNonce === 0));
  await rejects(connectFunction({ ...pins, token: "x" }), { code: "unreachable" });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("evidence for the key may not be old", async () => {
  await using world = await startWorld();
  const pins = await pinsOf(world);
  await fetchEncryptionKey(pins, "local");
  const later = { ...pins, now: () => new Date(Date.now() + 16 * 60_000) };
  await rejects(fetchEncryptionKey(later, "local"), {
    code: "refused",
    message: /the evidence for its key is 16 minutes old/,
  });
});

/** What a script exports, as a browser that imports it gets it. */
// deno-lint-ignore no-explicit-any -- of whatever module it is made
async function loaded(script: string): Promise<any> {
  return (await import(`data:text/javascript,${encodeURIComponent(script)}`)).default;
}

Deno.test("the page's script and everything behind it becomes one script", async () => {
  const folder = new URL("../../lib/enclave/browser/", import.meta.url);
  const page = await bundle(new URL("hide_and_seek/page.ts", folder));
  const outward = page.match(/^\s*(import|export)\b(?!\().*/gm);
  assert(outward?.length === 1 && /^export default module\d+;$/.test(outward[0]));
  assert(!/["']node:/.test(page));
  assert(page.includes("navigator.geolocation"));
  const code = await bundle(new URL("../../crypto/hpke.ts", folder));
  const { sealHpke } = await loaded(code);
  const key = await generateHpkeKey();
  const opened = await key.open(await sealHpke(key.publicKey, utf8("linked")));
  strictEqual(fromUtf8(opened!), "linked");
});

Deno.test("what the linker does not know is an error", async () => {
  const folder = await Deno.makeTempDir();
  const faults: [string, RegExp][] = [
    ['import "./b.ts";', /cannot be linked/],
    ['import { readFile } from "node:fs";', /imports node:fs/],
    ["export let a = 1;", /cannot be linked: export let a/],
    ["export const { a } = b;", /cannot be linked: export const \{/],
    ['import { a } from "./main.ts"; export const b = a;', /a cycle of imports/],
  ];
  for (const [source, message] of faults) {
    await Deno.writeTextFile(`${folder}/main.ts`, source);
    await rejects(bundle(new URL(`file://${folder}/main.ts`)), { message }, source);
  }
  await Deno.writeTextFile(`${folder}/b.ts`, "export default 1; const c = 2; export { c as d };");
  await Deno.writeTextFile(
    `${folder}/main.ts`,
    'import e, { d as f } from "./b.ts";\nimport * as g from "./b.ts";\nexport * from "./b.ts";\n' +
      "export { d as h } from './b.ts';\nexport const i: number = e + f + g.d;",
  );
  const code = await bundle(new URL(`file://${folder}/main.ts`));
  const { default: _, ...rest } = { ...await loaded(code) };
  assertEquals(rest, { d: 2, h: 2, i: 5 });
  await Deno.remove(folder, { recursive: true });
});
