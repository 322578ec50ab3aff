import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import { createPrng } from "../../lib/base/prng.ts";
import type { ElectionRules } from "../../lib/election/open_context.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ViewChange } from "../../lib/election/types.ts";
import { candidate, certify, fakeRules, KID, viewEvent, World } from "./harness.ts";

const FIVE = ["a", "b", "c", "d", "e"];

function agree(world: World, ids: string[]): string {
  const leaders = world.leaders();
  const chosen = leaders[ids[0]];
  ok(chosen, `no leader: ${JSON.stringify(leaders)}`);
  for (const id of ids) strictEqual(leaders[id], chosen, JSON.stringify(leaders));
  return chosen;
}

Deno.test("five nodes that see each other elect one leader with 3(n-1)+2 messages", () => {
  const world = new World(FIVE);
  world.component(FIVE);
  world.advance(2_000);
  ok(FIVE.includes(agree(world, FIVE)));
  // 4 proposals, 4 votes, 4 certificates; the enclave's request and answer are the 2.
  deepStrictEqual(
    ["proposal", "vote", "certificate"].map((kind) =>
      world.sent.filter((sent) => sent.message.kind === kind).length
    ),
    [4, 4, 4],
  );
  strictEqual(world.sent.length, 12);
  strictEqual(world.enclaveCalls, 1);
});

Deno.test("what a view hashes to is computed once, however many steps the view stands for", () => {
  const { genesis } = fakeRules("a");
  const self = fakeRules("a").collector(genesis, 1, FIVE);
  const rules = fakeRules(self);
  let [collectors, digests] = [0, 0];
  const counting: ElectionRules = {
    ...rules,
    collector(...view) {
      collectors++;
      return rules.collector(...view);
    },
    digest(proposal) {
      digests++;
      return rules.digest(proposal);
    },
  };
  const election = new OpenElection({
    self,
    rules: counting,
    settings: { ...LOCAL_ELECTION, termTimeoutMs: 1e9, termTimeoutMsMax: 1e9 },
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: false,
  });
  election.step({ type: "keys", kids: [KID], preferred: KID }, 0);
  const view = (ids: string[], nowMs: number) => election.step(viewEvent(ids, [], FIVE), nowMs);
  const tick = (fromMs: number) => {
    for (let nowMs = fromMs; nowMs < fromMs + 1_000; nowMs++) {
      election.step({ type: "tick" }, nowMs);
    }
  };
  view(FIVE, 0);
  tick(1);
  deepStrictEqual([collectors, digests], [1, 1]);
  view(FIVE.filter((id) => id !== "c"), 1_001);
  tick(1_002);
  strictEqual(digests, 2);
});

Deno.test("a node alone elects itself", () => {
  const world = new World(["a"]);
  world.component(["a"]);
  world.advance(1_000);
  strictEqual(agree(world, ["a"]), "a");
});

Deno.test("two, three and seven nodes elect", () => {
  for (const ids of [["a", "b"], ["a", "b", "c"], [..."abcdefg"]]) {
    const world = new World(ids);
    world.component(ids);
    world.advance(2_000);
    agree(world, ids);
  }
});

Deno.test("when the leader dies the rest elect another in a greater term", () => {
  const world = new World(FIVE);
  world.component(FIVE);
  world.advance(2_000);
  const first = agree(world, FIVE);
  const term = world.node("a").election.head.term;
  const rest = FIVE.filter((id) => id !== first);
  world.crash(first);
  world.component(rest);
  world.advance(3_000);
  const second = agree(world, rest);
  ok(second !== first);
  ok(world.node(rest[0]).election.head.term > term);
});

Deno.test("a node stops respecting a leader at the moment its view differs", () => {
  const world = new World(["a", "b", "c"]);
  world.component(["a", "b", "c"]);
  world.advance(2_000);
  ok(world.node("a").leader);
  world.setView("a", ["a", "b"]);
  strictEqual(world.node("a").leader, undefined);
  ok(world.node("b").leader);
});

Deno.test("a collector that dies before it collects is replaced through gave-up statements", () => {
  const world = new World(FIVE);
  const collector = fakeRules("a").collector(fakeRules("a").genesis, 1, FIVE);
  world.component(FIVE);
  world.crash(collector);
  const rest = FIVE.filter((id) => id !== collector);
  world.advance(10_000);
  // The rest still see the dead one, so a certificate can only come in a later term.
  agree(world, rest);
  ok(world.node(rest[0]).election.head.term >= 2);
});

Deno.test("when the collector itself gives up, nobody waits for the timeout", () => {
  const world = new World(FIVE);
  const collector = fakeRules("a").collector(fakeRules("a").genesis, 1, FIVE);
  // The collector has voted in term 1 for something that can't come about any more.
  world.node(collector).memory.lastVote = { term: 1, digest: "elsewhere" };
  world.restart(collector);
  world.component(FIVE);
  world.advance(LOCAL_ELECTION.settleMs + 200);
  agree(world, FIVE);
  strictEqual(world.node("a").election.head.term, 2);
});

Deno.test("a give-up that comes before its head counts once the head is there", () => {
  const world = new World(["a", "b", "c"]);
  world.component(["a", "b", "c"]);
  world.advance(2_000);
  const certificate = world.node("a").election.headCertificate!;
  const late = world.add("d");
  world.setView("d", ["a", "b", "c", "d"]);
  for (const voter of ["a", "b", "c"]) {
    const statements = [fakeRules(voter).signGaveUp(certificate.id, 2)];
    world.step(late, { type: "message", sender: voter, message: { kind: "gave-up", statements } });
  }
  strictEqual(late.election.term, 1);
  world.step(late, { type: "certificate", certificate, from: "a" });
  strictEqual(late.election.term, 3);
});

Deno.test("one node that gives up alone opens no term", () => {
  const world = new World(FIVE);
  world.link = () => false;
  world.component(FIVE);
  world.advance(60_000);
  for (const id of FIVE) strictEqual(world.node(id).election.term, 1);
});

Deno.test("a collector that cannot reach the enclave passes the bundle on", () => {
  const world = new World(FIVE);
  const collector = fakeRules("a").collector(fakeRules("a").genesis, 1, FIVE);
  world.node(collector).enclave = "down";
  world.component(FIVE);
  world.advance(1_400);
  agree(world, FIVE);
  strictEqual(world.node(collector).election.head.term, 1);
  ok(world.sent.some((sent) => sent.message.kind === "bundle" && sent.from === collector));
});

Deno.test("a cluster whose enclave is away elects when it is back", () => {
  const world = new World(FIVE);
  for (const node of world.nodes.values()) node.enclave = "down";
  world.component(FIVE);
  world.advance(30_000);
  deepStrictEqual(Object.values(world.leaders()).filter(Boolean), []);
  for (const node of world.nodes.values()) node.enclave = "up";
  world.advance(30_000);
  agree(world, FIVE);
});

Deno.test("a voter whose view comes a moment later still votes for the proposal it holds", () => {
  const world = new World(["a", "b", "c"]);
  world.setView("a", ["a", "b", "c"]);
  world.setView("b", ["a", "b", "c"]);
  world.setView("c", ["b", "c"]);
  world.link = (from, to) => from !== "c" || to !== "b";
  world.advance(300);
  world.link = () => true;
  world.setView("c", ["a", "b", "c"]);
  world.advance(10_000);
  agree(world, ["a", "b", "c"]);
});

Deno.test("two components that meet take the greater head and elect over the union", () => {
  const world = new World([...FIVE, "f", "g"]);
  const left = FIVE;
  const right = ["f", "g"];
  world.component(left);
  world.component(right);
  world.advance(2_000);
  // One more election on the right, so that its term is the greater.
  world.setView("f", ["f"]);
  world.setView("g", ["g"]);
  world.advance(2_000);
  world.component(right);
  world.advance(3_000);
  const before = world.node("f").election.head.term;
  ok(before > world.node("a").election.head.term);
  world.component([...left, ...right]);
  for (const id of left) {
    const head = world.node("f").election.head;
    world.step(world.node(id), { type: "head-seen", from: "f", head });
  }
  world.advance(8_000);
  agree(world, [...left, ...right]);
  ok(world.node("a").election.head.term > before);
});

Deno.test("a head whose active set holds nobody that the node knows is ignored and not fetched again", () => {
  const world = new World(["a", "b"]);
  world.component(["a", "b"]);
  world.advance(2_000);
  const rules = fakeRules("x");
  const proposal = {
    term: 900,
    prev: rules.genesis,
    kid: KID,
    active: [candidate("x"), candidate("y")],
  };
  const digest = rules.digest(proposal);
  const votes = ["x", "y"].map((id) => fakeRules(id).signVote(900, digest));
  const foreign = certify(digest, proposal, votes);
  const before = world.node("a").election.head;
  world.step(world.node("a"), { type: "certificate", certificate: foreign, from: "b" });
  deepStrictEqual(world.node("a").election.head, before);
  const sent = world.sent.length;
  world.step(world.node("a"), {
    type: "head-seen",
    from: "b",
    head: { term: 900, id: foreign.id },
  });
  strictEqual(world.sent.length, sent);
  // Somebody of that active set turns up: now the head concerns this node.
  world.step(world.node("a"), viewEvent(["a", "b"], ["x"]));
  world.step(world.node("a"), {
    type: "head-seen",
    from: "b",
    head: { term: 900, id: foreign.id },
  });
  deepStrictEqual(world.sent.at(-1)?.message, { kind: "want-certificate", id: foreign.id });
});

Deno.test("a node never votes twice in a term, also after a restart and with another view", () => {
  const world = new World(["a", "b", "c"]);
  // Votes are cast, but no certificate comes about.
  for (const node of world.nodes.values()) node.enclave = "down";
  world.component(["a", "b", "c"]);
  world.advance(500);
  for (const id of ["a", "b", "c"]) {
    world.crash(id);
    world.restart(id);
  }
  world.component(["a", "b"]);
  world.setView("c", ["c"]);
  for (const node of world.nodes.values()) node.enclave = "up";
  world.advance(20_000);
  agree(world, ["a", "b"]);
  world.component(["a", "b", "c"]);
  for (const id of ["a", "b", "c"]) {
    for (const other of ["a", "b", "c"]) {
      const head = world.node(other).election.head;
      world.step(world.node(id), { type: "head-seen", from: other, head });
    }
  }
  world.advance(20_000);
  agree(world, ["a", "b", "c"]);
});

Deno.test("a node that restarts holds its head and respects it when its view is back", () => {
  const world = new World(["a", "b", "c"]);
  world.component(["a", "b", "c"]);
  world.advance(2_000);
  const leader = agree(world, ["a", "b", "c"]);
  world.crash("b");
  world.restart("b");
  strictEqual(world.node("b").leader?.leader, leader);
  world.advance(5_000);
  strictEqual(world.node("a").election.head.term, 1);
});

Deno.test("a node without a verified key neither proposes nor votes", () => {
  const world = new World(["a", "b"]);
  const collector = fakeRules("a").collector(fakeRules("a").genesis, 1, ["a", "b"]);
  const other = collector === "a" ? "b" : "a";
  const node = world.node(other);
  world.step(node, { type: "keys", kids: [] });
  world.component(["a", "b"]);
  world.advance(1_000);
  strictEqual(world.leaders().a, undefined);
  strictEqual(node.votes.size, 0);
  ok(
    world.sent.some((sent) => sent.message.kind === "refusal" && sent.message.reason === "kid"),
  );
  world.step(node, { type: "keys", kids: [KID], preferred: KID });
  world.advance(10_000);
  agree(world, ["a", "b"]);
});

Deno.test("as long as nobody knows an enclave key nobody gives up, and once somebody does they elect", () => {
  const world = new World(["a", "b", "c"]);
  for (const id of ["a", "b", "c"]) world.step(world.node(id), { type: "keys", kids: [] });
  world.component(["a", "b", "c"]);
  world.advance(120_000);
  strictEqual(world.sent.length, 0);
  const collector = fakeRules("a").collector(fakeRules("a").genesis, 1, ["a", "b", "c"]);
  const able = ["a", "b", "c"].filter((id) => id !== collector);
  // The first collector alone does not reach the enclave: the others have to take its term from it.
  for (const id of able) {
    world.step(world.node(id), { type: "keys", kids: [KID], preferred: KID });
  }
  world.advance(60_000);
  for (const id of able) ok(world.leaders()[id], `${id} has a leader`);
});

Deno.test("a node with seeds that have not answered waits before it elects alone", () => {
  const world = new World(["a"]);
  const node = world.node("a");
  node.election = new OpenElection(
    {
      self: "a",
      rules: fakeRules("a"),
      settings: {
        settleMs: 100,
        joinGraceMs: 5_000,
        termTimeoutMs: 1_000,
        termTimeoutMsMax: 1_000,
        callStaggerMs: 1,
        pullIntervalMs: 1,
      },
      memory: {},
      prng: world.prng,
      nowMs: 0,
      awaitsSeeds: true,
    },
  );
  world.step(node, { type: "keys", kids: [KID], preferred: KID });
  world.component(["a"]);
  world.advance(4_900);
  strictEqual(world.leaders().a, undefined);
  world.advance(200);
  strictEqual(world.leaders().a, "a");
});

Deno.test("with lost messages and nodes that come and go a settled cluster always gets its leader", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new World(FIVE, seed);
    const lossy = world.prng.below(30);
    world.link = () => world.prng.below(100) >= lossy;
    for (let change = 0; change < 6; change++) {
      const cut = world.prng.shuffled(FIVE);
      const at = 1 + world.prng.below(4);
      world.component(cut.slice(0, at));
      world.component(cut.slice(at));
      if (world.prng.below(3) === 0) {
        world.crash(cut[0]);
        world.restart(cut[0]);
      }
      world.advance(world.prng.below(4_000));
      world.leaders();
    }
    world.link = () => true;
    world.component(FIVE);
    for (let round = 0; round < 80; round++) {
      // What pings do all the time: say one's head to a member.
      for (const id of FIVE) {
        const head = world.node(world.prng.shuffled(FIVE)[0]);
        if (head.id === id) continue;
        world.step(world.node(id), {
          type: "head-seen",
          from: head.id,
          head: head.election.head,
        });
      }
      world.advance(500);
    }
    agree(world, FIVE);
  }
});

Deno.test("a view that is larger than the function takes is not voted on, and that is said once until somebody leads", () => {
  const ids = Array.from({ length: ACTIVE_NODES_MAX + 1 }, (_, i) => `n${i}`);
  const [self, other, ...rest] = ids;
  const election = new OpenElection({
    self,
    rules: { ...fakeRules(self), collector: () => self, votesNeeded: () => 1 },
    settings: LOCAL_ELECTION,
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: false,
  });
  election.step({ type: "keys", kids: [KID], preferred: KID }, 0);
  election.step(viewEvent(ids.slice(0, -1)), 0);
  const noted = (change: ViewChange, nowMs: number) =>
    election.step({ type: "view", changes: [change] }, nowMs)
      .flatMap((effect) => effect.type === "note" ? [effect.note] : []);
  const last = rest.at(-1)!;
  const comes: ViewChange = { kind: "active", node: candidate(last) };
  const goes: ViewChange = { kind: "inactive", id: last };
  const said = { what: "too-large", active: ids.length, activeMax: ACTIVE_NODES_MAX } as const;
  deepStrictEqual(noted(comes, 1), [said]);
  strictEqual(election.deadlineMs(), undefined);
  deepStrictEqual(election.step({ type: "tick" }, 60_000), []);
  // Around the bound it is not said each time.
  deepStrictEqual(noted(goes, 60_001), []);
  deepStrictEqual(noted(comes, 60_002), []);
  deepStrictEqual(noted(goes, 60_003), []);
  const effects = election.step({ type: "tick" }, 70_000);
  const call = effects.find((effect) => effect.type === "call-enclave");
  ok(call, "without that one there is an election");
  const { digest, proposal } = call;
  const votes = proposal.active.map(({ id }) => fakeRules(id).signVote(proposal.term, digest));
  election.step({ type: "certificate", certificate: certify(digest, proposal, votes) }, 70_001);
  ok(election.respected);
  deepStrictEqual(noted(comes, 70_002), [said]);
  strictEqual(election.respected, undefined);
  election.step({ type: "view", changes: [{ kind: "inactive", id: other }] }, 70_003);
  ok(election.deadlineMs() !== undefined);
});
