/** What one head, one term or one round leaves behind is nothing to the next (design §4.3 to §4.8). */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { digestOf, signGaveUp } from "./_rules.ts";
import { leader, LEASE_MS, type Solo, voter } from "./_solo.ts";

/** Opens terms until one has another collector than this node. */
function openTermOfAnother(solo: Solo): void {
  do solo.gaveUp(solo.others); while (solo.collector() === solo.self);
}

/** A quorum's statements about one term in one message. */
function showGivenUp(solo: Solo, term: number, prev: string): void {
  const statements = solo.others.map((id) => signGaveUp(id, prev, term));
  solo.tell(solo.others[0], { kind: "gave-up", statements });
}

Deno.test("who gives a later term up shows what its own collector proposed, not that of an earlier one", () => {
  const solo = voter();
  solo.propose();
  openTermOfAnother(solo);
  const proposal = solo.proposal();
  solo.propose(proposal);
  solo.clear();
  solo.pass(2 * solo.settings.collectorTimeoutMsMax);
  strictEqual(solo.sent("gave-up")[0].seen?.digest, digestOf(proposal));
});

Deno.test("voters that gave up a term before it opened here count in it", () => {
  const solo = voter();
  const { others } = solo;
  const { id } = solo.election.head;
  solo.gaveUp(others.slice(0, 2), 2);
  showGivenUp(solo, 1, id);
  strictEqual(solo.election.term, 2);
  solo.gaveUp(others.slice(2), 2);
  strictEqual(solo.election.term, 3);
});

Deno.test("a quorum that was shown about an earlier head opens nothing after a later one", () => {
  const solo = voter();
  const { id } = solo.election.head;
  showGivenUp(solo, 5, id);
  strictEqual(solo.election.term, 6);
  const certificate = solo.elect(solo.others[0], { term: 2, prev: id });
  strictEqual(solo.election.head.id, certificate.id);
  strictEqual(solo.election.term, 3);
  solo.gaveUp(solo.others);
  strictEqual(solo.election.term, 4, "nor beside what was given up after it");
});

Deno.test("one voter's statement that a message has several times is one, also beside those of others", () => {
  const solo = voter();
  const { id } = solo.election.head;
  const statement = signGaveUp(solo.others[0], id, 5);
  const statements = solo.others.map(() => statement);
  solo.tell(solo.others[0], { kind: "gave-up", statements });
  strictEqual(solo.election.term, 1);
  solo.gaveUp(solo.others, 1);
  strictEqual(solo.election.term, 2);
});

Deno.test("what opened a term after an earlier head is shown to nobody after a later one", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  const certificate = solo.follow();
  const late = solo.proposal({ term: certificate.proposal.term });
  solo.pass(solo.settings.pullIntervalMs);
  solo.clear();
  solo.propose(late);
  strictEqual(solo.refusal(), "term-over");
  strictEqual(solo.sent("gave-up").length, 0);
});

Deno.test("a step-down from a later certificate releases nothing that was promised under an earlier one", () => {
  const solo = voter();
  const first = solo.follow();
  solo.heartbeat(first, 1);
  const freeAtMs = solo.nowMs + LEASE_MS;
  solo.nowMs += 10;
  const second = solo.follow();
  solo.heartbeat(second, 1);
  strictEqual(solo.sent("lease-ack").length, 2);
  const { leader: steppedDown } = second;
  solo.tell(steppedDown!, {
    kind: "step-down",
    stepDown: { certificateId: second.id, leader: steppedDown!, signature: steppedDown! },
  });
  const proposal = solo.proposal({
    active: solo.ids.filter((id) => id !== steppedDown),
    tenure: first.leader === steppedDown ? solo.proposal().tenure : 1,
  });
  solo.propose(proposal);
  strictEqual(solo.refusal(), "promise");
  solo.pass(freeAtMs - solo.nowMs);
  deepStrictEqual(solo.sent("vote").map(({ digest }) => digest), [digestOf(proposal)]);
});

Deno.test("a voter that is not free after its restart is woken for the collector's proposal, whoever else proposed", () => {
  const solo = voter({ memory: { promisedMsMax: 2 * LEASE_MS } });
  const freeAtMs = solo.election.deadlineMs()!;
  const collector = solo.collector();
  solo.propose(solo.proposal(), solo.others.find((id) => id !== collector)!);
  strictEqual(solo.refusal(), "collector");
  solo.propose();
  strictEqual(solo.refusal(), "promise");
  const { waitMs } = solo.sent("refusal").at(-1)!.objection;
  strictEqual(solo.election.deadlineMs(), solo.nowMs + waitMs!);
  ok(freeAtMs > solo.nowMs + waitMs!, "nothing else would wake it then");
});

Deno.test("an echo is for one round: the next heartbeat goes to all as it is", () => {
  const solo = leader();
  const { head } = solo.election;
  const bootNonce = "boot";
  const [follower] = solo.others;
  solo.tell(follower, {
    kind: "ack-refusal",
    certificateId: head.id,
    reason: "echo",
    head,
    bootNonce,
  });
  solo.pass(solo.settings.heartbeatIntervalMs);
  solo.clear();
  solo.pass(solo.settings.heartbeatIntervalMs);
  deepStrictEqual(solo.sent("heartbeat").map(({ to, heartbeat }) => [to, heartbeat.echo]), [
    [solo.others, undefined],
  ]);
});

Deno.test("with a new head the timeouts of terms begin anew", () => {
  const solo = voter();
  for (let i = 0; i < 3; i++) solo.gaveUp(solo.others);
  solo.follow();
  solo.pass(LEASE_MS);
  solo.clear();
  solo.pass(1.25 * solo.settings.collectorTimeoutMs);
  strictEqual(solo.sent("gave-up").length, 1);
});

Deno.test("a leader that a later certificate finds in office tells what runs under its lease to stop", () => {
  const solo = leader();
  solo.ackAll();
  const { id } = solo.election.head;
  solo.follow();
  deepStrictEqual(solo.did("stop-work").map(({ certificateId }) => certificateId), [id]);
});
