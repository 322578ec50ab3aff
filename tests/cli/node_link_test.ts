/** What a command takes for the answer of a node: nothing that has another shape, whoever answers. */
import { deepStrictEqual as assertEquals, rejects } from "node:assert";
import { ROUTES } from "../../lib/api/routes.ts";
import { misfitOf } from "../../lib/api/schema_check.ts";
import { MEMBERS_SCHEMA, STATUS_SCHEMA } from "../../lib/api/view_schemas.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";
import { chainCommand } from "../../lib/cli/commands/chain.ts";
import { forceLeaveCommand } from "../../lib/cli/commands/force_leave.ts";
import { joinCommand } from "../../lib/cli/commands/join.ts";
import { keysCommand } from "../../lib/cli/commands/keys.ts";
import { leaderCommand } from "../../lib/cli/commands/leader.ts";
import { leaveCommand } from "../../lib/cli/commands/leave.ts";
import { lockCommand } from "../../lib/cli/commands/lock.ts";
import { membersCommand } from "../../lib/cli/commands/members.ts";
import { rttCommand } from "../../lib/cli/commands/rtt.ts";
import { statusCommand } from "../../lib/cli/commands/status.ts";
import { stepDownCommand } from "../../lib/cli/commands/step_down.ts";
import { successionCommand } from "../../lib/cli/commands/succession.ts";
import { watchCommand } from "../../lib/cli/commands/watch.ts";
import { checkLeader, memberAddresses } from "../../lib/cli/doctor/running.ts";
import { ANSWERS, findNode } from "../../lib/cli/node_link.ts";
import { formatSuccessionOrder, signSuccessionOrder } from "../../lib/certificate/mod.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import { TestFolder } from "../certificate/_command.ts";
import { MEMBER, STATUS } from "./_fake_node.ts";

const CASES: [Command, ...string[]][] = [
  [membersCommand],
  [statusCommand],
  [leaderCommand],
  [rttCommand, "n1"],
  [watchCommand],
  [stepDownCommand],
  [joinCommand, "127.0.0.1:5001"],
  [keysCommand, "list"],
  [chainCommand],
  [leaveCommand],
  [forceLeaveCommand, "n1"],
];

/** Serves this body to every question. */
async function answering(body: string, use: (node: string) => Promise<void>): Promise<void> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(body, { headers: { "content-type": "application/json" } }),
  );
  await use(`127.0.0.1:${server.addr.port}`);
}

/** A context that nothing may be printed to. */
const SILENT = {
  env: () => undefined,
  interrupted: new Promise<void>(() => {}),
} as Partial<CommandContext> as CommandContext;

/** What something else than a node may answer. */
const FOREIGN = [
  "{}",
  "null",
  "[]",
  '"x"',
  '{"members": [{}], "leader": {}, "keys": 1, "chain": [1], "left": "no", "successor": 5}',
];

Deno.test("JSON of something else than a node is out of reach, and no bug of ours", async () => {
  using folder = new TestFolder();
  const domain = { checksum: new Uint8Array(32), cluster: "test" };
  const order = signSuccessionOrder(generateIdentity(), domain, new Uint8Array(32).fill(1));
  const giving = ["--give", folder.write("order.json", formatSuccessionOrder(order))];
  for (const body of FOREIGN) {
    await answering(body, async (node) => {
      for (const [command, ...words] of [...CASES, [successionCommand, ...giving] as const]) {
        const args = parseArguments([...words, "--node", node], command);
        await rejects(command.run(args, SILENT), {
          code: "unreachable",
          message: /is not what a node answers; is this its HTTP address\?/,
        }, `${command.name}: ${body}`);
      }
    });
  }
});

Deno.test("the doctor believes no answer but a node's", async () => {
  for (const body of FOREIGN) {
    await answering(body, async (http) => {
      assertEquals(await memberAddresses(http), []);
      assertEquals((await checkLeader(http)).health, "warn");
    });
  }
});

Deno.test("what commands hold answers against is what the description publishes", () => {
  for (const [question, schema] of Object.entries(ANSWERS)) {
    const route = ROUTES.find(({ method, path }) => `${method} ${path}` === question);
    assertEquals(route?.doc.answers[200].schema, schema, question);
  }
});

Deno.test("nobody but a node grants a lease: what it does not say for how long is no grant", async () => {
  const good = { grantedMs: 500, term: 1, certificateId: "c" };
  const { grantedMs: _, ...rest } = good;
  for (const body of [{}, rest, { ...good, grantedMs: "500" }, { ...good, grantedMs: -1 }]) {
    await answering(JSON.stringify(body), async (node) => {
      const link = findNode(parseArguments(["--node", node], lockCommand), SILENT);
      await rejects(link.post("/v1/sub-leases", {}), { code: "unreachable" });
    });
  }
  await answering(JSON.stringify({ ...good, more: 1 }), async (node) => {
    const link = findNode(parseArguments(["--node", node], lockCommand), SILENT);
    assertEquals(await link.post("/v1/sub-leases", {}), { ...good, more: 1 });
  });
});

Deno.test("a misfit is named by its place, and fields that came later are none", () => {
  assertEquals(misfitOf(STATUS, STATUS_SCHEMA), undefined);
  assertEquals(misfitOf({ ...STATUS, later: [1] }, STATUS_SCHEMA), undefined);
  const members = (member: object) => misfitOf({ members: [MEMBER, member] }, MEMBERS_SCHEMA);
  assertEquals(members(MEMBER), undefined);
  assertEquals(members({ ...MEMBER, state: "gone" }), "$.members[1].state");
  assertEquals(members({ ...MEMBER, rttMs: "1" }), "$.members[1].rttMs");
  assertEquals(members({ ...MEMBER, incarnation: 1.5 }), "$.members[1].incarnation");
  assertEquals(members({ ...MEMBER, tags: { zone: 1 } }), "$.members[1].tags.zone");
  assertEquals(members({}), "$.members[1].id");
  assertEquals(misfitOf({ ...STATUS, leader: {} }, STATUS_SCHEMA), "$.leader");
});
