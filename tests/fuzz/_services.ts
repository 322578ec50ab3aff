/** The doors that are services: a node's HTTP interface and the enclave's frames, spoken to over real loopback connections. */
import { createPrng } from "../../lib/base/prng.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { openSealedInput } from "../../lib/enclave/host/sealed_input.ts";
import { SessionError } from "../../lib/enclave/host/session.ts";
import { parseFrame } from "../../lib/enclave/frames.ts";
import { Served, TOKEN } from "../api/_served.ts";
import { startWorld } from "../enclave/_harness.ts";
import { nonceFrame, RawSocket } from "../enclave/_raw.ts";
import type { Door } from "./_door.ts";
import { changedText, hostileJson, type Json, pick } from "./_mutate.ts";

const PATHS = ["leader", "members", "status", "certificate", "chain", "keys", "evidence", "prove"];
const POSTS = ["step-down", "join", "force-leave", "keys", "prove", "succession"];

/** Requests as bytes on a connection of their own. The node answers each, closes, and goes on. */
export const HTTP_DOOR: Door = {
  name: "http",
  what: "a node's HTTP interface",
  suiteExecutions: 150,
  takenMin: 5,
  async open(seed) {
    const served = await Served.start();
    const prng = createPrng(seed);
    const body: Json = { address: "127.0.0.1:1", id: "x", challenge: "A".repeat(43), key: "k" };
    let last = "";
    return {
      async run() {
        last = request();
        const answer = await served.raw(last);
        if (/^HTTP\/1.1 500/.test(answer)) throw new Error(`internal error: ${answer}`);
        return /^HTTP\/1.1 2/.test(answer) ? "taken" : "refused";
      },
      lastInput: () => last,
      async close() {
        const { status } = await served.get("/healthz");
        await served[Symbol.asyncDispose]();
        if (status !== 200) throw new Error(`after all requests /healthz answers ${status}`);
      },
    };

    function request(): string {
      const isPost = prng.below(2) === 0;
      const text = hostileJson(body, prng).toWellFormed();
      const lines = [
        `${isPost ? "POST" : "GET"} /v1/${pick(prng, isPost ? POSTS : PATHS)} HTTP/1.1`,
        `Host: 127.0.0.1:${served.server.address.port}`,
        ...(prng.below(2) === 0 ? [`Authorization: Bearer ${TOKEN}`] : []),
        ...(isPost
          ? ["Content-Type: application/json", `Content-Length: ${utf8(text).length}`]
          : []),
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
  },
};

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
