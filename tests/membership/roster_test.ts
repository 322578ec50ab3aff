/** The f + 1 rule of roster clusters (design §3), here with f = 1. */
import { ok, strictEqual } from "node:assert";
import { suspicionBounds, suspicionTimeoutMs } from "../../lib/membership/suspicion.ts";
import type { MembershipEffect } from "../../lib/membership/types.ts";
import { pingsTo, type Puppet, Solo } from "./_solo.ts";

/** A core with a roster of itself and four puppets, which all are members. */
function withRoster(): { solo: Solo; members: Puppet[]; stranger: Puppet } {
  const ids = new Set<string>();
  const solo = new Solo({ roster: { ids, faultBound: 1 } });
  const members = Array.from({ length: 4 }, () => solo.puppet());
  for (const member of [solo.me, ...members]) ids.add(member.id);
  const stranger = solo.puppet();
  for (const member of [...members, stranger]) solo.admit(member);
  return { solo, members, stranger };
}

/** Lets time pass while everybody answers. */
function answerAll(
  { solo, members, stranger }: ReturnType<typeof withRoster>,
  ms: number,
  first: readonly MembershipEffect[] = [],
): void {
  const untilMs = solo.nowMs + ms;
  for (let effects = first; solo.nowMs < untilMs; effects = solo.run(5)) {
    for (const member of [...members, stranger]) {
      for (const ping of pingsTo(effects, member)) solo.ack(member, ping.nonce);
    }
  }
}

Deno.test("f accusers neither suspect nor bury, and do not reset how long a member is settled", () => {
  const { solo, members: [p, q] } = withRoster();
  const { sinceMs } = solo.core.member(p.id)!;
  solo.hear(q, q.suspect(p, 0), q.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
  strictEqual(solo.core.member(p.id)!.sinceMs, sinceMs);
});

Deno.test("a lone accuser only makes the node probe the accused next", () => {
  const { solo, members: [p, q] } = withRoster();
  solo.hear(q, q.suspect(p, 0));
  strictEqual(pingsTo(solo.run(solo.settings.probeIntervalMs), p).length >= 1, true);
});

Deno.test("f + 1 accusers make a suspect, f + 1 burials a dead member", () => {
  const { solo, members: [p, q, r] } = withRoster();
  solo.hear(q, q.suspect(p, 0));
  solo.hear(r, r.suspect(p, 0));
  strictEqual(solo.stateOf(p), "suspect");
  solo.hear(q, q.dead(p, 0));
  strictEqual(solo.stateOf(p), "suspect");
  solo.hear(r, r.dead(p, 0));
  strictEqual(solo.stateOf(p), "dead");
});

Deno.test("one accuser counts once, whatever it repeats", () => {
  const { solo, members: [p, q] } = withRoster();
  for (let i = 0; i < 3; i++) solo.hear(q, q.suspect(p, 0), q.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("who called a member dead has said so, though a suspicion of its comes later", () => {
  const { solo, members: [p, q, r] } = withRoster();
  solo.hear(q, q.dead(p, 0));
  solo.hear(q, q.suspect(p, 0));
  solo.hear(r, r.dead(p, 0));
  strictEqual(solo.stateOf(p), "dead");
});

Deno.test("the word of a member against itself counts nothing", () => {
  const { solo, members: [p, q] } = withRoster();
  solo.hear(p, p.dead(p, 0));
  solo.hear(q, q.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("the time to refute begins when f + 1 accuse: an early accuser takes none of it away", () => {
  const world = withRoster();
  const { solo, members: [p, q, r] } = world;
  const bounds = suspicionBounds(solo.settings, 6);
  answerAll(world, 0.9 * bounds.maxMs, solo.hear(q, q.suspect(p, 0)));
  strictEqual(solo.stateOf(p), "alive");
  const news = solo.hear(r, r.suspect(p, 0));
  strictEqual(solo.stateOf(p), "suspect");
  answerAll(world, suspicionTimeoutMs(bounds, 1) - 20, news);
  strictEqual(solo.stateOf(p), "suspect");
});

Deno.test("members outside the roster accuse nobody", () => {
  const { solo, members: [p, q], stranger } = withRoster();
  solo.hear(q, q.dead(p, 0));
  solo.hear(stranger, stranger.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("the node's own failed probes are enough", () => {
  const { solo, members } = withRoster();
  solo.run(60_000);
  for (const member of members) strictEqual(solo.stateOf(member), "dead");
});

Deno.test("hearsay of too few goes stale", () => {
  const world = withRoster();
  const { solo, members: [p, q, r] } = world;
  answerAll(world, 10_000, solo.hear(q, q.dead(p, 0)));
  solo.hear(r, r.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
  ok(!solo.changes().includes("fail") || solo.stateOf(p) === "alive");
});
