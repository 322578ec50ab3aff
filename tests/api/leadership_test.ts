/** The faces of a leader in a roster cluster of real nodes: the lease, giving it back, proof of possession, and the commands for them. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import type { LeaderView } from "../../lib/api/views.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";
import { leaderCommand } from "../../lib/cli/commands/leader.ts";
import { stepDownCommand } from "../../lib/cli/commands/step_down.ts";
import { verifyCommand } from "../../lib/cli/commands/verify.ts";
import type { TestNode } from "../node/_cluster.ts";
import { LEASE_MS, leaseHolder, rosterWorld } from "../node/_roster.ts";
import { Served, TOKEN } from "./_served.ts";

/** A node's HTTP interface. */
async function serve(test: TestNode): Promise<ApiServer> {
  const at = { host: "127.0.0.1", port: 0 };
  return await ApiServer.start({ at, node: test.node, routes: ROUTES, token: TOKEN });
}

async function ask(server: ApiServer, path: string, body?: unknown) {
  const response = await fetch(`http://${formatAddress(server.address)}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: text.startsWith("{") ? JSON.parse(text) : null };
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly said: string;
}

async function run(command: Command, words: string[], more: Partial<CommandContext> = {}) {
  let [out, said] = ["", ""];
  const context = {
    out: (text: string) => void (out += text),
    say: (line: string) => void (said += `${line}\n`),
    env: () => undefined,
    interrupted: new Promise<void>(() => {}),
    ...more,
  } as Partial<CommandContext> as CommandContext;
  const code = await command.run(parseArguments(words, command), context);
  return { code, out, said } satisfies Ran;
}

Deno.test("the leader says that it leads while its lease holds, and stops saying so before its followers are free", async () => {
  await using world = await rosterWorld(3, 0);
  const nodes = world.startAll();
  try {
    const leader = await leaseHolder(nodes);
    const followers = nodes.filter((node) => node !== leader);
    await using server = await serve(leader);
    await using other = await serve(followers[0]);
    await followers[0].listener.until(({ fields }) => fields.leader === leader.node.id);

    const view = (await ask(server, "/v1/leader")).json as LeaderView;
    deepStrictEqual(
      [view.id, view.term, view.certificateId, view.self, view.kind, view.leads],
      [leader.node.id, leader.node.leader!.term, leader.node.leader!.id, true, "roster", true],
    );
    ok(view.leaseRemainingMs > 0 && view.leaseRemainingMs < LEASE_MS);
    strictEqual((await ask(server, "/leaderz")).status, 200);
    const told = (await ask(other, "/v1/leader")).json as LeaderView;
    deepStrictEqual([told.id, told.self, told.leads, told.leaseRemainingMs], [
      leader.node.id,
      false,
      false,
      0,
    ]);
    strictEqual((await ask(other, "/leaderz")).status, 503);

    await other[Symbol.asyncDispose]();
    for (const node of followers) await node[Symbol.asyncDispose]();
    // No promise was made after this, so none is over before the lease length after the last one.
    const silentMs = performance.now();
    for (;;) {
      const askedMs = performance.now();
      const { json } = await ask(server, "/v1/leader");
      if (!json.leads) break;
      ok(askedMs + json.leaseRemainingMs < silentMs + LEASE_MS);
    }
    strictEqual((await ask(server, "/leaderz")).status, 503);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

Deno.test("a node that was closed claims no lease, whatever it held", async () => {
  await using world = await rosterWorld(1, 0);
  const [node] = world.startAll();
  await leaseHolder([node]);
  await node[Symbol.asyncDispose]();
  strictEqual(node.node.leaseRemainingMs(), 0);
});

Deno.test("in an open cluster nobody leads by a lease, and nobody can step down", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  const { body } = await served.get("/v1/leader");
  deepStrictEqual([body.kind, body.self, body.leads, body.leaseRemainingMs], [
    "open",
    true,
    false,
    0,
  ]);
  deepStrictEqual(await served.get("/leaderz"), { status: 503, body: "not leading\n" });
  const refused = await served.post("/v1/step-down", {}, TOKEN);
  deepStrictEqual([refused.status, refused.body.error.code], [409, "failure"]);
  match(refused.body.error.message, /this cluster is open/);
  deepStrictEqual((await served.get("/v1/evidence")).body, { evidence: [] });
});

Deno.test("step-down: answers when it is done, and only the leader can", async () => {
  await using world = await rosterWorld(3, 0);
  const nodes = world.startAll();
  try {
    const leader = await leaseHolder(nodes);
    const follower = nodes.find((node) => node !== leader)!;
    await using server = await serve(leader);
    await using other = await serve(follower);
    const token = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(token, TOKEN);
      const flags = (at: ApiServer) => ["--node", formatAddress(at.address), "--token-file", token];
      await rejects(run(stepDownCommand, flags(other)), /Cannot step down: this node is not/);
      const { id, term } = leader.node.leader!;
      const heard = nodes.map((node) => node.listener.said.length);
      const { code, out } = await run(stepDownCommand, flags(server));
      deepStrictEqual([code, out], [0, `stepped down from term ${term}\n`]);
      ok(leader.node.leader?.id !== id);
      const next = await leaseHolder(nodes, heard);
      ok(next.node.leader!.term > term);
    } finally {
      await Deno.remove(token);
    }
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

Deno.test("verify --prove: the leader signs a fresh challenge, nobody else does", async () => {
  await using world = await rosterWorld(3, 0);
  const nodes = world.startAll();
  const folder = await Deno.makeTempDir();
  try {
    const leader = await leaseHolder(nodes);
    const follower = nodes.find((node) => node !== leader)!;
    const certificate = leader.node.leader!;
    await follower.listener.until(({ fields }) => fields.certificateId === certificate.id);
    await using server = await serve(leader);
    await using other = await serve(follower);
    const write = (name: string, value: unknown) => {
      Deno.writeTextFileSync(`${folder}/${name}`, JSON.stringify(value));
      return `${folder}/${name}`;
    };
    const verify = (at: ApiServer) =>
      run(verifyCommand, [
        ...["--prove", `http://${formatAddress(at.address)}`],
        ...["-c", hex(world.enclave.checksum)],
        ...["--cluster-json", write("cluster.json", world.clusterJson)],
        ...["--keys", write("keys.json", { keys: [world.enclave.key.jwk] })],
        `http://${formatAddress(at.address)}/v1/certificate`,
      ]);
    const proven = await verify(server);
    deepStrictEqual([proven.code, proven.said], [0, ""]);
    match(proven.out, /leader's key/);
    const refused = await verify(other);
    strictEqual(refused.code, 3);
    strictEqual(
      refused.said,
      `refused: possession: http://${formatAddress(other.address)} says ` +
        '"Cannot prove possession: this node does not lead by that certificate" (HTTP 409); ' +
        "--prove wants the HTTP address of the leader's own node\n",
    );

    const challenge = base64url(new Uint8Array(32));
    for (const body of [{}, { certificate: certificate.id }, { challenge }, null]) {
      strictEqual((await ask(server, "/v1/prove", body)).status, 400);
    }
    const another = base64url(new Uint8Array(32).fill(1));
    strictEqual((await ask(server, "/v1/prove", { certificate: another, challenge })).status, 409);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("leader: exit code 4 without one; with --watch a line on each change", async () => {
  await using world = await rosterWorld(1, 0);
  world.enclave.up = false;
  const [node] = world.startAll();
  const server = await serve(node);
  try {
    const flags = ["--node", formatAddress(server.address)];
    await rejects(
      run(leaderCommand, flags),
      (error: FumataError) => error.code === "no-leader" && error.exitCode === 4,
    );
    const lines: string[] = [];
    const woken = new Set<() => void>();
    const line = async (pattern: RegExp) => {
      for (;;) {
        const found = lines.map((line) => pattern.exec(line)).find((match) => match);
        if (found) return found;
        await new Promise<void>((resolve) => woken.add(resolve));
      }
    };
    const watching = run(leaderCommand, [...flags, "--watch"], {
      out(text) {
        lines.push(text);
        for (const wake of woken) wake();
        woken.clear();
      },
    });
    await line(/^no leader\n$/);
    world.enclave.up = true;
    const [, term] = await line(
      /^n0 \(the node itself\), term (\d+), id \S+, by simulated TEE \(insecure\), holds the lease\n$/,
    );
    node.node.stepDown();
    await line(new RegExp(`term (?!${term},)\\d+, id \\S+, by simulated .*, holds the lease\n$`));
    await server[Symbol.asyncDispose]();
    strictEqual((await watching).code, 2);
    ok(lines.every((line, at) => at === 0 || line !== lines[at - 1]));
  } finally {
    await server[Symbol.asyncDispose]();
    await node[Symbol.asyncDispose]();
  }
});
