/** The seeds' call in the real sandbox. node-forge verifies: a second implementation. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
// @ts-types="@types/node-forge"
import forge from "node-forge";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { configFields } from "./_roster.ts";
import { CERTIFICATE_PEM, electionPackage, FunctionWorld, PACKAGE_PEM } from "./_world.ts";

Deno.test("plain call", async (t) => {
  await using world = new FunctionWorld(await electionPackage({ "private.pem": PACKAGE_PEM }));
  const publicPem = createPublicKey(createPrivateKey(PACKAGE_PEM) as never)
    .export({ format: "pem", type: "spki" }) as string;

  const isSigned = (message: string, signatureHex: string) => {
    const digest = forge.md.sha256.create().update(message, "utf8").digest().getBytes();
    return (forge.pki.publicKeyFromPem(publicPem) as forge.pki.rsa.PublicKey)
      .verify(digest, forge.util.hexToBytes(signatureHex), "RSASSA-PKCS1-V1_5");
  };

  const elections: [unknown[], string][] = [
    [["5000", "5001"], "5001"],
    [["9000", "10000"], "9000"], // texts, as Python sorts them
    [[9000, 10000], "10000"],
    [[-3, -7], "-3"],
    [["127.0.0.1:5001", "127.0.0.1:5000", "127.0.0.1:5002"], "127.0.0.1:5002"],
    [["\u{1f600}", "\uffee"], "\u{1f600}"], // by code points, not by UTF-16 units
    [["a", "ab", "a"], "ab"],
    [['quote "é" \x7f'], 'quote "é" \x7f'],
  ];
  for (const [nodes, greatest] of elections) {
    await t.step(`of ${JSON.stringify(nodes)} the greatest is ${greatest}`, async () => {
      const answer = await world.ask({ node_list: nodes });
      assert("text" in answer, JSON.stringify(answer));
      const { message, signature } = JSON.parse(answer.text);
      assertEquals(message, greatest);
      assert(isSigned(greatest, signature));
      assert(!isSigned(`${greatest}x`, signature));
    });
  }

  await t.step("the signature is the one that node-forge makes, in Python's JSON", async () => {
    const key = forge.pki.privateKeyFromPem(PACKAGE_PEM) as forge.pki.rsa.PrivateKey;
    const signature = key.sign(forge.md.sha256.create().update("é:1", "utf8"));
    assertEquals(await world.ask({ node_list: ["é:1"] }), {
      text: `{"message": "\\u00e9:1", "signature": "${forge.util.bytesToHex(signature)}"}`,
    });
  });

  await t.step("other fields beside node_list are left alone", async () => {
    assert("text" in await world.ask({ node_list: ["a"], comment: 5, describe: {} }));
  });

  const refusals: [string, unknown, string][] = [
    ["no list", {}, "node list is missing"],
    ["a list that is none", { node_list: "5000" }, "Cannot elect: node_list is not an array"],
    ["an empty list", { node_list: [] }, "Cannot elect: node_list is empty"],
    [
      "mixed nodes",
      { node_list: ["5000", 5001] },
      "Cannot elect: node_list holds something else than only texts or only whole numbers",
    ],
    [
      "fractions",
      { node_list: [1.5] },
      "Cannot elect: node_list holds something else than only texts or only whole numbers",
    ],
    [
      "half a character",
      { node_list: ["\ud800"] },
      "Cannot elect: node_list holds a text that is not Unicode",
    ],
    [
      "a known field of a wrong type",
      { node_list: ["a"], elect: 5 },
      'Cannot elect: "elect" is not an object',
    ],
    ["an array", ["a"], "Cannot read the request: it is not a JSON object"],
    [
      "what is no JSON",
      new Uint8Array([0xff, 0xfe]),
      "Cannot read the request: it is not JSON in UTF-8",
    ],
    [
      "10 MB of nonsense",
      new Uint8Array(10_000_000).fill(0x5b),
      "Cannot read the request: it has 10000000 bytes; at most 524288 are allowed",
    ],
  ];
  for (const [what, request, error] of refusals) {
    await t.step(`refuses ${what}`, async () => {
      assertEquals(await world.ask(request), { error });
    });
  }

  await t.step("without private.pem it says what to do", async () => {
    const answer = await world.ask({ node_list: ["a"] }, await electionPackage());
    assertEquals(answer, {
      error:
        'Cannot sign: the package has no private.pem; make one with "fumata keygen" in the function\'s folder and deploy it again',
    });
  });

  await t.step("the certificate key does not sign plain calls", async () => {
    const publicKey = forge.pki.rsa.setPublicKey(
      ...(({ n, e }) => [n, e] as const)(
        forge.pki.privateKeyFromPem(CERTIFICATE_PEM) as forge.pki.rsa.PrivateKey,
      ),
    );
    const answer = await world.ask({ node_list: ["a"] });
    assert("text" in answer);
    const digest = forge.md.sha256.create().update("a", "utf8").digest().getBytes();
    const signature = forge.util.hexToBytes(JSON.parse(answer.text).signature);
    let isValid = false;
    try {
      isValid = publicKey.verify(digest, signature, "RSASSA-PKCS1-V1_5");
    } catch {
      // forge throws for a padding that does not decrypt
    }
    assert(!isValid);
  });

  await t.step("a package with cluster.json has no plain call", async () => {
    const roster = await electionPackage({
      "private.pem": PACKAGE_PEM,
      "cluster.json": JSON.stringify(configFields()),
    });
    const answer = await world.ask({ node_list: ["a"] }, roster);
    assert("error" in answer && answer.error.includes("so there is no plain call"));
  });
});
