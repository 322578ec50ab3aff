/**
 * Records the frames of each endpoint into `tests/vectors/enclave/`, as the independent client and a host exchange them:
 *
 * ```sh
 * deno run -A tests/enclave/record_vectors.ts
 * ```
 *
 * `vectors_test.ts` replays them. They are to be made anew only when the protocol changes, which is when somebody's client breaks.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { accountKeyOf, open, sealBase, sealedText, sealForAccount, text } from "./_independent.ts";
import { startWorld } from "./_harness.ts";
import { SHOUT } from "./_shout.ts";

const FOLDER = new URL("../vectors/enclave/", import.meta.url);

/** One frame: a text as it is, a binary one as hex; `plain` is what a sealed one holds. */
interface Frame {
  readonly from: "client" | "host";
  readonly text?: string;
  readonly hex?: string;
  readonly plain?: string;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

await Deno.mkdir(FOLDER, { recursive: true });
await using world = await startWorld({ user: "ann" });
const { host: { url }, token, tee, policy } = world;
const common = {
  at: new Date().toISOString(),
  policy,
  function_checksum: createHash("sha256").update(SHOUT).digest("hex"),
};

async function write(name: string, value: unknown): Promise<void> {
  const path = new URL(`${name}.json`, FOLDER);
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}

/** Opens an endpoint and notes the start. */
async function begin(path: string) {
  const session = await open(url, path, token, tee.rootPem);
  const nonce = session.nonce.toString("base64");
  const frames: Frame[] = [
    { from: "client", text: JSON.stringify({ message: { nonce } }) },
    { from: "host", text: JSON.stringify(session.frame) },
  ];
  return {
    ...session,
    nonce,
    frames,
    text(frame: string) {
      frames.push({ from: "client", text: frame });
      session.socket.send(frame);
    },
    binary(frame: Uint8Array, plain: Uint8Array) {
      frames.push({ from: "client", hex: hex(frame), plain: hex(plain) });
      session.socket.send(frame);
    },
    // deno-lint-ignore no-explicit-any
    async answer(): Promise<any> {
      const frame = await session.socket.nextJson();
      frames.push({ from: "host", text: JSON.stringify(frame) });
      return frame;
    },
  };
}

const key = await begin("/v1/key");
await key.socket[Symbol.asyncDispose]();
await write("key", { endpoint: "/v1/key", ...common, nonce: key.nonce, frames: key.frames });

const deploy = await begin("/v1/deploy");
const account = accountKeyOf(deploy.userData);
deploy.text(JSON.stringify({ message: { function_name: "shout", public: false } }));
deploy.binary(sealForAccount(account, SHOUT), SHOUT);
const { message: { id } } = await deploy.answer();
await deploy.socket[Symbol.asyncDispose]();
await write("deploy", {
  endpoint: "/v1/deploy",
  ...common,
  nonce: deploy.nonce,
  frames: deploy.frames,
});

for (const [name, endpoint] of [["run", `/v1/run/${id}`], ["run_by_name", "/v1/run/ann/shout"]]) {
  const run = await begin(endpoint);
  for (const word of ["one", "two", sealedText(account, "three"), "throw"]) {
    const input = text.encode(word);
    run.binary(sealBase(run.sessionKey, input), input);
    await run.answer();
  }
  await run.socket[Symbol.asyncDispose]();
  await write(name, { endpoint, ...common, nonce: run.nonce, frames: run.frames });
}

const test = await begin("/v1/test");
test.binary(sealBase(test.sessionKey, SHOUT), SHOUT);
const input = text.encode("once");
test.binary(sealBase(test.sessionKey, input), input);
await test.answer();
await test.socket[Symbol.asyncDispose]();
await write("test", { endpoint: "/v1/test", ...common, nonce: test.nonce, frames: test.frames });

const exchanges: unknown[] = [];
async function exchange(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url + path, {
    method,
    headers: { Authorization: `Bearer ${token}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  exchanges.push({ method, path, body, status: response.status, answer });
  return answer;
}
await exchange("GET", "/v1/functions?limit=50&offset=0");
await exchange("GET", `/v1/functions/${id}`);
await exchange("POST", "/v1/token", { name: "ci", description: "builds", expiry: 3600 });
const tokens = await exchange("GET", "/v1/tokens") as { id: string; name: string }[];
await exchange("DELETE", `/v1/token/${tokens.find(({ name }) => name === "ci")!.id}`);
await exchange("GET", "/v1/user/ann/key");
await exchange("DELETE", `/v1/functions/${id}`);
await exchange("GET", `/v1/functions/${id}`);
await write("http", { ...common, exchanges });
