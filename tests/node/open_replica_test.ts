/** What the election of an open cluster is told of membership: each change once, however many are there. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ElectionEffect, ElectionEvent } from "../../lib/election/types.ts";
import type { Membership } from "../../lib/membership/core.ts";
import type { Member, MemberChange, MemberState } from "../../lib/membership/types.ts";
import { openReplica } from "../../lib/node/open_replica.ts";
import { candidate, fakeRules, KID } from "../election/harness.ts";

/** After so long a view may be voted on. */
const SETTLED_MS = LOCAL_ELECTION.settleMs + 1;

class ListeningElection extends OpenElection {
  readonly told: ElectionEvent[] = [];
  readonly effects: ElectionEffect[] = [];

  override step(event: ElectionEvent, nowMs: number) {
    this.told.push(event);
    const effects = super.step(event, nowMs);
    this.effects.push(...effects);
    return effects;
  }
}

/** A replica over a membership in which happens what the test says. */
function solo() {
  const election = new ListeningElection({
    self: "self",
    rules: { ...fakeRules("self"), genesis: base64url(new Uint8Array(32)) },
    settings: LOCAL_ELECTION,
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: true,
  });
  let changes: readonly MemberChange[] = [];
  let nowMs = 0;
  const membership = {
    step: () => changes.map((change) => ({ type: "changed", change })),
    members: () => changes.map(({ member }) => member),
  } as unknown as Membership;
  const replica = openReplica(membership, election, candidate("self"), 0);
  const happens = (...news: readonly [MemberChange["kind"], string, MemberState][]) => {
    nowMs += SETTLED_MS;
    changes = news.map(([kind, id, state]) => ({ kind, member: memberOf(id, state) }));
    election.told.length = 0;
    replica.gossip({ type: "sync-failed", address: { host: "10.0.0.1", port: 1 } }, nowMs);
    return election.told;
  };
  return { happens, election };
}

function memberOf(id: string, state: MemberState): Member {
  return { id, name: id, state, publicKey: new Uint8Array(32) } as Member;
}

function changesIn(told: readonly ElectionEvent[]) {
  return told.flatMap((event) => event.type === "view" ? event.changes : []);
}

Deno.test("an election is told of itself and of those who are there first, and then of each change once", () => {
  const { happens } = solo();
  const first = changesIn(happens(["join", "n0", "alive"]));
  deepStrictEqual(
    first.map((change) => change.kind === "active" ? change.node.id : undefined),
    ["self", "n0"],
  );
  let told = 0;
  for (let i = 1; i <= 60; i++) told += changesIn(happens(["join", `n${i}`, "alive"])).length;
  strictEqual(told, 60);
  strictEqual(happens().length, 0);
});

Deno.test("a suspect takes part, the dead and the gone are known, the reaped are forgotten", () => {
  const { happens } = solo();
  happens();
  const told = changesIn(happens(
    ["suspect", "a", "suspect"],
    ["fail", "b", "dead"],
    ["leave", "c", "left"],
    ["reap", "d", "dead"],
  ));
  deepStrictEqual(told.map(({ kind }) => kind), ["active", "inactive", "inactive", "forgotten"]);
});

Deno.test("that somebody is there is told once, after the view in which a node is not alone any more", () => {
  const { happens } = solo();
  const types = (told: readonly ElectionEvent[]) => told.map(({ type }) => type);
  deepStrictEqual(types(happens()), ["view"]);
  deepStrictEqual(types(happens(["fail", "a", "dead"])), ["view"]);
  deepStrictEqual(types(happens(["join", "b", "alive"])), ["view", "joined"]);
  deepStrictEqual(types(happens(["join", "c", "alive"])), ["view"]);
});

Deno.test("a node that waits for its seeds does not elect itself at the moment when the first of them answers", () => {
  const { happens, election } = solo();
  happens();
  election.step({ type: "keys", kids: [KID], preferred: KID }, 0);
  deepStrictEqual(election.step({ type: "tick" }, 2 * SETTLED_MS), []);
  happens(["join", "a", "alive"]);
  deepStrictEqual(election.effects.filter(({ type }) => type !== "head"), []);
});
