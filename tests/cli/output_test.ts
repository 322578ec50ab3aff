/** Forms of output: templates, columns, colours only where they belong, and the sign of life of long work. */
import { deepStrictEqual as assertEquals, ok as assert, throws } from "node:assert";
import type { MemberView, StatusView } from "../../lib/api/views.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { aligned, columns } from "../../lib/cli/columns.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";
import { leaderCommand } from "../../lib/cli/commands/leader.ts";
import { membersCommand } from "../../lib/cli/commands/members.ts";
import { statusCommand } from "../../lib/cli/commands/status.ts";
import { withProgress } from "../../lib/cli/progress.ts";
import { parseTemplate } from "../../lib/cli/template.ts";
import { painted, piece } from "../../lib/cli/view/paint.ts";
import { MEMBER, STATUS as IDLE } from "./_fake_node.ts";

const MEMBERS: MemberView[] = [
  { ...MEMBER, tags: { zone: "b" } },
  {
    ...MEMBER,
    id: "idB",
    name: "node-2",
    address: "127.0.0.1:5001",
    state: "dead",
    since: "2026-01-02T03:04:06.678Z",
    incarnation: 12,
    rttMs: 0.25,
    self: false,
  },
];
const LEADER = {
  id: "idB",
  name: "node-2",
  term: 7,
  certificateId: "c1",
  self: false,
  kind: "roster" as const,
  leads: true,
  leaseRemainingMs: 512,
  tee: "simulated",
};
const STATUS: StatusView = {
  ...IDLE,
  members: { alive: 1, suspect: 0, dead: 1, left: 0 },
  leader: LEADER,
};

/** Serves the views as a node would, and runs the command against that. */
async function printed(
  command: Command,
  words: string[],
  terminal = false,
  status = STATUS,
  members = MEMBERS,
): Promise<string> {
  const answers: Record<string, unknown> = {
    "/v1/members": { members },
    "/v1/leader": LEADER,
    "/v1/status": status,
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => Response.json(answers[new URL(request.url).pathname]),
  );
  let out = "";
  const context: Partial<CommandContext> = {
    out: (text) => void (out += text),
    env: () => undefined,
    stdoutIsTerminal: terminal,
  };
  const args = parseArguments([...words, "--node", `127.0.0.1:${server.addr.port}`], command);
  assertEquals(await command.run(args, context as CommandContext), 0);
  return out;
}

Deno.test("a template fills in values and knows escapes", () => {
  const fill = parseTemplate("{name}\\t{{{state}}}\\n\\\\", ["name", "state"]);
  assertEquals(fill({ name: "a", state: "{name}" }), "a\t{{name}}\n\\");
});

Deno.test("a template with an unknown placeholder or a brace that stands alone is refused", () => {
  const names = ["name", "state"];
  throws(() => parseTemplate("{nmae}", names), /there is no \{nmae\}; did you mean \{name\}\?/);
  throws(() => parseTemplate("{constructor}", names), /there are name, state/);
  throws(() => parseTemplate("{name", names), /"\{" stands alone/);
  throws(() => parseTemplate("a}", names), /"\}" stands alone/);
});

Deno.test("--format prints a line for each member, and what it knows of leader and status", async () => {
  assertEquals(
    await printed(membersCommand, ["--format", "{name} {state} {rtt}"]),
    "n1 alive -\nnode-2 dead 0.3 ms\n",
  );
  assertEquals(
    await printed(leaderCommand, ["--format", "{name} {term} {lease}"]),
    "node-2 7 512 ms\n",
  );
  assertEquals(
    await printed(statusCommand, ["--format", "{leader} {alive}/{dead}"]),
    "node-2 1/1\n",
  );
});

Deno.test("each placeholder that the help names is filled in with something", async () => {
  for (const command of [membersCommand, leaderCommand, statusCommand]) {
    const { help } = command.flags.find((flag) => flag.name === "format")!;
    const names = [...help.matchAll(/\{([a-z]+)\}/g)].map(([whole]) => whole);
    assert(names.length > 5);
    const text = await printed(command, ["--format", names.map((name) => `<${name}>`).join("")]);
    assert(!/undefined|null|\{/.test(text), text);
  }
});

Deno.test("a mistake in the template is told before a node is looked for", async () => {
  for (const command of [membersCommand, leaderCommand, statusCommand]) {
    const args = parseArguments(["--format", "{x}", "--folder", "/nowhere"], command);
    const failed = command.run(args, {} as CommandContext);
    assert(/there is no \{x\}/.test((await failed.catch((thrown: Error) => thrown.message)) + ""));
  }
  const both = parseArguments(["--format", "{name}", "--json"], membersCommand);
  const failed = membersCommand.run(both, {} as CommandContext);
  assert(
    /--format and JSON at once/.test((await failed.catch((thrown: Error) => thrown.message)) + ""),
  );
});

Deno.test("columns are as wide as their longest text, colours take no room, nothing stands at the end", () => {
  const rows = [["a", piece("bb", "good"), ""], ["ccc", "d", "e"]];
  assertEquals(
    painted(columns(["X", "Y", "Z"], rows), false),
    "X    Y   Z\na    bb\nccc  d   e\n",
  );
  assertEquals(painted(aligned(rows), true), "a    \x1b[32mbb\x1b[0m\nccc  d   e\n");
});

Deno.test("members and status are coloured on a terminal only", async () => {
  const plain = await printed(membersCommand, []);
  assertEquals(
    plain.split("\n")[1],
    "n1 *    127.0.0.1:5000  alive  2026-01-02T03:04:05Z  3            -       zone=b",
  );
  for (const command of [membersCommand, leaderCommand, statusCommand]) {
    assert(!(await printed(command, [])).includes("\x1b"));
    assert((await printed(command, [], true)).includes("\x1b["));
    assert(!(await printed(command, ["--json"], true)).includes("\x1b"));
  }
});

Deno.test("what strangers wrote reaches no terminal as a command to it, in no form", async () => {
  const name = "n1\x1b[2J\x1b]0;owned\x07\x9b2J\u202e\nforged";
  const members = [{ ...MEMBERS[0], name, tags: { "zone\x1b[2J": "b\x9b2J" } }];
  const status = { ...STATUS, name, leader: { ...LEADER, name } };
  const all = (words: string[]) =>
    Promise.all(
      [membersCommand, statusCommand].map((command) =>
        printed(command, words, false, status, members)
      ),
    );
  const forms = [[], ["--json"], ["--format", "{name}"]];
  for (const text of (await Promise.all(forms.map(all))).flat()) {
    assert(!/(?!\n)[\p{Cc}\p{Cf}]/u.test(text), JSON.stringify(text));
    assert(!text.includes("\nforged"), text);
  }
  const [json] = await all(["--json"]);
  assertEquals(JSON.parse(json), members);
  const [line] = await all(["--format", "\\t{name}"]);
  assertEquals(line, "\tn1?[2J?]0;owned??2J? forged\n");
});

Deno.test("status tells the lease of a node that leads, and nothing of another's", async () => {
  const lease = async (leader: Partial<typeof LEADER>) => {
    const status = { ...STATUS, leader: { ...LEADER, ...leader } } as StatusView;
    const text = await printed(statusCommand, [], false, status);
    return text.split("\n").find((line) => line.startsWith("lease"));
  };
  assertEquals(
    await lease({ self: true }),
    "lease     512 ms left unless renewed",
  );
  assert((await lease({ self: true, leads: false }))?.endsWith("must not act as the leader"));
  const open = { self: true, leads: false, kind: "open" } as object;
  assertEquals(await lease(open), "lease     none: an open cluster has no leases");
  assertEquals(await lease({ self: false }), undefined);
});

Deno.test("long work shows what it does and takes that away; without a terminal it is silent", async () => {
  const shown: string[] = [];
  const seen = Promise.withResolvers<void>();
  const status = (line: string) => {
    shown.push(line);
    seen.resolve();
  };
  await withProgress({ status }, "deploying", () => seen.promise);
  assert(/^deploying: \d+ s$/.test(shown[0]), shown[0]);
  assertEquals(shown.slice(1), [""]);
  assertEquals(await withProgress({}, "deploying", () => Promise.resolve(3)), 3);
});
