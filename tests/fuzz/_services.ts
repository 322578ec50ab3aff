/** The doors that are services: a node's HTTP interface and the enclave's frames, spoken to over real loopback connections. */
import type { Address } from "../../lib/base/address.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { openSealedInput } from "../../lib/enclave/host/sealed_input.ts";
import { SessionError } from "../../lib/enclave/host/session.ts";
import { parseFrame } from "../../lib/enclave/frames.ts";
import { readAll, Served, TOKEN } from "../api/_served.ts";
import { startWorld } from "../enclave/_harness.ts";
import { nonceFrame, RawSocket } from "../enclave/_raw.ts";
import type { Door, OpenDoor } from "./_door.ts";
import { changedText, hostileJson, type Json, pick } from "./_mutate.ts";

/** All that a node serves, but the stream that never ends and the order that ends the node. */
const SERVED = ROUTES.filter(({ path }) => path !== "/v1/events" && path !== "/v1/leave");

/** Every field that some route reads; the seed is none, for one that could be asked would be waited for. */
const BODY: Json = {
  seeds: ["nowhere"],
  member: "n:1",
  id: "x",
  key: "A".repeat(43) + "=",
  certificate: "A".repeat(43),
  challenge: "A".repeat(43),
  name: "job",
  holder: "one",
  wantedMs: 100,
  open: true,
  checksum: "ab".repeat(32),
  cluster: "test",
  successor: "cd".repeat(32),
  signature: "A".repeat(86),
};
const QUERIES = [
  "",
  "?wait=1ms",
  "?wait=-1s",
  "?wait=9e9d",
  "?kid=x",
  "?kid=%00",
  "?%",
  "?after=1",
];

const HOST_LINES = [
  "GET /v1/functions",
  "GET /v1/functions/:id",
  "DELETE /v1/functions/x",
  "POST /v1/token",
  "GET /v1/tokens",
  "DELETE /v1/token/x",
  "GET /v1/key",
  "GET /v1/user/local/key",
  "GET /v1/deploy",
  "GET /v1/test",
  "GET /v1/run/:id",
  "GET /hide-and-seek",
  "GET /hide-and-seek/pins",
  "GET /metrics",
];

/** Requests as bytes on a connection of their own. The node answers each, closes, and goes on. */
export const HTTP_DOOR: Door = {
  name: "http",
  what: "a node's HTTP interface",
  suiteExecutions: 150,
  takenMin: 5,
  async open(seed) {
    const served = await Served.start();
    const { server: { address } } = served;
    return fuzzRequests(seed, address, {
      token: TOKEN,
      lines: (prng) => {
        const { method, path } = pick(prng, SERVED);
        return `${method} ${path}${pick(prng, QUERIES)}`;
      },
      body: BODY,
      health: "/healthz",
      close: () => served[Symbol.asyncDispose](),
    });
  },
};

/** The same at an enclave host, where most is for who holds the account's token. */
export const HOST_HTTP_DOOR: Door = {
  name: "host-http",
  what: "an enclave host's HTTP interface",
  suiteExecutions: 150,
  takenMin: 5,
  async open(seed) {
    const world = await startWorld({ limits: { requestsPerSecond: 1_000_000 } });
    const { hostname, port } = new URL(world.host.url);
    return fuzzRequests(seed, { host: hostname, port: Number(port) }, {
      token: world.token,
      lines: (prng) => pick(prng, HOST_LINES).replace(":id", world.echoId),
      body: { function_id: world.echoId, name: "job", description: "x", expiry: 60 },
      health: "/metrics",
      close: () => world[Symbol.asyncDispose](),
    });
  },
};

/** Whom requests are sent to, and what they are made of. */
interface Requests {
  readonly token: string;
  /** Method and path. */
  readonly lines: (prng: Prng) => string;
  readonly body: Json;
  /** Is to answer 200 at the end. */
  readonly health: string;
  readonly close: () => PromiseLike<void>;
}

function fuzzRequests(seed: number, { host, port }: Address, asked: Requests): OpenDoor {
  const prng = createPrng(seed);
  let last = "";
  return {
    async run() {
      last = request();
      const answer = await answerTo(last);
      if (/^HTTP\/1.1 500/.test(answer)) throw new Error(`internal error: ${answer}`);
      return /^HTTP\/1.1 2/.test(answer) ? "taken" : "refused";
    },
    lastInput: () => last,
    async close() {
      const answer = await answerTo(
        [
          `GET ${asked.health} HTTP/1.1`,
          `Host: ${host}:${port}`,
          `Authorization: Bearer ${asked.token}`,
          "Connection: close\r\n\r\n",
        ].join("\r\n"),
      );
      await asked.close();
      if (!/^HTTP\/1.1 200/.test(answer)) throw new Error(`after all requests: ${answer}`);
    },
  };

  async function answerTo(text: string): Promise<string> {
    using connection = await Deno.connect({ hostname: host, port });
    await connection.write(utf8(text)).catch(() => {});
    return await readAll(connection);
  }

  function request(): string {
    const line = asked.lines(prng);
    const isPost = line.startsWith("POST");
    const text = hostileJson(asked.body, prng).toWellFormed();
    const lines = [
      `${line} HTTP/1.1`,
      `Host: ${host}:${port}`,
      ...(prng.below(2) === 0 ? [`Authorization: Bearer ${asked.token}`] : []),
      ...(isPost ? ["Content-Type: application/json", `Content-Length: ${utf8(text).length}`] : []),
      "Connection: close",
    ];
    const whole = `${lines.join("\r\n")}\r\n\r\n${isPost ? text : ""}`;
    // A damaged head may wait for more: the connection then ends by the server's own limit, which no fuzzer has time for.
    return prng.below(3) === 0
      ? whole.replace(
        /^[^\r]*/,
        (line) => changedText(line.slice(0, -9), prng).replaceAll(/[\r\n]/g, "") + " HTTP/1.1",
      )
      : whole;
  }
}

/** First frames and inputs of a session with a host that has a real function. */
export const ENCLAVE_DOOR: Door = {
  name: "enclave",
  what: "frames of sessions with an enclave host",
  suiteExecutions: 40,
  takenMin: 1,
  async open(seed) {
    const world = await startWorld();
    const prng = createPrng(seed);
    const first: Json = JSON.parse(nonceFrame(new Uint8Array(12).fill(1)));
    let last = "";
    return {
      async run(execution) {
        const path = `/v1/run/${world.echoId}`;
        await using socket = await RawSocket.open(world.host.url, path, [
          "cape.runtime",
          world.token,
        ]);
        last = execution % 10 === 0
          ? JSON.stringify(first)
          : hostileJson(first, prng).toWellFormed();
        socket.send(prng.below(8) === 0 ? utf8(last) : last);
        const answer = await socket.nextJson();
        if (answer.error !== undefined) return "refused";
        socket.send(Uint8Array.from({ length: prng.below(200) }, () => prng.below(256)));
        const { error } = await socket.nextJson();
        if (typeof error !== "string") throw new Error("noise was taken for an input");
        return "taken";
      },
      lastInput: () => last,
      close: () => world[Symbol.asyncDispose](),
    };
  },
};

/** Frames and inputs as texts, without a connection: what a host and a client read. */
export const FRAME_DOOR: Door = {
  name: "frames",
  what: "JSON frames, encrypted values in inputs",
  suiteExecutions: 3_000,
  takenMin: 100,
  open(seed) {
    const prng = createPrng(seed);
    const samples: Json[] = [
      { message: { nonce: "AAAA", metadata: { a: [1] } } },
      { error: "no" },
      { a: "cape:AAAA", b: ["cape:", "x"], "cape:c": "cape:!" },
      "cape:AAAA",
    ];
    const key = { open: () => Promise.resolve(prng.below(2) === 0 ? undefined : utf8("plain")) };
    let last = "";
    return {
      async run() {
        last = hostileJson(pick(prng, samples), prng).toWellFormed();
        const frame = parseFrame(last);
        try {
          // deno-lint-ignore no-explicit-any -- only `open` of the key is used
          await openSealedInput(utf8(last), () => Promise.resolve(key as any));
        } catch (thrown) {
          if (!(thrown instanceof SessionError)) throw thrown;
        }
        return frame ? "taken" : "refused";
      },
      lastInput: () => last,
    };
  },
};
