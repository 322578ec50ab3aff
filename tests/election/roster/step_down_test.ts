/** Step-downs and sub-leases (design §4.8): stop, hear that it has stopped, store, send; and then for good. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { leader, LEASE_MS, type Solo, voter } from "./_solo.ts";

function released(solo: Solo): void {
  solo.step({ type: "released", certificateId: solo.election.head.id });
}

Deno.test("a step-down is sent only after what ran under the lease has stopped, and stored before", () => {
  const solo = leader();
  solo.ackAll();
  solo.clear();
  solo.step({ type: "step-down" });
  strictEqual(solo.leaseMs, 0);
  deepStrictEqual(
    solo.effects.filter(({ type }) => type === "lease-lost" || type === "stop-work")
      .map(({ type }) => type),
    ["lease-lost", "stop-work"],
  );
  solo.pass(10_000);
  strictEqual(solo.sent("step-down").length, 0);
  strictEqual(solo.memory.steppedDown, undefined);
  solo.clear();
  released(solo);
  strictEqual(solo.memory.steppedDown, solo.election.head.id);
  ok(solo.at("persist") < solo.at("step-down"));
  deepStrictEqual(solo.sent("step-down")[0].to, solo.others);
});

Deno.test("what was released for another certificate does not count", () => {
  const solo = leader();
  solo.step({ type: "step-down" });
  solo.step({ type: "released", certificateId: "0#other" });
  strictEqual(solo.sent("step-down").length, 0);
});

Deno.test("a release before the step-down was asked for does not count", () => {
  const solo = leader();
  released(solo);
  solo.step({ type: "step-down" });
  strictEqual(solo.sent("step-down").length, 0);
});

Deno.test("a leader that steps down sends no heartbeat any more, whatever acks come", () => {
  const solo = leader();
  solo.step({ type: "step-down" });
  solo.ackAll();
  strictEqual(solo.leaseMs, 0);
  solo.clear();
  solo.nowMs += solo.settings.heartbeatIntervalMs;
  solo.step({ type: "tick" });
  solo.pass(LEASE_MS);
  released(solo);
  solo.pass(LEASE_MS);
  strictEqual(solo.sent("heartbeat").length, 0);
});

Deno.test("a step-down is final across a restart, and said again until somebody else leads", () => {
  const solo = leader();
  solo.step({ type: "step-down" });
  released(solo);
  solo.boot();
  solo.clear();
  solo.pass(solo.settings.heartbeatIntervalMs);
  strictEqual(solo.sent("heartbeat").length, 0);
  ok(solo.sent("step-down").length >= 2);
  solo.elect(solo.others[0]);
  solo.clear();
  solo.pass(LEASE_MS / 2);
  strictEqual(solo.sent("step-down").length, 0);
});

Deno.test("a step-down releases promises early and starts an election; other words of the leader do not", () => {
  for (const means of ["step-down", "left", "another's", "of another certificate"]) {
    const solo = voter();
    const certificate = solo.follow();
    solo.heartbeat(certificate, 1);
    const other = solo.others.find((id) => id !== certificate.leader)!;
    const says = (by: string, certificateId: string) =>
      solo.tell(by, { kind: "step-down", stepDown: { certificateId, leader: by, signature: by } });
    if (means === "step-down") says(certificate.leader!, certificate.id);
    if (means === "left") solo.view({ [certificate.leader!]: { state: "left" } });
    if (means === "another's") says(other, certificate.id);
    if (means === "of another certificate") says(certificate.leader!, "0#other");
    solo.clear();
    const active = solo.ids.filter((id) => id !== certificate.leader);
    solo.propose(solo.proposal({ active }));
    strictEqual(solo.sent("vote").length, means === "step-down" ? 1 : 0, means);
  }
});

Deno.test("a follower acks no heartbeat of a certificate whose leader has stepped down", () => {
  const solo = voter();
  const certificate = solo.follow();
  const leader = certificate.leader!;
  const stepDown = { certificateId: certificate.id, leader, signature: leader };
  solo.tell(leader, { kind: "step-down", stepDown });
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
});

Deno.test("an older step-down of the same leader, said again by whoever kept it, does not undo the last one", () => {
  const solo = voter();
  const certificate = solo.follow();
  const leader = certificate.leader!;
  const says = (certificateId: string) =>
    solo.tell(leader, {
      kind: "step-down",
      stepDown: { certificateId, leader, signature: leader },
    });
  says(certificate.id);
  says("0#other");
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
});

Deno.test("a step-down that comes before its certificate counts when that comes", () => {
  const solo = voter();
  const probe = voter().follow();
  const leader = probe.leader!;
  const stepDown = { certificateId: probe.id, leader, signature: leader };
  solo.tell(leader, { kind: "step-down", stepDown });
  const certificate = solo.follow();
  strictEqual(certificate.id, probe.id);
  solo.clear();
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
});

Deno.test("a sub-lease is at most what the lease has left, and none without a lease", () => {
  const solo = leader();
  const granted = () => solo.did("sub-lease-granted").at(-1)!.grantedMs;
  solo.step({ type: "sub-lease", id: "x", wantedMs: 100 });
  strictEqual(granted(), 0);
  solo.ackAll();
  solo.step({ type: "sub-lease", id: "x", wantedMs: 100 });
  strictEqual(granted(), 100);
  solo.step({ type: "sub-lease", id: "x", wantedMs: 60_000 });
  strictEqual(granted(), Math.floor(solo.leaseMs));
  solo.step({ type: "step-down" });
  solo.step({ type: "sub-lease", id: "y", wantedMs: 100 });
  strictEqual(granted(), 0);
});

Deno.test("a follower grants no sub-lease", () => {
  const solo = voter();
  solo.step({ type: "sub-lease", id: "x", wantedMs: 100 });
  strictEqual(solo.did("sub-lease-granted")[0].grantedMs, 0);
});

Deno.test("a step-down waits until sub-leases are given back or over", () => {
  for (const isGivenBack of [true, false]) {
    const solo = leader();
    solo.ackAll();
    solo.step({ type: "sub-lease", id: "x", wantedMs: 200 });
    // A shorter one to the same holder does not undo the longer.
    solo.step({ type: "sub-lease", id: "x", wantedMs: 10 });
    solo.step({ type: "step-down" });
    released(solo);
    solo.pass(199);
    strictEqual(solo.sent("step-down").length, 0);
    if (isGivenBack) solo.step({ type: "sub-lease-returned", id: "x" });
    else solo.pass(1);
    strictEqual(solo.sent("step-down").length, 1);
  }
});

Deno.test("after a restart a leader grants no sub-lease and stores no step-down while one of its earlier run may be held", () => {
  const solo = leader();
  solo.ackAll();
  solo.step({ type: "sub-lease", id: "x", wantedMs: 60_000 });
  solo.boot();
  solo.view();
  const granted = () => {
    solo.ackAll();
    solo.step({ type: "sub-lease", id: "y", wantedMs: 10 });
    return solo.did("sub-lease-granted").at(-1)!.grantedMs;
  };
  solo.clear();
  solo.pass(LEASE_MS - 1);
  strictEqual(granted(), 0);
  solo.pass(1);
  strictEqual(granted(), 10);

  const hasty = leader();
  hasty.boot();
  hasty.view();
  hasty.clear();
  hasty.step({ type: "step-down" });
  released(hasty);
  hasty.pass(LEASE_MS - 1);
  strictEqual(hasty.sent("step-down").length, 0);
  hasty.pass(1);
  strictEqual(hasty.sent("step-down").length, 1);
});

Deno.test("sub-leases are bounded in number", () => {
  const solo = leader();
  solo.ackAll();
  for (let i = 0; i < 300; i++) solo.step({ type: "sub-lease", id: `${i}`, wantedMs: 100 });
  strictEqual(solo.did("sub-lease-granted").filter(({ grantedMs }) => grantedMs > 0).length, 256);
  solo.step({ type: "sub-lease", id: "0", wantedMs: 100 });
  strictEqual(solo.did("sub-lease-granted").at(-1)!.grantedMs, 100, "who has one renews it");
});

Deno.test("the collector leaves out the leader that stepped down, so that the step-down has an effect", () => {
  for (let term = 1; term < 60; term++) {
    const solo = voter();
    const certificate = solo.elect(solo.others[0], { term });
    if (solo.collector() !== solo.self) continue;
    const leader = certificate.leader!;
    const stepDown = { certificateId: certificate.id, leader, signature: leader };
    solo.tell(leader, { kind: "step-down", stepDown });
    const [{ proposal }] = solo.sent("proposal");
    deepStrictEqual(
      proposal.type === "leader" && proposal.active,
      solo.ids.filter((id) => id !== leader),
    );
    return;
  }
  throw new Error("it never collects");
});
