/** Succession (design §4.11): a closing certificate without a leader, and no vote or ack after a vote to close. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type {
  ClosingProposal,
  RosterCertificate,
  RosterMemory,
} from "../../../lib/election/roster/types.ts";
import { World } from "./harness.ts";
import { certify, digestOf, KID, signVote } from "./_rules.ts";
import { leader, Solo, voter } from "./_solo.ts";

const ORDER = { successor: "checksum-2", signature: "operator" };

function closing(solo: Solo, change: Partial<ClosingProposal> = {}): ClosingProposal {
  const { term, head } = solo.election;
  return { type: "closing", term, prev: head.id, kid: KID, successor: ORDER.successor, ...change };
}

Deno.test("a voter closes only in favour of the checksum that the operator ordered", () => {
  const solo = voter();
  solo.propose(closing(solo, { successor: "checksum-3" }));
  strictEqual(solo.refusal(), "order");
  solo.step({ type: "succession", order: ORDER });
  solo.propose(closing(solo, { successor: "checksum-3" }));
  strictEqual(solo.sent("vote").length, 0);
  solo.propose(closing(solo));
  strictEqual(solo.sent("vote").length, 1);
});

Deno.test("an order that was lost is told again to whoever shows that it does not know it", () => {
  const solo = voter();
  solo.step({ type: "succession", order: ORDER });
  solo.clear();
  solo.propose();
  deepStrictEqual(solo.sent("succession").map(({ to }) => to), [[solo.collector()]]);
  const certificate = solo.follow();
  solo.clear();
  solo.heartbeat(certificate, 1);
  deepStrictEqual(solo.sent("succession").map(({ to }) => to), [[certificate.leader]]);
  solo.clear();
  solo.boot();
  solo.step({ type: "tick" });
  deepStrictEqual(solo.sent("succession").map(({ to }) => to), [solo.others]);
});

Deno.test("an order is stored, told to all once, and votes for leaders end", () => {
  const solo = voter();
  for (let i = 0; i < 3; i++) solo.step({ type: "succession", order: ORDER });
  deepStrictEqual(solo.memory.order, ORDER);
  deepStrictEqual(solo.sent("succession").map(({ to }) => to), [solo.others]);
  solo.propose();
  strictEqual(solo.refusal(), "order");
});

Deno.test("a leader that learns of the order steps down, and followers ack no more", () => {
  const solo = leader();
  solo.step({ type: "succession", order: ORDER });
  strictEqual(solo.did("stop-work").length, 1);

  const follower = voter();
  const certificate = follower.follow();
  follower.step({ type: "succession", order: ORDER });
  follower.heartbeat(certificate, 1);
  strictEqual(follower.sent("lease-ack").length, 0);
});

Deno.test("a leader that restarts with an order steps down instead of leading on", () => {
  const solo = leader();
  solo.memory = { ...solo.memory, order: ORDER };
  solo.boot();
  solo.clear();
  solo.step({ type: "tick" });
  strictEqual(solo.did("stop-work").length, 1);
  strictEqual(solo.sent("heartbeat").length, 0);
});

Deno.test("a vote to close goes to all, so that it comes about without its collector", () => {
  const solo = voter();
  solo.step({ type: "succession", order: ORDER });
  solo.clear();
  const proposal = closing(solo);
  solo.propose(proposal);
  deepStrictEqual(solo.sent("vote").map(({ to }) => to), [solo.others]);
  for (const id of solo.others.slice(0, 2)) solo.vote(id, proposal);
  solo.pass(solo.ids.length * solo.settings.callStaggerMs);
  const [call] = solo.did("call-enclave");
  deepStrictEqual([call.proposal, call.order], [proposal, ORDER]);
});

Deno.test("a bundle that closes is taken to the enclave only with the order", () => {
  for (const isOrdered of [false, true]) {
    const solo = voter();
    if (isOrdered) solo.step({ type: "succession", order: ORDER });
    const proposal = closing(solo);
    const votes = solo.others.map((id) => signVote(id, proposal.term, digestOf(proposal)));
    solo.tell(solo.collector(), { kind: "bundle", proposal, votes });
    solo.pass(solo.ids.length * solo.settings.callStaggerMs);
    strictEqual(solo.did("call-enclave").length, isOrdered ? 1 : 0);
  }
});

Deno.test("whoever voted to close never votes for a leader or another successor, nor acks there again, even after a restart", () => {
  const solo = voter();
  solo.step({ type: "succession", order: ORDER });
  solo.propose(closing(solo));
  strictEqual(solo.memory.lastVote?.successor, ORDER.successor);
  solo.boot();
  solo.step({ type: "keys", kids: [KID], preferred: KID });
  solo.view();
  const term = [2, 3, 4, 5].find((term) => solo.collector(term) !== solo.self)!;
  solo.gaveUp(solo.others, term - 1);
  solo.clear();
  solo.propose(solo.proposal());
  strictEqual(solo.refusal(), "closed");
  solo.clear();
  solo.propose({ ...closing(solo), successor: digestOf(solo.proposal()) });
  strictEqual(solo.refusal(), "closed", "and not for want of such an order");
  strictEqual(solo.sent("vote").length, 0);
  const certificate = solo.elect(solo.others[0]);
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
});

Deno.test("whoever voted to close gives that term up when nothing comes of it, and votes to close once more for the same successor", () => {
  const solo = voter();
  solo.step({ type: "succession", order: ORDER });
  solo.propose(closing(solo));
  solo.clear();
  solo.pass(20_000);
  ok(solo.sent("gave-up").length > 0);
  const term = [2, 3, 4, 5].find((term) => solo.collector(term) !== solo.self)!;
  solo.gaveUp(solo.others, term - 1);
  solo.propose(closing(solo));
  strictEqual(solo.sent("vote").filter((vote) => vote.term === term).length, 1);
});

Deno.test("whoever knows that its electorate is closed votes there for nothing more, whether it voted to close or not", () => {
  const solo = voter();
  const last = closing(solo);
  const votes = solo.others.map((id) => signVote(id, last.term, digestOf(last)));
  const certificate = certify(solo.roster, last, votes) as RosterCertificate;
  solo.step({ type: "certificate", certificate, from: solo.others[0] });
  strictEqual(solo.did("closed").length, 1);
  for (const isOrdered of [false, true]) {
    if (isOrdered) solo.step({ type: "succession", order: ORDER });
    for (const proposal of [solo.proposal(), closing(solo)]) {
      solo.clear();
      solo.propose(proposal);
      strictEqual(solo.refusal(), "closed", proposal.type);
      strictEqual(solo.sent("vote").length, 0);
    }
  }
});

Deno.test("of several closings each is a beginning: who has the later one goes on with those that began by the earlier", () => {
  // Without a key it proposes nothing.
  const begun = (memory?: Partial<RosterMemory>) =>
    new Solo({
      origin: { term: 5, id: "the later closing" },
      isBare: true,
      ...(memory && { memory }),
    });
  const solo = begun();
  const [leader, other] = solo.others;
  const first = { term: 2, prev: "the earlier closing" };
  solo.step({ type: "head-seen", from: other, head: { term: 2, id: "theirs" } });
  deepStrictEqual(solo.sent("want-certificate").map(({ to, id }) => [to, id]), [[
    [other],
    "theirs",
  ]]);
  const certificate = solo.elect(leader, first);
  deepStrictEqual(solo.memory.head?.id, certificate.id);
  strictEqual(solo.election.term, 3);
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 1);
  // From then on terms only grow.
  solo.elect(other, { term: 2, prev: "the later closing" });
  strictEqual(solo.election.head.id, certificate.id);
  solo.clear();
  solo.step({ type: "head-seen", from: other, head: { term: 2, id: "another" } });
  strictEqual(solo.sent("want-certificate").length, 0);

  // Its own vote after the later closing still binds it.
  const voted = begun({ lastVote: { term: 6, digest: "D", prev: "the later closing" } });
  voted.heartbeat(voted.elect(leader, first), 1);
  strictEqual(voted.sent("lease-ack").length, 0);
});

Deno.test("a voter that began by a later closing stands in for one of those that began by the earlier and die", () => {
  const [earlier, later] = [{ term: 1, id: "earlier" }, { term: 6, id: "later" }];
  for (const seed of [1, 2, 3]) {
    const world: World = new World({
      n: 3,
      seed,
      originOf: (id) => id === world.ids[2] ? later : earlier,
    });
    world.start();
    ok(world.advance(10_000, () => world.lessees().length > 0), "those of the earlier elect");
    const [dead] = world.ids;
    world.crash(dead);
    world.advance(world.roster.leaseMs);
    ok(world.advance(60_000, () => world.lessees().length > 0), "and so they do with the other");
  }
});

Deno.test("who begins by a closing asks nobody for what it has", () => {
  const solo = voter({ origin: { term: 5, id: "closing" } });
  solo.step({ type: "head-seen", from: solo.others[0], head: { term: 5, id: "closing" } });
  strictEqual(solo.sent("want-certificate").length, 0);
});

Deno.test("a cluster closes when one node is ordered to, nobody leads afterwards, and the terms go on", () => {
  for (const [n, f, seed] of [[1, 0, 1], [3, 0, 2], [4, 1, 3], [5, 1, 4]]) {
    const world = new World({ n, f, seed }).start();
    world.advance(2_000);
    const [first] = world.certificates;
    const node = world.node(world.ids[0]);
    world.step(node, { type: "succession", order: ORDER });
    const isClosed = () =>
      world.ids.every((id) => world.node(id).effects.some(({ type }) => type === "closed"));
    ok(world.advance(5_000, isClosed), `n=${n}`);
    const last = world.certificates.at(-1)!;
    strictEqual(last.leader, undefined);
    ok(last.proposal.term > first.proposal.term);
    strictEqual(last.proposal.prev, world.certificates.at(-2)!.id);
    world.advance(5_000);
    deepStrictEqual(world.lessees(), []);
    strictEqual(world.certificates.at(-1), last);
  }
});
