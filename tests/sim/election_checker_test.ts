/** The eyes for the invariants of a roster's election: each sees its breach under its own name, and nothing wrong without. */
import { ok, throws } from "node:assert";
import { hex } from "../../lib/base/bytes.ts";
import { EMPTY_MEMORY, type RosterCertificate } from "../../lib/election/roster/types.ts";
import { ElectionChecker } from "../../lib/simulate/election_checker.ts";
import type { Liar } from "../../lib/simulate/liars.ts";
import type { SimEffect } from "../../lib/simulate/sim_body.ts";
import type { SimFunction } from "../../lib/simulate/sim_function.ts";
import type { SimNode } from "../../lib/simulate/sim_node.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { rosterWorld } from "./_world.ts";

/** A world in which somebody was just elected, and eyes that have seen nothing of it yet. */
function elected() {
  const world = rosterWorld({ nodes: 4, faultBound: 1 });
  const heads: RosterCertificate[] = [];
  world.watchers.push({
    effect: (_node, effect) => {
      if (effect.type === "save" && effect.memory.head) heads.push(effect.memory.head);
    },
    crashed: () => {},
  });
  world.start();
  ok(world.runUntil(10_000, () => heads.length > 0), "somebody is elected");
  world.watchers.length = 0;
  const [head] = heads;
  const checker = new ElectionChecker(world);
  // Of an effect the checker reads what it judges by, and nothing else.
  const effect = (node: SimNode, seen: unknown) => checker.effect(node, seen as SimEffect);
  const { domain } = world.functions[0];
  return {
    world,
    effect,
    head,
    leader: world.nodeOf(head.leader!)!,
    accept: (place: number, certificate: RosterCertificate) =>
      effect(world.nodes[place], { type: "save", memory: { head: certificate } }),
    adopt: (closing: RosterCertificate, under: SimFunction) =>
      checker.adopted(world.nodes[0], closing, under),
    /** A vote that is on the disk of a node. */
    store: (node: SimNode, term: number, digest: string) => {
      const memory = { ...EMPTY_MEMORY, lastVote: { term, digest, prev: "p" } };
      node.disk.saveRoster(hex(domain.checksum), domain.cluster, JSON.stringify(memory));
    },
    vote: (node: SimNode, term: number, digest: string) =>
      effect(node, {
        type: "send-election",
        message: { kind: "vote", term, digest, vote: { signature: "s" } },
        to: [],
      }),
    hold: (node: SimNode, certificate: RosterCertificate, untilMs: number) =>
      effect(node, { type: "lease-held", certificate, untilMs }),
  };
}

/** The same certificate with another proposal; whatever else is signed in it stays. */
function changed(
  certificate: RosterCertificate,
  id: string,
  proposal: Readonly<Record<string, unknown>> = {},
): RosterCertificate {
  return {
    ...certificate,
    id,
    proposal: { ...certificate.proposal, ...proposal },
  } as RosterCertificate;
}

function breaks(invariant: string, what: RegExp, act: () => void): void {
  throws(
    act,
    (thrown) =>
      thrown instanceof Violation && thrown.invariant === invariant && what.test(thrown.message),
    invariant,
  );
}

Deno.test("a certificate that was elected breaks nothing, seen by all", () => {
  const { accept, head } = elected();
  for (const place of [0, 1, 2, 3]) accept(place, head);
});

Deno.test("I1: a second certificate of one term", () => {
  const { accept, head } = elected();
  accept(0, head);
  breaks("I1", /two certificates/, () => accept(1, changed(head, "other")));
});

Deno.test("I2: two leases at one instant, and none when the first is over", () => {
  const { world, head, hold } = elected();
  const [a, b] = world.nodes;
  const nowMs = (node: SimNode) => node.clock.monotonicMs(world.nowMs);
  hold(a, head, nowMs(a));
  hold(b, head, nowMs(b) + 100);
  breaks("I2", /hold a lease at one instant/, () => hold(a, head, nowMs(a) + 100));
});

Deno.test("I2: an application that acts under an earlier term than another did", () => {
  const { world, head, hold } = elected();
  const acting = (place: number, term: number) => {
    const node = world.nodes[place];
    const certificate = { ...changed(head, `c${term}`, { term }), leader: node.id };
    Object.defineProperty(node, "headCertificate", { value: certificate, configurable: true });
    node.leaseRemainingMs = () => 100;
    hold(node, certificate, 0);
    world.runUntil(world.nowMs + 500);
    node.leaseRemainingMs = () => 0;
  };
  acting(0, 5);
  acting(1, 6);
  breaks("I2", /acts in term 4 after term 6/, () => acting(0, 4));
});

Deno.test("I3: a term that is not above the last one, also an equal one", () => {
  const lower = elected();
  lower.accept(0, lower.head);
  breaks("I3", /accepts term 0/, () => lower.accept(0, changed(lower.head, "l", { term: 0 })));
  const equal = elected();
  equal.accept(0, equal.head);
  breaks("I3", /after term/, () => equal.accept(0, changed(equal.head, "other")));
});

Deno.test("I4: a leader that is not in its active set, or that no honest node ever met", () => {
  const left = elected();
  const { proposal } = left.head;
  ok(proposal.type === "leader");
  const active = proposal.active.filter((id) => id !== left.head.leader);
  breaks("I4", /inactive/, () => left.accept(0, changed(left.head, "l", { active })));
  const unmet = elected();
  unmet.leader.liar = {} as Liar;
  const [place] = [0, 1].filter((place) => place !== unmet.leader.place);
  breaks("I4", /answered nobody/, () => unmet.accept(place, unmet.head));
  const met = elected();
  met.leader.liar = {} as Liar;
  const member = { id: met.leader.id, verified: true };
  met.effect(met.world.nodes[place], { type: "member", change: { member } });
  met.accept(place, met.head);
});

Deno.test("I5: a vote that is not on the disk, a second one in a term, and one back", () => {
  const { world: { nodes: [node] }, store, vote } = elected();
  breaks("I5", /before that is on its disk/, () => vote(node, 7, "D"));
  store(node, 7, "D");
  vote(node, 7, "D");
  vote(node, 7, "D");
  store(node, 7, "E");
  breaks("I5", /votes twice/, () => vote(node, 7, "E"));
  store(node, 6, "D");
  breaks("I5", /after term 7/, () => vote(node, 6, "D"));
});

Deno.test("I10: too few genuine votes, whoever else signed", () => {
  const { world, accept, head, store } = elected();
  for (const node of world.nodes) store(node, 99, "another");
  breaks("I10", /genuine votes of 3/, () => accept(0, head));
});

Deno.test("I10: a beacon over another prev, and a leader that was not drawn", () => {
  const other = elected();
  const prev = other.head.id;
  breaks("I10", /beacon/, () => other.accept(0, changed(other.head, "b", { prev })));
  const chosen = elected();
  const leader = chosen.world.nodes.find(({ id }) => id !== chosen.head.leader)!.id;
  breaks("I10", /not the one that was drawn/, () => chosen.accept(0, { ...chosen.head, leader }));
});

Deno.test("P3: a later certificate that does not descend from one that held a lease", () => {
  const { world, accept, head, hold, store, leader } = elected();
  accept(0, head);
  // The beacon names no term, so everything but the descent is as it should be.
  const term = head.proposal.term + 1;
  const beside = changed(head, "beside", { term });
  for (const node of world.nodes) store(node, term, head.digest);
  accept(1, beside);
  breaks("P3", /does not descend/, () => hold(leader, head, 0));
});

Deno.test("a late closing of the function before shares a term with its successor's leader, and descends from nobody of that", () => {
  const fates = (isOfBefore: boolean) =>
    [0, 1].map((later) => {
      const { world, head, accept, adopt, hold, store, leader } = elected();
      accept(0, head);
      hold(leader, head, 0);
      const term = head.proposal.term + later;
      for (const node of world.nodes) store(node, term, head.digest);
      const closing = changed(head, "closing", {
        type: "closing",
        term,
        prev: "of the function before",
      });
      const [under] = world.functions;
      const before = { ...under, number: under.number - 1 };
      return () => adopt({ ...closing, leader: undefined }, isOfBefore ? before : under);
    });
  for (const adopts of fates(true)) adopts();
  const [equal, later] = fates(false);
  breaks("I1", /two certificates/, equal);
  breaks("P3", /does not descend/, later);
});

Deno.test("I3: a closing of a later term bars no leader of the successor, and a leader does", () => {
  const { world, effect, head, accept } = elected();
  const [node] = world.nodes;
  const save = (certificate: RosterCertificate) =>
    effect(node, { type: "save", memory: { head: certificate } });
  accept(0, head);
  const [under] = world.functions;
  const install = (number: number) =>
    Object.defineProperty(node, "function", { value: { ...under, number }, configurable: true });
  install(under.number + 1);
  breaks("I3", /accepts term/, () => save(changed(head, "as early as before")));
  install(under.number + 2);
  const bundle = changed(head, "closing", { type: "closing", term: 9 });
  breaks("I10", /genuine votes/, () => save({ ...bundle, leader: undefined }));
  install(under.number + 3);
  // Judged for its votes, and not for its term.
  breaks(
    "I10",
    /genuine votes/,
    () => save(changed(head, "next", { term: head.proposal.term + 1 })),
  );
});

Deno.test("an honest node that stops for good is found", () => {
  const { world: { nodes: [node] }, effect } = elected();
  breaks("honest", /stops for good/, () => effect(node, { type: "fail-stop", reason: "x" }));
});
