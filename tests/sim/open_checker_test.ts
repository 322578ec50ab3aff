/** The eyes for votes of an open cluster: each is for exactly what its voter sees, knows and follows. */
import { ok, throws } from "node:assert";
import { base64url, compareBase64url, fromBase64url } from "../../lib/base/bytes.ts";
import { proposalDigest } from "../../lib/certificate/proposal.ts";
import type { Digest, VerifiedCertificate } from "../../lib/certificate/types.ts";
import type { ElectionMessage } from "../../lib/election/types.ts";
import { OpenChecker } from "../../lib/simulate/open_checker.ts";
import type { SimEffect } from "../../lib/simulate/sim_body.ts";
import { Violation } from "../../lib/simulate/violation.ts";
import { rosterWorld } from "./_world.ts";

/** An open cluster under its first leader of all, and eyes that saw how it came about. */
function elected() {
  const world = rosterWorld({ kind: "open", enclaves: 2 });
  const checker = new OpenChecker(world);
  const heads: VerifiedCertificate[] = [];
  world.watchers.push(checker, {
    effect: (_node, effect) => {
      if (effect.type === "persist-head") heads.push(effect.certificate);
    },
    crashed: () => {},
  });
  world.start();
  ok(world.runUntil(10_000, () => checker.disagreement() === undefined), "all are one cluster");
  const [node] = world.nodes;
  const { id: prev, term, kid } = heads.at(-1)!;
  const active = world.nodes.map(({ id, name, identity }) => (
    { id, name, key: base64url(identity.publicKey) }
  )).sort((a, b) => compareBase64url(a.id, b.id));
  const own = { term: term + 1, prev, kid, active };
  const digestOf = (change: Partial<typeof own>): Digest =>
    base64url(proposalDigest(node.function.domain, { ...own, ...change }));
  const save = (digest: Digest) =>
    checker.effect(node, { type: "persist-vote", term: own.term, digest } as SimEffect);
  const say = (digest: Digest) => {
    node.disk.history = { ...node.disk.history, lastVote: { term: own.term, digest } };
    const vote = { key: "", signature: "s" };
    const message: ElectionMessage = { kind: "vote", term: own.term, digest, vote };
    checker.effect(node, { type: "send-election", to: [], message } as SimEffect);
  };
  /** Its next step, in which it sees somebody fail. */
  const fail = (id: string) => {
    node.tell(() => []);
    const change = { kind: "fail", member: { id, state: "dead" } };
    checker.effect(node, { type: "member", change } as unknown as SimEffect);
  };
  return { own, node, digestOf, save, say, fail };
}

function isView(thrown: unknown): boolean {
  return thrown instanceof Violation && thrown.invariant === "view";
}

Deno.test("a vote for the voter's own view breaks nothing", () => {
  const { digestOf, save, say } = elected();
  save(digestOf({}));
  say(digestOf({}));
});

Deno.test("a vote for another's view is found, when it is saved and when it is said", () => {
  const { own, digestOf, save, say } = elected();
  const active = own.active.slice(1);
  throws(() => save(digestOf({ active })), isView);
  throws(() => say(digestOf({ active })), isView);
});

Deno.test("so is one after another head than the voter's, for another term than it says, and for a key that it does not know", () => {
  const { own, digestOf, say } = elected();
  const other = fromBase64url(own.prev)!.toReversed();
  throws(() => say(digestOf({ prev: base64url(other) })), isView);
  throws(() => say(digestOf({ term: own.term + 1 })), isView);
  throws(() => say(digestOf({ kid: base64url(other) })), isView);
});

Deno.test("in the step that changes its view a node may vote before and after that, and later only after", () => {
  const { own, node, digestOf, say, fail } = elected();
  const gone = own.active.find(({ id }) => id !== node.id)!;
  const active = own.active.filter((each) => each !== gone);
  fail(gone.id);
  say(digestOf({}));
  say(digestOf({ active }));
  node.tell(() => []);
  throws(() => say(digestOf({})), isView);
  say(digestOf({ active }));
});
