/** The eyes for rules that no invariant shows by itself: each sees its breach, and nothing wrong without. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { base64url, compareBase64url, utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import type { Digest } from "../../lib/certificate/types.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { leaseMarginMs, rosterSettings } from "../../lib/election/roster/settings.ts";
import type { RosterRules } from "../../lib/election/roster/types.ts";
import { simulatedRules } from "../../lib/simulate/identities.ts";
import { type Liar, liarOf } from "../../lib/simulate/liars.ts";
import { leastMarginMs, RuleChecker } from "../../lib/simulate/rule_checker.ts";
import type { RosterBody, SimEffect } from "../../lib/simulate/sim_body.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { DRIFT_PPM, LEASE_MS, rosterWorld } from "./_world.ts";

const USABLE_MS = LEASE_MS -
  leaseMarginMs(LEASE_MS, rosterSettings("local", LEASE_MS, DRIFT_PPM));

function watched() {
  const world = rosterWorld({ nodes: 4, faultBound: 1 });
  const checker = new RuleChecker(world);
  // Of an effect the checker reads what it judges by, and nothing else.
  const effect = (place: number, seen: unknown) =>
    checker.effect(world.nodes[place], seen as SimEffect);
  const vote = (place: number, to: number, signature = "signature") => {
    const message = { kind: "vote", term: 1, digest: "D", vote: { signature } };
    effect(place, { type: "send-election", message, to: [{ id: world.nodes[to].id }] });
  };
  return { world, checker, effect, vote };
}

function isOf(invariant: string): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof Violation && thrown.invariant === invariant;
}

/** Whom a voter may send its first vote to. */
function gatherersOf(vote: (place: number, to: number) => void): number[] {
  return [0, 1, 2, 3].filter((to) => {
    try {
      vote(0, to);
      return true;
    } catch (thrown) {
      ok(isOf("collector")(thrown));
      return false;
    }
  });
}

Deno.test("a vote for a proposal of another than the term's collector is found", () => {
  strictEqual(gatherersOf(watched().vote).length, 1);
});

Deno.test("a lease counts acks under its own certificate only, from the sending of their heartbeat", () => {
  const { world, checker, effect } = watched();
  const [leader, ...others] = world.nodes;
  const saidMs = leader.clock.monotonicMs(world.nowMs);
  const held = (untilMs: number) =>
    effect(leader.place, { type: "lease-held", certificate: { id: "c" }, untilMs });
  const ack = (place: number, certificateId: string) =>
    checker.said(others[place], leader.place, {
      kind: "lease-ack",
      ack: { certificateId, nonce: "n", voter: others[place].id, signature: "" },
    });
  effect(leader.place, {
    type: "send-election",
    message: { kind: "heartbeat", heartbeat: { nonce: "n" } },
    to: [],
  });
  ack(0, "c");
  ack(1, "earlier");
  throws(() => held(saidMs + USABLE_MS), isOf("I2"), "two of three, and one ack for another");
  ack(1, "c");
  held(saidMs + USABLE_MS);
  throws(() => held(saidMs + USABLE_MS + 1), isOf("I2"), "longer than the lease less its margin");
});

Deno.test("a lease is bounded by the design's margin, whatever the core takes off", () => {
  const [slow, fast] = [1 - 0.05, 1 + 0.05];
  // By true time: a follower's promise of L by a fast clock, and L less the margin by a slow one.
  const leaseMs = 800;
  const promisedMs = leaseMs / fast;
  ok(Math.abs((leaseMs - leastMarginMs(leaseMs, 50_000)) / slow - promisedMs) < 1e-9);
});

Deno.test("votes for another enclave key are found while their voters know that of the last certificate for living", () => {
  const run = (kidsTold: readonly string[], kidsToldBefore = kidsTold) => {
    const { world, effect, vote } = watched();
    const [gatherer] = gatherersOf(vote);
    world.nodes[0].kidsTold = ["old"];
    vote(0, gatherer, "first");
    Object.assign(world.nodes[0], { kidsTold, kidsToldBefore });
    vote(0, gatherer, "second");
    Object.assign(world.nodes[0], { kidsTold: [], kidsToldBefore: [] });
    vote(0, gatherer, "second");
    const save = (id: string, prev: string, kid: string, signature: string) =>
      effect(1, {
        type: "save",
        memory: {
          head: { id, proposal: { term: 1, prev, kid }, document: { bundle: [{ signature }] } },
        },
      });
    save("c1", "genesis", "old", "first");
    save("c2", "c1", "new", "second");
  };
  run(["new"]);
  run(["old", "new"], ["new"]);
  throws(() => run(["old", "new"]), isOf("I8"), "the old key lives");
  throws(() => run([]), isOf("I8"), "nobody attested the new one");
});

Deno.test("a vote for another enclave key is found when it is cast, elected or not", () => {
  const [old, other, prev] = ["old", "new", "c"].map((text) => base64url(sha256(utf8(text))));
  const run = (kidsTold: readonly string[], kidsStored?: readonly string[]) => {
    const { world, checker, effect } = watched();
    const [voter, collector] = world.nodes;
    const { domain, config, collectors, digests } = voter.function;
    const rules = simulatedRules(collector.identity, domain, config!, {
      prng: createPrng(1),
      collectors,
      digests,
      signs: true,
    });
    const head = { id: prev, proposal: { term: 1, prev: "g", kid: old }, document: { bundle: [] } };
    effect(voter.place, { type: "save", memory: { head } });
    const term = termOf(rules, prev, collector.id);
    const active = [voter.id, collector.id].sort(compareBase64url);
    const proposal = { type: "leader", term, prev, kid: other, active, tenure: 0 } as const;
    const digest = rules.digest(proposal);
    const own = rules.signVote(term, digest);
    collector.liar = {} as Liar;
    checker.said(collector, voter.place, { kind: "proposal", proposal, vote: own });
    if (kidsStored) {
      voter.kidsTold = voter.kidsToldBefore = kidsStored;
      effect(voter.place, { type: "save", memory: { lastVote: { term, digest, prev } } });
    }
    voter.kidsTold = voter.kidsToldBefore = kidsTold;
    const message = { kind: "vote", term, digest, vote: { signature: "s" } };
    effect(voter.place, { type: "send-election", message, to: [{ id: collector.id }] });
  };
  run([other]);
  throws(() => run([old, other]), isOf("I8"));
  run([old, other], [other]);
  throws(() => run([other], [old, other]), isOf("I8"), "stored while both lived, and said later");
});

/** A term whose votes a node collects. */
function termOf(rules: RosterRules, prev: Digest, collector: string): number {
  for (let term = 2;; term++) if (rules.collector(prev, term) === collector) return term;
}

Deno.test("a liar that changes keys knows another than that of its head while one lives, and is told anew for each head", () => {
  const world = rosterWorld({ enclaves: 2 });
  const [node] = world.nodes;
  node.boot();
  const liar = liarOf("changes-keys", node, world, createPrng(1));
  let told = 0;
  node.tellKeys = () => {
    told++;
    liar.knows([]);
  };
  const isToldUnder = (kid: string) => {
    const { voter } = node.body as RosterBody;
    const value = { proposal: { kid } };
    Object.defineProperty(voter, "headCertificate", { value, configurable: true });
    const before = told;
    for (const from of [1, 2]) ok(liar.hears({ kind: "heartbeat" }, from));
    return told - before;
  };
  strictEqual(isToldUnder("a"), 1);
  deepStrictEqual(liar.knows(["a", "b"]), ["b"]);
  strictEqual(isToldUnder("b"), 1);
  deepStrictEqual(liar.knows(["a", "b"]), ["a"]);
  deepStrictEqual(liar.knows(["b"]), ["b"], "there is no other");
  strictEqual(isToldUnder("b"), 0);
});

Deno.test("a world in which time stands still says so, and one that is only busy goes on", () => {
  const { world } = watched();
  let left = 3_000;
  const again = () => left-- > 0 && world.at(world.nowMs, again);
  world.at(1, again);
  world.runUntil(10);
  left = Infinity;
  world.at(11, again);
  throws(() => world.runUntil(20), isOf("progress"));
});

Deno.test("a step-down that its leader never said is found, by the head of that moment", () => {
  const { world, checker, effect } = watched();
  const [follower, leader, next] = world.nodes;
  const save = (id: string) => {
    const head = { id, proposal: { term: 1, prev: "genesis", kid: "k" }, document: { bundle: [] } };
    effect(follower.place, { type: "save", memory: { head } });
  };
  const hears = (by: { readonly id: string }) =>
    effect(follower.place, { type: "note", note: { what: "stepped-down", leader: by.id } });
  save("c");
  throws(() => hears(leader), isOf("step-down"));
  hears(follower);
  const stepDown = { certificateId: "c" as Digest, leader: leader.id, signature: "" };
  checker.said(leader, follower.place, { kind: "step-down", stepDown });
  hears(leader);
  throws(() => hears(next), isOf("step-down"), "only what leads may step down");
  save("d");
  throws(() => hears(leader), isOf("step-down"), "not under another certificate");
});
