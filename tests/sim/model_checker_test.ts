/** The model's steps as a checker of runs: each step that the model does not have is found, and those that it has pass. */
import { throws } from "node:assert";
import type { GaveUp, RosterMemory } from "../../lib/election/roster/types.ts";
import { ModelChecker } from "../../lib/simulate/model_checker.ts";
import { RosterBody, type SimEffect } from "../../lib/simulate/sim_body.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { rosterWorld } from "./_world.ts";

/** A voter of three that has just started, at genesis or at what its first certificate follows. */
function started(origin?: { readonly term: number; readonly id: string }) {
  const world = rosterWorld();
  const [node, ...others] = world.nodes;
  node.boot();
  if (!(node.body instanceof RosterBody)) throw new Error("no voter");
  if (origin) Object.defineProperty(node.body.voter, "head", { value: origin });
  const { memory: empty, head: genesis } = node.body.voter;
  const checker = new ModelChecker(world);
  checker.booted(node);
  let memory: RosterMemory = empty;
  const act = (effect: unknown) => checker.effect(node, effect as SimEffect);
  const save = (change: unknown) => {
    memory = { ...memory, ...change as Partial<RosterMemory> };
    act({ type: "save", memory });
  };
  return {
    save,
    vote: (term: number, digest: string, prev = genesis.id) =>
      save({ lastVote: { term, digest, prev } }),
    genesis: genesis.id,
    accept: (term: number, id: string, ...leaders: (string | undefined)[]) => {
      const [leader] = leaders.length > 0 ? leaders : [node.id];
      save({ head: { id, leader, proposal: { term } } });
    },
    open: (term: number, voters: number, prev = genesis.id) => {
      const by = [node, ...others].slice(0, voters);
      const opening = by.map(({ id }): GaveUp => ({ prev, term, voter: id, signature: "" }));
      save({ opening });
    },
    say: (message: unknown) => act({ type: "send-election", to: [], message }),
    gaveUp: (term: number, prev = genesis.id) => ({
      kind: "gave-up",
      statements: [{ prev, term, voter: node.id, signature: "" }],
    }),
    ack: (certificateId: string) => ({ kind: "lease-ack", ack: { certificateId } }),
    stepDown: (certificateId: string) => ({ kind: "step-down", stepDown: { certificateId } }),
    hold: (id: string) => act({ type: "lease-held", certificate: { id } }),
    lose: () => act({ type: "lease-lost" }),
    restart: () => {
      checker.crashed(node);
      node.crash();
      node.boot();
      checker.booted(node);
      memory = empty;
    },
  };
}

function breaks(act: () => void, what: RegExp): void {
  throws(
    act,
    (thrown) =>
      thrown instanceof Violation && thrown.invariant === "model" && what.test(thrown.message),
  );
}

Deno.test("a reign, its end and the next vote are steps of the model", () => {
  const node = started();
  node.vote(1, "D");
  node.accept(1, "c1");
  node.hold("c1");
  node.lose();
  node.save({ steppedDown: "c1" });
  node.say(node.stepDown("c1"));
  node.vote(2, "E", "c1");
  node.say(node.gaveUp(2, "c1"));
  node.open(2, 2, "c1");
  node.vote(3, "F", "c1");
});

Deno.test("a vote in another term than the current one, twice in one, or after another head is no step", () => {
  breaks(() => started().vote(2, "D"), /votes in term 2/);
  breaks(() => started().vote(1, "D", "another"), /votes in term 1/);
  const node = started();
  node.vote(1, "D");
  node.vote(1, "D");
  breaks(() => node.vote(1, "E"), /votes in term 1/);
});

Deno.test("after a vote to close only another one for that successor is a step, and no ack", () => {
  const close = (node: ReturnType<typeof started>, term: number, successor?: string) =>
    node.save({ lastVote: { term, digest: `D${term}`, prev: node.genesis, successor } });
  const node = started();
  close(node, 1, "S");
  node.open(1, 2);
  close(node, 2, "S");
  for (const successor of ["another", undefined]) {
    const other = started();
    close(other, 1, "S");
    other.open(1, 2);
    breaks(() => close(other, 2, successor), /after it closed/);
  }
  const follower = started();
  close(follower, 1, "S");
  follower.accept(2, "c2", "another");
  breaks(() => follower.say(follower.ack("c2")), /acks after it voted to close/);
});

Deno.test("a vote after a closing certificate is no step, whoever voted for that", () => {
  const node = started();
  node.accept(1, "closing", undefined);
  breaks(() => node.vote(2, "D", "closing"), /after it closed/);
});

Deno.test("a vote within a lease after a restart is no step of who ever promised one", () => {
  const node = started();
  node.restart();
  node.vote(1, "D");
  const bound = started();
  bound.accept(1, "c1", "another");
  bound.say(bound.ack("c1"));
  bound.restart();
  breaks(() => bound.vote(1, "D"), /too soon/);
});

Deno.test("a term that no quorum opened is no step, nor one that is over", () => {
  const node = started();
  breaks(() => node.open(1, 1), /without a quorum/);
  const other = started();
  other.open(3, 2);
  breaks(() => other.open(1, 2), /without a quorum/);
});

Deno.test("a certificate of no later term is no step", () => {
  const node = started();
  node.accept(2, "c2");
  breaks(() => node.accept(2, "other"), /no later term/);
});

Deno.test("the first certificate of a successor is a step whatever its term, and the next one of no later term is none", () => {
  const node = started({ term: 5, id: "a later closing" });
  node.accept(2, "c2");
  breaks(() => node.accept(2, "other"), /no later term/);
});

Deno.test("an ack for another certificate than the head, or after a later vote, is no step", () => {
  const node = started();
  node.accept(1, "c1", "another");
  node.say(node.ack("c1"));
  breaks(() => node.say(node.ack("c0")), /acks/);
  node.vote(2, "D", "c1");
  breaks(() => node.say(node.ack("c1")), /acks/);
});

Deno.test("a lease without office, or from what was stepped down, is no step", () => {
  const node = started();
  node.accept(1, "c1", "another");
  breaks(() => node.hold("c1"), /without leading/);
  const leader = started();
  leader.accept(1, "c1");
  leader.save({ steppedDown: "c1" });
  breaks(() => leader.hold("c1"), /without leading/);
});

Deno.test("a step-down with a lease, from another's reign, or before it is stored, is no step", () => {
  const node = started();
  node.accept(1, "c1");
  breaks(() => node.say(node.stepDown("c1")), /before that is on its disk/);
  node.hold("c1");
  breaks(() => node.save({ steppedDown: "c1" }), /steps down/);
  const follower = started();
  follower.accept(1, "c1", "another");
  breaks(() => follower.save({ steppedDown: "c1" }), /steps down/);
});

Deno.test("giving up a term that is not its own is no step", () => {
  const node = started();
  node.say(node.gaveUp(1));
  breaks(() => node.say(node.gaveUp(2)), /gives up/);
  breaks(() => node.say(node.gaveUp(1, "another")), /gives up/);
});
