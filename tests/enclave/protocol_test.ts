/**
 * The wire protocol, sentence by sentence: each with the tests that show it, which this file looks up by their names. The sentences are those of the
 * service that the seeds ran on, as its clients know it. Below are the tests of what no other file shows.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Buffer } from "node:buffer";
import { createPublicKey } from "node:crypto";
import { decode } from "cborg";
import { strToU8, zipSync } from "fflate";
import { ENCLAVE_LIMITS } from "../../lib/enclave/limits.ts";
import { PACKAGE_LIMITS } from "../../lib/package/mod.ts";
import {
  accountKeyOf,
  checkedOutput,
  open,
  sealBase,
  sealForAccount,
  text,
} from "./_independent.ts";
import { startWorld } from "./_harness.ts";
import { RawSocket } from "./_raw.ts";

const ALL = "an independent client takes the key, deploys, runs by id and by name, and verifies";
const TEST = "an independent client tests a package, and is told what is wrong with another";
const HTTP = "functions and keys over plain HTTP are as the protocol says";
const REFUSALS = "refusals and redirects of upgrades are plain HTTP";
const TOKENS = "tokens over plain HTTP are made, listed and deleted as the protocol says";
const DOCUMENT = "the attestation document has the form that Nitro's have, to the byte";
const USER_DATA = "each endpoint binds what its clients look for, and nothing else";
const IDLE = "an idle session is closed without an error";
const IN_ORDER = "a function answers many inputs in order and keeps its state until close";
const USER_KEY = "a user's key is had without a token and judged at its certificate's beginning";
const MOVED = "a host that has moved sends WebSockets on, and the client follows";
const PAGES = "functions are listed by pages, looked at and deleted for good";
const VALUE = "a value has the parts that the protocol names";
const DEPLOY_PRINTS = "deploy prints id, checksum and name, as text and as JSON";

/** What is said, and which tests show it. */
const SENTENCES: readonly [sentence: string, ...tests: string[]][] = [
  // Common
  [
    "WebSocket endpoints have the same URL as HTTP, with ws or wss",
    ALL,
    "a host with a certificate speaks TLS only, and clients that trust it get in",
  ],
  [
    "an upgrade may be answered by 307 with a Location; clients follow it once",
    REFUSALS,
    MOVED,
    "a redirect is followed once and not twice",
  ],
  [
    "the client offers cape.runtime or cape.function, and the token",
    REFUSALS,
    "a token has to be offered under the subprotocol of its kind",
  ],
  ["the server picks the first of the two", "of two subprotocols the host picks the first"],
  [
    "HTTP calls carry Authorization: Bearer",
    HTTP,
    "endpoints that do not exist, and wrong methods, answer JSON errors",
  ],
  ["a refused upgrade answers an HTTP error with an error in its body", REFUSALS],
  ["every JSON frame is a message or an error", ALL, TEST],
  [
    "a set error is thrown to the caller; another shape is no valid message",
    "it connects, calls in order, and hears of errors",
    "a client refuses frames that are no attestation",
  ],
  [
    "a connection idle for 60 s is closed by the server",
    IDLE,
    "the defaults are those of the protocol",
  ],
  // Start and attestation
  [
    "the first frame is a nonce of 12 or 16 bytes; empty metadata may be there",
    "nonces of 12 and of 16 bytes are taken, with metadata and without",
  ],
  ["the answer is a message of the type attestation_doc", ALL],
  ["the document is an untagged COSE_Sign1 with ES384 over the Nitro payload", ALL, DOCUMENT],
  [
    "clients check nonce, signature, chain at the current time, and measurements",
    ALL,
    "a client refuses evidence that answered an earlier nonce",
    "a client refuses a document in which one key was changed",
    "a client refuses a certificate that is not valid at its time",
    "a client refuses a simulated TEE under another root",
    "a client refuses other code in the enclave",
  ],
  ["public_key is the X25519 key of this session", ALL, DOCUMENT],
  ["user_data is JSON with the checksums and keys of the endpoint", ALL, USER_DATA],
  [
    "a client that was given a checksum goes on only if it matches",
    "a client refuses another function than the pinned one",
  ],
  [
    "nothing but the nonce has left the client by then",
    "of a client that refuses, nothing but the nonce and a goodbye is on the wire",
    "a deployment to an enclave that is not trusted leaves nothing there",
  ],
  // Run
  [
    "inputs are binary: encapsulation and ciphertext of HPKE, any number of them",
    ALL,
    "inputs that are not sealed to the session end it",
  ],
  ["the answer is a function_result with output and checksums", ALL],
  [
    "signed_checksums is RSA-PSS over the JSON of the checksums and a newline",
    ALL,
    "a client refuses a result whose signature does not cover its checksums",
  ],
  [
    "several inputs may be in flight; answers come in order",
    ALL,
    IN_ORDER,
    "a flood of inputs is answered in order, not dropped",
  ],
  [
    "the function's state lives from connect to close",
    IN_ORDER,
    "scratch files live as long as their session and belong to it alone",
  ],
  ["an error of the function is an error frame, and the session ends", ALL, IN_ORDER],
  [
    "inputs, and texts in them, that begin with cape: are decrypted inside",
    ALL,
    "a whole input and texts inside one reach the function decrypted",
  ],
  // Deploy
  [
    "after the start come a description and the encrypted package; the answer is the id",
    ALL,
    "deploy: a host takes the recorded frames, whose package is the recorded one",
    "a deployment of another form than described is refused",
  ],
  ["ids have 22 characters of base58", ALL],
  ["the checksum is the SHA-256 of the plain zip", ALL],
  [
    "zips hold one root folder and may be deflated",
    "a deflated package with entries for folders runs",
    "a deflated zip with folder entries opens, as the seeds' clients make them",
  ],
  [
    "there may be 1,000,000,000 bytes of content",
    "the defaults are those of the protocol",
    "a bomb is noticed by what it declares, and held to it",
  ],
  ["the command prints id, checksum and name, and as JSON three fields", DEPLOY_PRINTS],
  // Test
  ["after the start come a package and an input, both sealed; the answer is a result", TEST],
  ["nothing is stored", "a package is tested without being stored"],
  // Key
  ["/v1/key: after the start the client closes; user_data has the RSA-4096 key", ALL, USER_DATA],
  ["/v1/user/<name>/key gives a document without a token", HTTP, USER_KEY],
  ["its chain is judged at the certificate's own beginning", USER_KEY],
  // Encrypt
  [
    "cape:, then base64 of RSA-OAEP, nonce and AES-GCM",
    VALUE,
    "the text form is base64 behind the prefix",
    ALL,
  ],
  // HTTP
  ["GET /v1/functions gives a page of ids, names and dates", HTTP, PAGES],
  ["GET and DELETE /v1/functions/<id>; 404 when unknown", HTTP, PAGES],
  [
    "POST /v1/token makes a token: 201",
    TOKENS,
    "requests for tokens of a wrong form are refused with the reason",
  ],
  [
    "GET /v1/tokens lists them with their dates",
    TOKENS,
    "an expired token answers 401 and says that it is expired",
  ],
  [
    "DELETE /v1/token/<id> voids one",
    TOKENS,
    "a deleted token is void at once, also after a restart",
  ],
  [
    "tokens are signed JWTs",
    "a token that was changed, re-signed or made for another host is refused",
    "a token's claims say what it is for",
  ],
  [
    "expiry and scope are enforced; an expired one answers 401 with 'token is expired'",
    "an expired token answers 401 and says that it is expired",
    "a function token runs its function and nothing else",
    "a function token does not run another function",
  ],
  // Functions
  [
    "a function is app.py, app.js or app.ts with cape_handler",
    ALL,
    "texts, promises and plain JavaScript will do",
    "a python function is deployed, attested and called like any other",
    "packages that cannot run are refused at deploy with the reason",
  ],
  [
    "the handler is loaded once for a connection and called once for each input",
    IN_ORDER,
    "it is loaded once: its globals live from call to call, apart from others",
  ],
  [
    "its own folder is its working directory",
    "the seeds' leader election in Python elects and signs",
    "state and files live from open to close, and are nobody else's",
  ],
];

Deno.test("each sentence of the protocol has a test that is there", () => {
  const names = new Set<string>();
  for (const folder of ["enclave", "sandbox", "package", "crypto"]) {
    for (const { name } of Deno.readDirSync(new URL(`../${folder}`, import.meta.url))) {
      if (!name.endsWith("_test.ts")) continue;
      const source = Deno.readTextFileSync(new URL(`../${folder}/${name}`, import.meta.url));
      for (const [, test] of source.matchAll(/(?:Deno\.test|t\.step)\(\s*"([^"]+)"/g)) {
        names.add(test);
      }
    }
  }
  const missing = SENTENCES.flatMap(([, ...tests]) => tests).filter((test) => !names.has(test));
  deepStrictEqual(missing, []);
  ok(SENTENCES.every(([, ...tests]) => tests.length > 0));
});

Deno.test("the defaults are those of the protocol", () => {
  strictEqual(ENCLAVE_LIMITS.idleMs, 60_000);
  strictEqual(PACKAGE_LIMITS.contentBytesMax, 1_000_000_000);
});

Deno.test("of two subprotocols the host picks the first", async () => {
  await using world = await startWorld();
  const protocols = ["cape.runtime", world.token];
  await using socket = await RawSocket.open(world.host.url, "/v1/key", protocols);
  strictEqual(socket.protocol, "cape.runtime");
});

Deno.test("nonces of 12 and of 16 bytes are taken, with metadata and without", async () => {
  await using world = await startWorld();
  for (const bytes of [12, 16]) {
    for (const more of [{}, { metadata: {} }]) {
      const protocols = ["cape.runtime", world.token];
      await using socket = await RawSocket.open(world.host.url, "/v1/key", protocols);
      const nonce = Buffer.alloc(bytes, bytes);
      socket.send(JSON.stringify({ message: { nonce: nonce.toString("base64"), ...more } }));
      const { message } = await socket.nextJson();
      deepStrictEqual(Object.keys(message), ["type", "message"]);
      deepStrictEqual(Buffer.from(payloadOf(message.message).get("nonce") as Uint8Array), nonce);
    }
  }
});

/** The map inside a document, unverified. */
function payloadOf(base64: string): Map<string, unknown> {
  const [, , payload] = decode(Buffer.from(base64, "base64"), { useMaps: true });
  return decode(payload, { useMaps: true });
}

Deno.test("the attestation document has the form that Nitro's have, to the byte", async () => {
  await using world = await startWorld();
  const { host: { url }, token, tee: { rootPem }, echoId } = world;
  const sessionKeys = [];
  for (let i = 0; i < 2; i++) {
    const { socket, frame, sessionKey } = await open(url, `/v1/run/${echoId}`, token, rootPem);
    await using _socket = socket;
    const bytes = Buffer.from(frame.message.message, "base64");
    // An array of four without a tag, and the protected header {1: -35}.
    strictEqual(bytes.subarray(0, 6).toString("hex"), "8444a1013822");
    const [, unprotected] = decode(bytes, { useMaps: true });
    ok(unprotected instanceof Map);
    const payload = payloadOf(frame.message.message);
    deepStrictEqual([...payload.keys()].sort(), [
      ...["cabundle", "certificate", "digest", "module_id", "nonce", "pcrs", "public_key"],
      ...["timestamp", "user_data"],
    ]);
    strictEqual(typeof payload.get("module_id"), "string");
    ok(Math.abs(Number(payload.get("timestamp")) - Date.now()) < 60_000, "in ms");
    for (const [index, value] of payload.get("pcrs") as Map<number, Uint8Array>) {
      ok(Number.isInteger(index) && value.length === 48);
    }
    strictEqual(sessionKey.length, 32);
    sessionKeys.push(Buffer.from(sessionKey).toString("hex"));
  }
  ok(sessionKeys[0] !== sessionKeys[1], "each session has a key of its own");
});

Deno.test("each endpoint binds what its clients look for, and nothing else", async () => {
  await using world = await startWorld();
  const { host: { url }, token, tee: { rootPem }, echoId } = world;
  const result = "signature_verification_public_key";
  // What fumata adds, which other clients do not read.
  const own = ["certificate_kid", "isolation"];
  const wanted = {
    "/v1/key": ["key", "key_checksum", result],
    "/v1/deploy": ["key", "key_checksum", result],
    "/v1/test": [result],
    [`/v1/run/${echoId}`]: ["func_checksum", result],
  };
  for (const [path, names] of Object.entries(wanted)) {
    const { socket, userData } = await open(url, path, token, rootPem);
    await using _socket = socket;
    const others = Object.keys(userData).filter((name) => !own.includes(name));
    deepStrictEqual(others.sort(), names, path);
    const der = Buffer.from(userData[result], "base64");
    const { asymmetricKeyType } = createPublicKey({ key: der, format: "der", type: "pkcs1" });
    strictEqual(asymmetricKeyType, "rsa");
    if (!userData.key) continue;
    strictEqual(accountKeyOf(userData).asymmetricKeyDetails!.modulusLength, 4096);
    const digest = await crypto.subtle.digest("SHA-256", Buffer.from(userData.key, "base64"));
    strictEqual(Buffer.from(digest).toString("base64"), userData.key_checksum);
  }
});

Deno.test("a deflated package with entries for folders runs", async () => {
  await using world = await startWorld();
  const { host: { url }, token, tee: { rootPem } } = world;
  const source = `// ${"x".repeat(10_000)}\nexport const cape_handler = (x) => x;`;
  const zip = zipSync({ "f/": new Uint8Array(), "f/app.js": [strToU8(source), { level: 9 }] });
  ok(zip.length < 1000);
  const deploy = await open(url, "/v1/deploy", token, rootPem);
  deploy.socket.send(JSON.stringify({ message: { function_name: "f", public: false } }));
  deploy.socket.send(sealForAccount(accountKeyOf(deploy.userData), zip));
  const { message: { id } } = await deploy.socket.nextJson();
  await deploy.socket[Symbol.asyncDispose]();
  const run = await open(url, `/v1/run/${id}`, token, rootPem);
  await using _socket = run.socket;
  const input = text.encode("through");
  run.socket.send(sealBase(run.sessionKey, input));
  strictEqual(checkedOutput(await run.socket.nextJson(), run.userData, { input, zip }), "through");
});
