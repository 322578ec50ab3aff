/** Links to hosts: whose key counts as living and for how long, and which connection is called. Time is told by hand. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import type { Platform } from "../../lib/attestation/types.ts";
import type { RsaPublicKey } from "../../lib/crypto/rsa.ts";
import { EnclaveHosts } from "../../lib/node/enclave_hosts.ts";
import { type AttestedConnection, EnclaveLink } from "../../lib/node/enclave_link.ts";
import { evidenceOf } from "./_cluster.ts";

const PATIENCE_MS = 60_000;
const DESCRIPTION = '{"kind":"open","policy":"random"}';

/** The clock of these tests. */
class Clock implements Disposable {
  readonly #original = performance.now;
  nowMs = 1_000_000;

  constructor() {
    performance.now = () => this.nowMs;
  }

  [Symbol.dispose](): void {
    performance.now = this.#original;
  }
}

/** A host that says which key it has, and whether it is there. */
class Host {
  kid = "one";
  isUp = true;
  platform: Platform = "simulated";
  /** What the function says of every input but the question what it is. */
  answer: () => Uint8Array = () => utf8("answer");
  readonly connections: { readonly kid: string; end(): void }[] = [];
  /** Under which key calls came, of those that only ask what the function is none. */
  readonly calls: string[] = [];

  connect(): Promise<AttestedConnection> {
    if (!this.isUp) return Promise.reject(new FumataError("unreachable", "Cannot reach it: down"));
    const { kid } = this;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.connections.push({ kid, end: resolve });
    return Promise.resolve({
      evidence: evidenceOf(this.platform),
      certificateKey: { kid } as RsaPublicKey,
      closed,
      invoke: async (input) => {
        await Promise.resolve();
        if (fromUtf8(input)?.includes("describe")) return utf8(DESCRIPTION);
        this.calls.push(kid);
        return this.answer();
      },
      close() {},
    });
  }
}

/** What was said, in order; can be waited for. */
class Notes {
  readonly said: string[] = [];
  #wake = () => {};

  say(what: string): void {
    this.said.push(what);
    this.#wake();
  }

  async until(passes: () => boolean): Promise<void> {
    while (!passes()) await new Promise<void>((resolve) => this.#wake = resolve);
    // What a link does behind the event, such as to note that it is warm.
    await Promise.resolve();
  }
}

/** A link whose every event is written down. */
function linkTo(host: Host, attested: () => void = () => {}) {
  const notes = new Notes();
  const link = new EnclaveLink(() => host.connect(), PATIENCE_MS, {
    attested({ key }) {
      attested();
      notes.say(`attested ${key.kid}`);
    },
    keyLost: (kid) => notes.say(`lost ${kid}`),
    givenUp: () => notes.say("given up"),
    unreachable: () => notes.say("unreachable"),
    refused: () => notes.say("refused"),
  });
  const { said } = notes;
  return { link, said, until: (what: string) => notes.until(() => said.includes(what)) };
}

/** A link to a host that it has attested. */
async function warmLink() {
  const host = new Host();
  const { link, ...rest } = linkTo(host);
  link.start();
  await rest.until("attested one");
  return { host, link, ...rest, [Symbol.asyncDispose]: () => link[Symbol.asyncDispose]() };
}

Deno.test("a host is called under the key that it has, and under no other", async () => {
  await using at = await warmLink();
  const { host, link } = at;
  await rejects(link.call(utf8("{}"), "two"), /its host has one by now/);
  deepStrictEqual(host.calls, []);
  await link.call(utf8("{}"), "one");
  deepStrictEqual(host.calls, ["one"]);
});

Deno.test("the key of a host that is refused counts as living for nobody, nor is it known that it has no other", async () => {
  const host = new Host();
  const { link, until } = linkTo(host, () => {
    throw new FumataError("refused", "Cannot use it: another platform");
  });
  await using _ = link;
  link.start();
  await until("refused");
  strictEqual(link.kid, undefined);
  strictEqual(link.isSettled, false);
});

Deno.test("a host that shows another key has lost the one before", async () => {
  using clock = new Clock();
  await using at = await warmLink();
  const { host, link, said, until } = at;
  host.kid = "two";
  clock.nowMs += PATIENCE_MS;
  link.refresh();
  await until("attested two");
  deepStrictEqual(said, ["attested one", "attested two", "lost one"]);
  strictEqual(link.kid, "two");
});

Deno.test("patience begins anew with each absence: time between two counts for neither", async () => {
  using clock = new Clock();
  const host = new Host();
  const { link, said, until } = linkTo(host);
  await using _ = link;
  host.isUp = false;
  link.start();
  await until("unreachable");
  host.isUp = true;
  link.start();
  await until("attested one");
  clock.nowMs += 2 * PATIENCE_MS;
  said.length = 0;
  host.isUp = false;
  link.refresh();
  await until("unreachable");
  strictEqual(link.kid, "one");
  deepStrictEqual(said, ["unreachable"]);
});

Deno.test("the end of an earlier connection does not end the present one", async () => {
  using clock = new Clock();
  await using at = await warmLink();
  const { host, link, said, until } = at;
  clock.nowMs += PATIENCE_MS;
  said.length = 0;
  link.refresh();
  await until("attested one");
  host.connections[0].end();
  // The link has heard of that end when the first of these is answered.
  await link.call(utf8("{}"), "one");
  await link.call(utf8("{}"), "one");
  strictEqual(host.connections.length, 2);
});

/** Several hosts of one node, of which everything is written down. */
function hostsOf(...hosts: readonly Host[]) {
  const notes = new Notes();
  const named = hosts.map((host, i) => ({ name: `${i}`, connect: () => host.connect() }));
  const all = new EnclaveHosts(named, PATIENCE_MS, {
    attested: ({ key }) => notes.say(`attested ${key.kid}`),
    keyLost: (kid) => notes.say(`lost ${kid}`),
    givenUp: (host) => notes.say(`given up ${host}`),
    unreachable: () => notes.say("unreachable"),
    refused: ({ message }) => notes.say(message),
  });
  return { all, notes };
}

Deno.test("a host on another platform than the first is refused, and its key is nobody's", async () => {
  const [first, second] = [new Host(), new Host()];
  second.kid = "two";
  second.platform = "nitro";
  const { all, notes } = hostsOf(first, second);
  await using _ = all;
  all.start();
  await notes.until(() => notes.said.length === 2);
  deepStrictEqual(notes.said, [
    "attested one",
    "Cannot use this enclave host: its platform is nitro, that of the others simulated",
  ]);
  deepStrictEqual(all.kids, ["one"]);
});

Deno.test("as long as one host has not answered it is not settled which keys there are", async () => {
  const [first, second] = [new Host(), new Host()];
  second.isUp = false;
  const { all, notes } = hostsOf(first, second);
  await using _ = all;
  all.start();
  await notes.until(() => notes.said.length === 2);
  deepStrictEqual([all.isAttested, all.isSettled], [true, false]);
});

Deno.test("what the function refuses is not asked of another host, what did not come about is", async () => {
  const [first, second] = [new Host(), new Host()];
  const { all, notes } = hostsOf(first, second);
  await using _ = all;
  all.start();
  await notes.until(() => notes.said.length === 2);
  const fail = (code: "function" | "unreachable") => () => {
    throw new FumataError(code, "no");
  };
  first.answer = fail("function");
  await rejects(all.call(utf8("{}"), "one"), /no/);
  strictEqual(second.calls.length, 0);
  first.answer = fail("unreachable");
  await all.call(utf8("{}"), "one");
  strictEqual(second.calls.length, 1);
});
