/** What hooks hear, from what a node's journal says. */
import { deepStrictEqual, throws } from "node:assert";
import { HookTracker } from "../../lib/cli/hooks/hook_events.ts";
import { parseHooks } from "../../lib/cli/hooks/hook.ts";

const LED = { term: 3, leader: "me", name: "n", self: true, certificateId: "c3", tee: "nitro" };
const OTHER = { ...LED, term: 4, leader: "you", self: false, certificateId: "c4" };

function heard(kind: "open" | "roster", ...lines: [string, Record<string, unknown>][]): string[] {
  const tracker = new HookTracker(kind);
  const calls = lines.flatMap(([event, fields]) => tracker.take(event, fields));
  return [...calls, ...tracker.end()].map(({ event, fields }) =>
    `${event} ${fields.why ?? fields.term}`
  );
}

Deno.test("in a roster cluster the lease decides who is elected, and renewals are no news", () => {
  deepStrictEqual(
    heard("roster", ["leader", LED], ["lease-held", { term: 3 }], ["lease-held", { term: 3 }], [
      "lease-lost",
      { why: "expired" },
    ], ["leader", OTHER]),
    ["leader-change 3", "elected 3", "deposed expired", "leader-change 4"],
  );
});

Deno.test("in an open cluster the certificate decides", () => {
  deepStrictEqual(
    heard("open", ["leader", LED], ["leader", LED], ["leader", OTHER], ["leaderless", { term: 5 }]),
    ["leader-change 3", "elected 3", "deposed superseded", "leader-change 4", "leader-change 5"],
  );
});

Deno.test("elected and deposed take turns, also when the node stops", () => {
  deepStrictEqual(heard("roster", ["lease-held", { term: 3 }], ["lease-held", { term: 4 }]), [
    "elected 3",
    "deposed superseded",
    "elected 4",
    "deposed stopping",
  ]);
  deepStrictEqual(heard("roster", ["lease-lost", { why: "expired" }]), []);
});

Deno.test("members and proofs of lies are passed on, other lines are not", () => {
  const tracker = new HookTracker("open");
  const member = { id: "i", name: "n", address: "a:1", state: "dead" };
  deepStrictEqual(tracker.take("member-fail", member), [{ event: "fail", fields: { member } }]);
  deepStrictEqual(tracker.take("fork-evidence", { evidence: 1, more: 2 }), [
    { event: "fork-evidence", fields: { evidence: 1 } },
  ]);
  deepStrictEqual(tracker.take("hook-failed", {}), []);
});

Deno.test("hooks are read with words for what is wrong", () => {
  deepStrictEqual(parseHooks(["elected=a=b", "fail=https://x.test/y"]), [
    { event: "elected", target: { command: "a=b" } },
    { event: "fail", target: { url: "https://x.test/y" } },
  ]);
  throws(() => parseHooks(["electd=x"]), /did you mean elected\?/);
  throws(() => parseHooks(["boot=x"]), /one of elected/);
  throws(() => parseHooks(["elected"]), /EVENT=COMMAND/);
  throws(() => parseHooks(["elected=http://u:p@x/"]), /a password in it would show/);
  throws(() => parseHooks(Array(65).fill("elected=x")), /64 at most/);
});
