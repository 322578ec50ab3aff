/** Watching a node: what its answers and events come to, what is shown of it, and that a node that restarts is found again. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { watchCommand } from "../../lib/cli/commands/watch.ts";
import type { FumataError } from "../../lib/base/errors.ts";
import { render } from "../../lib/cli/view/render.ts";
import { WatchModel } from "../../lib/cli/watch/model.ts";
import { span, watchView } from "../../lib/cli/watch/watch_view.ts";
import { ownLoopback } from "../_loopback.ts";
import { issueRoster } from "../certificate/_issue_roster.ts";
import { FakeNode, MEMBER, STATUS } from "./_fake_node.ts";

const at = (s: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, s)).toISOString();
let lastId = 0;
const event = (name: string, s: number, data: object = {}, level = "info") => ({
  id: ++lastId,
  event: name,
  data: { time: at(s), level, message: `${name} happened`, ...data },
});
const elected = (s: number, term: number, more: object = {}) =>
  event("leader", s, {
    leader: "idB",
    name: "n2",
    term,
    certificateId: `c${term}`,
    self: false,
    tee: "simulated",
    votes: 2,
    votesOf: 3,
    document: issueRoster(),
    ...more,
  });

/** A model that has heard of two members, the second of which leads. */
function watching(): WatchModel {
  const model = new WatchModel();
  model.happened(elected(1, 7), 100);
  const leader = {
    ...{ id: "idB", name: "n2", term: 7, certificateId: "c7", self: false, tee: "simulated" },
    ...{ kind: "roster" as const, leads: false, leaseRemainingMs: 0 },
  };
  const other = { ...MEMBER, id: "idB", name: "n2", self: false, rttMs: 0.4 };
  model.answered({ ...STATUS, leader }, [MEMBER, other], 100);
  return model;
}

Deno.test("the crash of the leader becomes a failover, from the first missing answer on", () => {
  const model = watching();
  model.happened(event("member-suspect", 10, { id: "idB", name: "n2" }, "debug"), 1);
  model.happened(event("member-fail", 11, { id: "idB", name: "n2" }), 2);
  model.happened(event("leaderless", 12, { term: 7 }), 3);
  assertEquals(model.leader, undefined);
  model.happened(elected(13, 8, { leader: "idC", name: "n3" }), 4);
  const [{ what, term, leader, tookMs, votes, votesOf }] = model.failovers;
  assertEquals([what, term, leader, tookMs], ["n2 failed", 8, "n3", 3000]);
  assertEquals([votes, votesOf], [2, 3]);
  assertEquals(model.events.map(({ clock }) => clock)[1], "03:04:10");
});

Deno.test("a leader that is replaced before it counts as dead is a failover from its first missing answer on, too", () => {
  const model = watching();
  model.happened(event("member-suspect", 10, { id: "idB", name: "n2" }, "debug"), 1);
  model.happened(event("leaderless", 12, { term: 7 }), 2);
  model.happened(elected(13, 8), 3);
  assertEquals(model.failovers.map(({ what, tookMs }) => [what, tookMs]), [[
    "n2 does not answer",
    3000,
  ]]);
});

Deno.test("a certificate that is told of twice, and a member that fails and is no leader, are no failovers", () => {
  const model = watching();
  model.happened(event("member-fail", 10, { id: "idX", name: "x" }), 1);
  model.happened(elected(11, 7), 2);
  assertEquals(model.failovers, []);
});

Deno.test("the lease runs down between what the node tells, and is gone with it or with the node", () => {
  const model = watching();
  model.happened(elected(2, 8, { leader: "idA", name: "n1", self: true }), 1000);
  assertEquals(model.leaseRemainingMs(1000), undefined);
  model.happened(event("lease-held", 2, { term: 8, remainingMs: 400 }), 1000);
  assertEquals([1000, 1300, 2000].map((ms) => model.leaseRemainingMs(ms)), [400, 100, 0]);
  const { lease } = watchView(model, 1300, 0);
  assertEquals(lease, { remainingMs: 100, ofMs: model.leaseMs });
  model.lose("it is gone", 1400);
  assertEquals(model.leaseRemainingMs(1400), undefined);
  model.happened(event("lease-held", 3, { term: 8, remainingMs: 400 }), 1500);
  model.happened(event("lease-lost", 3, { why: "silence" }, "warn"), 1600);
  assertEquals(model.leaseRemainingMs(1600), undefined);
});

Deno.test("the length of the lease is known also when the election was long ago", () => {
  const model = new WatchModel();
  model.certified({ certificate: "nonsense" });
  assertEquals(model.leaseMs, undefined);
  model.certified(issueRoster());
  assert(model.leaseMs! > 0);
});

Deno.test("the view says who leads, what is pinned, and before all that what is shown is old", () => {
  const model = watching();
  const shown = (nowMs: number) =>
    render(watchView(model, nowMs, Date.parse(at(15))), { columns: 80, rows: 24 }, {
      colour: false,
      utf8: false,
    }).map((line) => line.trimEnd());
  assertEquals(shown(100).slice(0, 6), [
    "fumata at n1: n2 leads, term 7, verified",
    "TEE simulated (insecure), policy random, function abababababababab...",
    "1 alive",
    "  node  address         state  since  round trip",
    "  n1    127.0.0.1:5000  alive  9 s    asked",
    "* n2    127.0.0.1:5000  alive  9 s    0.4 ms",
  ]);
  assert(shown(20_100)[2].startsWith("silent for 20 s"));
  model.lose("nothing listens there", 30_000);
  assert(shown(33_000)[2].startsWith("out of reach for 3 s, what is shown is old"));
});

Deno.test("proof of a lie is an alert, and what a stranger wrote stays text", () => {
  const model = watching();
  model.happened(event("fork-evidence", 3, { message: "proof of a lie by \x1b[2J" }, "error"), 1);
  const lines = render(watchView(model, 1, 0), { columns: 80, rows: 24 }, {
    colour: false,
    utf8: true,
  });
  assert(lines[2].startsWith("proof of a lie by ?[2J"));
  assert(!lines.join("").includes("\x1b"));
});

Deno.test("spans are told in their greatest unit", () => {
  assertEquals([-5, 59_999, 60_000, 3_600_000, 86_400_000].map(span), [
    "0 s",
    "59 s",
    "1 min",
    "1 h",
    "1 d",
  ]);
});

/** Runs `fumata watch` without a terminal against an address; gives its lines, and how to end it. */
function watch(address: string, ...flags: string[]) {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const interrupted = Promise.withResolvers<void>();
  const context: Partial<CommandContext> = {
    out: (text) => {
      lines.push(text);
      for (const wake of [...waiting]) wake();
      waiting.clear();
    },
    env: () => undefined,
    stdoutIsTerminal: false,
    stdinIsTerminal: false,
    interrupted: interrupted.promise,
  };
  const words = ["--node", address, ...flags];
  const code = watchCommand.run(parseArguments(words, watchCommand), context as CommandContext);
  const line = async (pattern: RegExp): Promise<void> => {
    while (!lines.some((line) => pattern.test(line))) {
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };
  return { code, line, lines, interrupt: interrupted.resolve };
}

Deno.test("without a terminal it prints how things stand and then a line an event, until it is interrupted", async () => {
  await using node = new FakeNode();
  const { code, line, interrupt } = watch(node.address);
  await line(/^n1 in cluster test, no leader, term 7, .*simulated TEE \(insecure\), 1 alive\n$/);
  await node.followed;
  node.tell(1, "election-voted", event("election-voted", 1, {}, "debug").data);
  node.tell(2, "leader", elected(5, 8).data);
  await line(/^03:04:05 {2}term 8: n2 elected, certificate verified \(2 of 3 votes\)\n$/);
  interrupt();
  assertEquals(await code, 0);
});

Deno.test("a node that restarts is found again and asked for what was missed", async () => {
  const host = ownLoopback();
  const first = new FakeNode({}, 0, host);
  const { address, port } = first;
  const { code, line, interrupt } = watch(address, "--json");
  await first.followed;
  first.tell(41, "leaderless", event("leaderless", 1).data);
  await line(/"id":41.*leaderless/);
  await first[Symbol.asyncDispose]();
  await line(/"event":"out-of-reach"/);
  await using second = new FakeNode({}, port, host);
  await second.followed;
  assertEquals(second.asked, ["?after=41"]);
  second.tell(42, "leader", elected(2, 9).data);
  await line(/"id":42/);
  interrupt();
  assertEquals(await code, 0);
});

Deno.test("without a node, or when it stays away for longer than the patience, the exit code is 2", async () => {
  const node = new FakeNode({}, 0, ownLoopback());
  const { address } = node;
  const unreachable = (error: FumataError) => error.exitCode === 2;
  const watched = watch(address, "--patience", "0");
  await node.followed;
  await node[Symbol.asyncDispose]();
  await rejects(watched.code, unreachable);
  await rejects(watch(address).code, unreachable);
});
