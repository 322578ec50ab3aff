/** A voter between its election and its shell: both clocks come before every event, so that a machine that slept acts on no lease (design §4.7). */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { rosterSettings } from "../../lib/election/roster/settings.ts";
import { EMPTY_MEMORY } from "../../lib/election/roster/types.ts";
import type { Membership } from "../../lib/membership/core.ts";
import type { MembershipEvent } from "../../lib/membership/types.ts";
import { Replica } from "../../lib/node/replica.ts";
import { RosterVoter, type RosterVoterEffect } from "../../lib/node/roster_voter.ts";
import { base64url } from "../../lib/base/bytes.ts";
import { certificateOf, GENESIS, rosterOf, rulesOf } from "../election/roster/_rules.ts";

/** Whom nobody ever heard of: everything that the voter tells it is written down. */
function nobody(told: MembershipEvent[] = []): Membership {
  const step = (event: MembershipEvent) => {
    told.push(event);
    return [];
  };
  return { step, members: () => [], member: () => undefined } as unknown as Membership;
}

/** A voter that has just got a lease. */
function lessee() {
  const roster = rosterOf(3, 0);
  const nowMs = 1_000;
  let nonce = "";
  const voter = new RosterVoter(nobody(), {
    self: "a",
    roster,
    rules: rulesOf("a", roster, () => nonce += "n"),
    settings: rosterSettings("local", roster.leaseMs, 500),
    memory: EMPTY_MEMORY,
    origin: GENESIS,
    prng: createPrng(1),
    nowMs,
  });
  const clock = { nowMs, wallMs: 5_000_000 };
  const certificate = certificateOf(roster, "a", { term: 1, voters: ["b", "c"] });
  voter.elect({ type: "certificate", certificate }, clock);
  const ack = { certificateId: certificate.id, nonce, voter: "b", signature: "b" };
  voter.elect({ type: "message", sender: "b", message: { kind: "lease-ack", ack } }, clock);
  ok(voter.leaseRemainingMs(nowMs) > 0);
  return { voter, clock, slept: { nowMs, wallMs: clock.wallMs + 60_000 } };
}

const losses = (effects: readonly RosterVoterEffect[]) =>
  effects.flatMap((effect) => effect.type === "lease-lost" ? [effect.why] : []);

Deno.test("a voter whose machine slept has no lease when the next event of the election comes", () => {
  const { voter, slept } = lessee();
  const effects = voter.elect({ type: "sub-lease", id: "x", wantedMs: 100 }, slept);
  deepStrictEqual(losses(effects), ["clock-jump"]);
  const granted = effects.find((effect) => effect.type === "sub-lease-granted");
  strictEqual(granted?.grantedMs, 0);
});

Deno.test("a voter whose machine slept has no lease when the next word of gossip comes", () => {
  const { voter, slept } = lessee();
  const address = { host: "10.0.0.1", port: 1 };
  deepStrictEqual(losses(voter.gossip({ type: "sync-failed", address }, slept)), ["clock-jump"]);
  strictEqual(voter.leaseRemainingMs(slept.nowMs), 0);
});

Deno.test("a leader that leaves is told to stop what runs under its lease before it says that it goes", () => {
  const { voter, clock } = lessee();
  const effects = voter.gossip({ type: "leave" }, clock);
  deepStrictEqual(losses(effects), ["stepping-down"]);
  ok(effects.some(({ type }) => type === "stop-work"));
});

Deno.test("gossip carries the remembered head from the first word on", () => {
  const told: MembershipEvent[] = [];
  const id = base64url(new Uint8Array(32).fill(7));
  const election = {
    head: { term: 9, id },
    step: () => [],
    deadlineMs: () => undefined,
  };
  new Replica(nobody(told), election, { view: () => [], beforeLeaving: [] }, 0);
  deepStrictEqual(told.map(({ type }) => type), ["head"]);
});
