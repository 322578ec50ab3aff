/** What a function can do, what it cannot reach, and that whatever it does ends its own session only. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { verify } from "node:crypto";
import { base64url, fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { generateHpkeKey } from "../../lib/crypto/hpke.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { certificateKey, PACKAGE_PEM, testIdentity } from "../function/_world.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { callOnce, handler, KEYS, packageOf, shown } from "./_functions.ts";

Deno.test("a function and its world", async (t) => {
  await using sandbox = createSandbox();
  const run = async (files: string | Record<string, string>, input?: Uint8Array) =>
    shown(await callOnce(sandbox, files, input));

  await t.step("bytes come back as they went in, also none", async () => {
    assertEquals(await run(handler("return x"), utf8("a\0é")), "a\0é");
    assertEquals(await run(handler("return x")), "");
    assertEquals(await run(handler("return x.subarray(1, 3)"), utf8("abcd")), "bc");
  });

  await t.step("texts, promises and plain JavaScript will do", async () => {
    assertEquals(await run(handler("return 'a\\0é😀'")), "a\0é😀");
    assertEquals(await run("export const cape_handler = async () => (await null, 'late')"), "late");
    assertEquals(await run({ "app.js": "export const cape_handler = () => 'js'" }), "js");
  });

  await t.step(
    "modules import files of the package: .ts, .js, .json, deep and upwards",
    async () => {
      assertEquals(
        await run({
          "app.ts": `import { b } from "./lib/b.ts"; import j from "./j.json" with { type: "json" };
          import type { Nothing } from "./lib/b.ts";
          export const cape_handler = async () => b + j.n + (await import("./lib/c.js")).c;`,
          "lib/b.ts":
            `import j from "../j.json"; export type Nothing = 1; export const b: number = j.n;`,
          "lib/c.js": `export const c = "c";`,
          "j.json": `{"n": 7}`,
        }),
        "14c",
      );
    },
  );

  await t.step(
    "it is loaded once: its globals live from call to call, apart from others",
    async () => {
      const counter = packageOf("let n = 0; export const cape_handler = () => String(++n)");
      const [a, b] = [
        await sandbox.open(counter, KEYS, "simulated"),
        await sandbox.open(counter, KEYS, "simulated"),
      ];
      const answers = await Promise.all(
        [a, a, b, a].map((session) => session.call(new Uint8Array())),
      );
      assertEquals(answers.map(shown), ["1", "2", "1", "3"]);
      a.close();
      assertEquals(shown(await a.call(new Uint8Array())), "threw: the session was closed");
      assertEquals(shown(await b.call(new Uint8Array())), "2");
      b.close();
    },
  );

  await t.step("the log of a call comes with it, the log of loading with the first", async () => {
    const session = await sandbox.open(
      packageOf(
        "console.log('loading'); export const cape_handler = () => (console.log('a', 1, {b: 2}), '')",
      ),
      KEYS,
      "simulated",
    );
    assertEquals((await session.call(new Uint8Array())).log, 'loading\na 1 {"b":2}\n');
    assertEquals((await session.call(new Uint8Array())).log, 'a 1 {"b":2}\n');
    session.close();
  });

  await t.step("enclave tells where it runs, and a function cannot change it", async () => {
    const files = handler(`
      try { enclave.tee = "snp"; } catch {}
      try { globalThis.enclave = {}; } catch {}
      enclave.checksum.fill(0);
      return JSON.stringify([enclave.tee, enclave.kid, enclave.certificateKey, [...enclave.checksum]]);`);
    const key = certificateKey();
    assertEquals(JSON.parse(await run(files)), [
      "simulated",
      key.kid,
      { ...key.jwk },
      [...packageOf(files).checksum],
    ]);
  });

  await t.step("enclave hashes, verifies and signs", async () => {
    const message = utf8("message");
    const identity = testIdentity(1);
    const publicKeyOf = (pem: string) => createPublicKey(createPrivateKey(pem) as never);
    const text = await run({
      "app.ts": handler(`
        const of = (text: string) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
        const key = of("${base64url(identity.publicKey)}");
        const signature = of("${base64url(identity.sign(message))}");
        const wrong = signature.slice();
        wrong[0] ^= 1;
        return JSON.stringify([
          [...enclave.sha256(x)],
          enclave.verifyEd25519(key, x, signature),
          enclave.verifyEd25519(key, x, wrong),
          enclave.verifyEd25519(new Uint8Array(), x, signature),
          [...enclave.signCertificate(x)],
          [...enclave.signWithPem(new TextDecoder().decode(enclave.readFile("private.pem")), x)],
          enclave.hasFile("private.pem"), enclave.hasFile("nothing"), enclave.hasFile("private.pem\\0"),
        ]);`),
      "private.pem": PACKAGE_PEM,
    }, message);
    const [digest, good, wrong, none, certified, signed, ...files] = JSON.parse(text);
    assertEquals(hex(Uint8Array.from(digest)), hex(sha256(message)));
    assertEquals([good, wrong, none], [true, false, false]);
    for (const [pem, bytes] of [[CERTIFICATE_PEM, certified], [PACKAGE_PEM, signed]]) {
      assert(verify("RSA-SHA256", message, publicKeyOf(pem), Uint8Array.from(bytes)));
    }
    assertEquals(files, [true, false, false]);
  });

  await t.step("enclave seals an answer to a key of the caller, for that call only", async () => {
    const key = await generateHpkeKey();
    const files = handler("if (x.length === 32) enclave.replyTo(x); return 'sealed'");
    const session = await sandbox.open(packageOf(files), KEYS, "simulated");
    const sealed = await session.call(key.publicKey);
    assert(sealed.ok);
    assertEquals(fromUtf8((await key.open(sealed.output))!), "sealed");
    assertEquals(shown(await session.call(utf8("plain"))), "sealed");
    session.close();
    assertEquals(
      await run(files, new Uint8Array(32)),
      "threw: Cannot reply: the key is no X25519 key",
    );
  });

  await t.step("TextEncoder, TextDecoder, atob and btoa do what the platform's do", async () => {
    const texts = ["", "a", "é\0😀", "\ufeffmark", "\ud800 half", "x".repeat(1000)];
    for (const text of texts) {
      const encoded = await run(
        handler(`return new TextEncoder().encode(${JSON.stringify(text)})`),
      );
      assertEquals(encoded, new TextDecoder().decode(utf8(text)));
      const wellFormed = text.toWellFormed();
      const decoded = await run(
        handler("return JSON.stringify(new TextDecoder().decode(x))"),
        utf8(wellFormed),
      );
      assertEquals(JSON.parse(decoded), wellFormed.replace(/^\ufeff/, ""));
    }
    for (const binary of ["", "a", "ab", "abc", "\xff\0\x80d"]) {
      const both = handler(
        `const b = btoa(${JSON.stringify(binary)}); return JSON.stringify([b, atob(b)])`,
      );
      assertEquals(JSON.parse(await run(both)), [btoa(binary), binary]);
    }
    const refused = "threw: TypeError: Cannot decode: the bytes are not UTF-8";
    assert(
      (await run(handler("new TextDecoder().decode(x)"), Uint8Array.of(65, 0, 0xff))).startsWith(
        refused,
      ),
    );
  });

  const wrongCalls: [string, string, string][] = [
    [
      "a text where bytes are wanted",
      "enclave.sha256('x')",
      "TypeError: Cannot hash: a Uint8Array is wanted (app.ts:1:",
    ],
    [
      "a file that is not there",
      "enclave.readFile('no')",
      'Cannot read "no": there is no such file',
    ],
    [
      "a file above the package",
      "enclave.readFile('../deno.json')",
      'Cannot read "../deno.json": there is no such file',
    ],
    [
      "a PEM that is none",
      "enclave.signWithPem('no', x)",
      "Cannot sign: the PEM is no private key",
    ],
    [
      "a number where a PEM is wanted",
      "enclave.signWithPem(5, x)",
      "TypeError: Cannot sign: a text is wanted",
    ],
  ];
  for (const [what, code, error] of wrongCalls) {
    await t.step(`enclave refuses ${what}`, async () => {
      const answer = await run(handler(code));
      assert(answer.startsWith(`threw: ${error}`), answer);
    });
  }
});

Deno.test("a function reaches nothing but its package", async (t) => {
  await using sandbox = createSandbox();
  const run = async (files: string | Record<string, string>) =>
    shown(await callOnce(sandbox, files));

  await t.step("no global of the host, of Node or of the web is there", async () => {
    const names = [
      "Deno",
      "process",
      "require",
      "module",
      "global",
      "window",
      "self",
      "fetch",
      "XMLHttpRequest",
      "WebSocket",
      "Worker",
      "importScripts",
      "postMessage",
      "setTimeout",
      "setInterval",
      "queueMicrotask",
      "performance",
      "crypto",
      "WebAssembly",
      "navigator",
      "location",
      "localStorage",
      "std",
      "os",
      "bjson",
      "scriptArgs",
      "print",
      "Buffer",
      "__filename",
      "caches",
    ]; // deno-fmt-ignore
    const answer = await run(
      handler(`return ${JSON.stringify(names)}.filter((name) => name in globalThis).join()`),
    );
    assertEquals(answer, "");
  });

  const imports: [string, string][] = [
    ["node:fs", "only relative imports of files of the package are allowed"],
    ["std", "only relative imports of files of the package are allowed"],
    ["https://example.com/x.js", "only relative imports of files of the package are allowed"],
    ["file:///etc/passwd", "only relative imports of files of the package are allowed"],
    ["/etc/passwd", "only relative imports of files of the package are allowed"],
    [
      "data:text/javascript,export default 1",
      "only relative imports of files of the package are allowed",
    ],
    ["../lib/base/bytes.ts", "it is outside of the package"],
    ["./../../etc/hosts.json", "it is outside of the package"],
    ["./none.ts", 'the package has no file "none.ts"'],
  ];
  for (const [specifier, reason] of imports) {
    await t.step(`import of ${specifier} fails, at once and later`, async () => {
      const error = `Cannot import "${specifier}": ${reason}`;
      assertEquals(
        await run(`import "${specifier}"; ${handler("return 'in'")}`),
        `load: Cannot load the function: ${error}`,
      );
      assertEquals(await run(handler(`return import("${specifier}")`)), `threw: ${error}`);
    });
  }

  await t.step(
    "constructors and prototypes of what it is given lead back into the engine",
    async () => {
      const answer = await run(handler(`
      const found = [];
      for (const given of [enclave.sha256, console.log, enclave.readFile, TextEncoder, x, enclave, atob]) {
        for (let at = given; at; at = Object.getPrototypeOf(at)) {
          const make = at.constructor?.constructor;
          if (typeof make !== "function") continue;
          const world = make("return globalThis")();
          if (world !== globalThis || make("return typeof Deno + typeof process")() !== "undefinedundefined") found.push(at);
        }
      }
      return String(found.length);`));
      assertEquals(answer, "0");
    },
  );

  await t.step("no private key is anywhere in what it can reach", async () => {
    const secret = createPrivateKey(CERTIFICATE_PEM).export({ format: "jwk" });
    const answer = await run(handler(`
      const seen = new Set(), texts = [];
      const walk = (value) => {
        if (typeof value === "string") texts.push(value);
        if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) {
          try { walk(value[key]); } catch {}
        }
        walk(Object.getPrototypeOf(value));
      };
      walk(globalThis);
      return texts.join("\\n");`));
    assert(answer.includes(certificateKey().kid));
    for (const part of [secret.d!, secret.p!, secret.q!, "PRIVATE KEY"]) {
      assert(!answer.includes(part));
    }
  });

  await t.step("what one function does to its built-ins, the next one does not see", async () => {
    const spoiled = handler(
      "Object.prototype.spoiled = 1; Array.prototype.map = null; Uint8Array = null; return 'done'",
    );
    assertEquals(await run(spoiled), "done");
    assertEquals(
      await run(handler("return String(({}).spoiled) + [1].map((n) => n + 1)")),
      "undefined2",
    );
  });
});
