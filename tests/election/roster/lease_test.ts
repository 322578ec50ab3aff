/** Heartbeats, acks and leases (design §4.7), from both sides. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { leaseMarginMs } from "../../../lib/election/roster/settings.ts";
import { certificateOf } from "./_rules.ts";
import { leader, LEASE_MS, Solo, voter } from "./_solo.ts";

const marginMs = (solo: Solo) => leaseMarginMs(LEASE_MS, solo.settings);

Deno.test("the margin covers the greatest drift and what a clock may jump unseen", () => {
  const { settings } = new Solo();
  for (const driftRate of [0.0001, 0.002, 0.05]) {
    const m = leaseMarginMs(10_000, { ...settings, driftRate }) - settings.clockJumpMs;
    ok(m >= 2 * driftRate * 10_000 / (1 + driftRate));
    // The slowest leader's lease is over in true time before the fastest follower's promise.
    ok((10_000 - m) / (1 - driftRate) <= 10_000 / (1 + driftRate));
  }
});

Deno.test("the lease counts from the sending of the heartbeat that q acked, minus the margin", () => {
  const solo = leader();
  solo.nowMs += 50;
  solo.ackAll(solo.others.slice(0, 1));
  strictEqual(solo.leaseMs, 0);
  solo.ackAll(solo.others.slice(1, 2));
  strictEqual(solo.leaseMs, LEASE_MS - marginMs(solo) - 50);
  deepStrictEqual(solo.did("lease-held").map(({ untilMs }) => untilMs), [
    solo.nowMs + solo.leaseMs,
  ]);
});

Deno.test("one voter's acks count once", () => {
  const solo = leader();
  solo.ackAll([solo.others[0], solo.others[0], solo.others[0]]);
  strictEqual(solo.leaseMs, 0);
});

Deno.test("an ack is worth what its own heartbeat was: a late one gives no more time", () => {
  const solo = leader();
  const [{ heartbeat: first }] = solo.sent("heartbeat");
  solo.pass(200);
  ok(solo.sent("heartbeat").length > 1);
  for (const id of solo.others) solo.ack(id, first.certificateId, first.nonce);
  strictEqual(solo.leaseMs, LEASE_MS - marginMs(solo) - 200);
});

Deno.test("acks of different heartbeats do not add up", () => {
  const solo = leader();
  solo.ackAll(solo.others.slice(0, 1));
  solo.pass(solo.settings.heartbeatIntervalMs);
  solo.ackAll(solo.others.slice(1, 2));
  strictEqual(solo.leaseMs, 0);
});

Deno.test("acks of another certificate, of unknown nonces and in another's name count nothing", () => {
  const solo = leader();
  const { heartbeat } = solo.sent("heartbeat").at(-1)!;
  for (const id of solo.others) solo.ack(id, "9#other", heartbeat.nonce);
  for (const id of solo.others) solo.ack(id, heartbeat.certificateId, "nonce");
  for (const voter of solo.others) {
    const { certificateId, nonce } = heartbeat;
    const ack = { certificateId, nonce, voter, signature: voter };
    solo.tell(solo.others[0], { kind: "lease-ack", ack });
  }
  strictEqual(solo.leaseMs, 0);
});

Deno.test("the lease ends by the clock alone, without an event", () => {
  const solo = leader();
  solo.ackAll();
  solo.nowMs += LEASE_MS - marginMs(solo) - 1;
  strictEqual(solo.leaseMs, 1);
  solo.nowMs += 1;
  strictEqual(solo.leaseMs, 0);
  solo.step({ type: "tick" });
  strictEqual(solo.did("lease-lost")[0].why, "expired");
});

Deno.test("heartbeats renew the lease without the enclave", () => {
  const solo = leader();
  for (let i = 0; i < 20; i++) {
    solo.ackAll();
    solo.pass(solo.settings.heartbeatIntervalMs);
    ok(solo.leaseMs > 0);
  }
  strictEqual(solo.did("call-enclave").length, 0);
  const sequences = solo.sent("heartbeat").map(({ heartbeat }) => heartbeat.sequence);
  deepStrictEqual(sequences, [...sequences].sort((a, b) => a - b));
  strictEqual(new Set(solo.sent("heartbeat").map(({ heartbeat }) => heartbeat.nonce)).size, 21);
});

Deno.test("the leader's own ack counts and binds it: it votes for nobody for the lease", () => {
  const solo = leader({ n: 3, f: 0 });
  strictEqual(solo.memory.promisedMsMax, LEASE_MS);
  ok(solo.at("persist") < solo.at("heartbeat"));
  solo.ackAll(solo.others.slice(0, 1));
  ok(solo.leaseMs > 0, "two of three with its own");
  const collector = solo.collector();
  solo.clear();
  if (collector !== solo.self) solo.propose(solo.proposal(), collector);
  else solo.gaveUp(solo.ids);
  strictEqual(solo.sent("vote").length + solo.sent("proposal").length, 0);
});

Deno.test("a leader that voted for a higher term does not ack itself", () => {
  const solo = new Solo({
    n: 3,
    f: 0,
    memory: { lastVote: { term: 9, digest: "D:x", prev: "genesis" } },
  });
  solo.elect(solo.self);
  solo.ackAll(solo.others.slice(0, 1));
  strictEqual(solo.leaseMs, 0);
  solo.ackAll(solo.others);
  ok(solo.leaseMs > 0, "two of three without its own");
});

Deno.test("a wall clock that jumped against the monotonic one drops the lease and all acks under way", () => {
  const solo = leader();
  solo.ackAll();
  const [{ heartbeat }] = solo.sent("heartbeat");
  solo.nowMs += 10;
  solo.step({ type: "clocks", wallMs: solo.nowMs + solo.settings.clockJumpMs });
  ok(solo.leaseMs > 0, "within the allowance");
  solo.step({ type: "clocks", wallMs: solo.nowMs + solo.settings.clockJumpMs + 1 });
  strictEqual(solo.leaseMs, 0);
  strictEqual(solo.did("lease-lost")[0].why, "clock-jump");
  for (const id of solo.others) solo.ack(id, heartbeat.certificateId, heartbeat.nonce);
  strictEqual(solo.leaseMs, 0);
  solo.ackAll();
  ok(solo.leaseMs > 0, "a heartbeat after the jump");
});

Deno.test("clocks that run apart in small steps drop the lease, counted from when its heartbeat was sent", () => {
  const solo = leader();
  const { clockJumpMs } = solo.settings;
  solo.step({ type: "clocks", wallMs: solo.nowMs + clockJumpMs - 1 });
  solo.ackAll();
  ok(solo.leaseMs > 0, "within the allowance");
  solo.step({ type: "clocks", wallMs: solo.nowMs + clockJumpMs + 1 });
  strictEqual(solo.leaseMs, 0);
});

Deno.test("after a clock jump a leader has a lease length to get its lease again", () => {
  const solo = leader();
  for (let renewed = 0; renewed < 8; renewed++) {
    solo.pass(solo.settings.heartbeatIntervalMs);
    solo.ackAll();
  }
  solo.clear();
  solo.step({ type: "clocks", wallMs: solo.nowMs + 10 * solo.settings.clockJumpMs });
  strictEqual(solo.leaseMs, 0);
  solo.pass(LEASE_MS - 1);
  strictEqual(solo.did("stop-work").length, 0);
  solo.ackAll();
  ok(solo.leaseMs > 0);
});

Deno.test("acks of an earlier heartbeat that come late do not shorten the lease", () => {
  const solo = leader();
  const [{ heartbeat: first }] = solo.sent("heartbeat");
  solo.pass(solo.settings.heartbeatIntervalMs);
  solo.ackAll();
  const before = solo.leaseMs;
  for (const id of solo.others) solo.ack(id, first.certificateId, first.nonce);
  strictEqual(solo.leaseMs, before);
  strictEqual(solo.did("lease-held").length, 1);
});

Deno.test("a leader asks to be woken when its lease ends, and says then that it is lost", () => {
  const solo = leader();
  solo.pass(solo.settings.heartbeatIntervalMs / 2);
  solo.ackAll();
  const endMs = solo.nowMs + solo.leaseMs;
  while (solo.did("lease-lost").length === 0) {
    solo.nowMs = solo.election.deadlineMs()!;
    solo.step({ type: "tick" });
  }
  strictEqual(solo.nowMs, endMs);
});

Deno.test("a leader without a lease for one lease length steps down", () => {
  const solo = leader();
  solo.pass(LEASE_MS - 1);
  strictEqual(solo.did("stop-work").length, 0);
  solo.pass(1);
  strictEqual(solo.did("stop-work").length, 1);

  const held = leader();
  held.ackAll();
  held.pass(2 * LEASE_MS - marginMs(held) - 1);
  strictEqual(held.did("stop-work").length, 0);
  held.pass(1);
  strictEqual(held.did("stop-work").length, 1);
});

Deno.test("a restarted leader goes on with a higher incarnation, stored before its first heartbeat", () => {
  const solo = leader();
  const [{ heartbeat: before }] = solo.sent("heartbeat");
  solo.boot();
  solo.clear();
  solo.step({ type: "tick" });
  const [{ heartbeat }] = solo.sent("heartbeat");
  strictEqual(heartbeat.incarnation, before.incarnation + 1);
  strictEqual(solo.memory.incarnation, heartbeat.incarnation);
  ok(solo.at("persist") < solo.at("heartbeat"));
});

Deno.test("a leader that accepts a later certificate leads no more at once", () => {
  const solo = leader();
  solo.ackAll();
  solo.elect(solo.others[0]);
  strictEqual(solo.leaseMs, 0);
  strictEqual(solo.did("lease-lost")[0].why, "superseded");
  solo.clear();
  solo.pass(solo.settings.heartbeatIntervalMs);
  strictEqual(solo.sent("heartbeat").length, 0);
});

// The follower.

Deno.test("a follower acks its stored certificate only, and tells others what it holds", () => {
  const solo = voter();
  const certificate = solo.follow();
  const other = certificateOf(solo.roster, certificate.leader!, { term: 9 });
  solo.clear();
  solo.heartbeat(other, 1);
  solo.pass(solo.settings.resendIntervalMs);
  strictEqual(solo.sent("lease-ack").length, 0);
  deepStrictEqual(solo.sent("ack-refusal").map(({ reason, head }) => [reason, head.id]), [
    ["head", certificate.id],
  ]);
  solo.heartbeat(certificate, 2);
  strictEqual(solo.sent("lease-ack").length, 1);
});

Deno.test("a leader of another certificate is told so, however often it speaks", () => {
  const solo = voter();
  solo.follow();
  const other = certificateOf(solo.roster, solo.others[0], { term: 9 });
  const intervalMs = solo.settings.resendIntervalMs / 2;
  for (let sequence = 1; sequence <= 4; sequence++) {
    solo.heartbeat(other, sequence);
    solo.pass(intervalMs);
  }
  strictEqual(solo.sent("ack-refusal").length, 2);
});

Deno.test("a heartbeat that comes before its certificate is acked when that comes", () => {
  const solo = voter();
  const certificate = certificateOf(solo.roster, solo.others[0], {
    term: 1,
    voters: solo.others,
  });
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
  solo.step({ type: "certificate", certificate, from: solo.others[0] });
  strictEqual(solo.sent("lease-ack").length, 1);
});

Deno.test("a follower that voted for a higher term acks nothing lower", () => {
  const solo = voter();
  solo.gaveUp(solo.others);
  const term = [2, 3, 4, 5].find((term) => solo.collector(term) !== solo.self)!;
  if (term > 2) solo.gaveUp(solo.others, term - 1);
  solo.propose();
  strictEqual(solo.sent("vote").length, 1);
  const certificate = solo.elect(solo.others[0], { term: 1 });
  solo.heartbeat(certificate, 1);
  strictEqual(solo.sent("lease-ack").length, 0);
  strictEqual(solo.sent("ack-refusal").at(-1)?.reason, "voted");
});

Deno.test("a heartbeat counts once and in order: recorded ones are worth nothing", () => {
  const solo = voter();
  const certificate = solo.follow();
  solo.heartbeat(certificate, 5);
  solo.heartbeat(certificate, 5);
  solo.heartbeat(certificate, 4);
  strictEqual(solo.sent("lease-ack").length, 1);
  solo.heartbeat(certificate, 1, { incarnation: 2 });
  strictEqual(solo.sent("lease-ack").length, 2);
  solo.heartbeat(certificate, 9, { incarnation: 1 });
  strictEqual(solo.sent("lease-ack").length, 2);
});

Deno.test("a recorded heartbeat is no sign of life", () => {
  const solo = voter();
  const certificate = solo.follow();
  solo.heartbeat(certificate, 1);
  solo.clear();
  for (let passedMs = 0; passedMs < LEASE_MS; passedMs += LEASE_MS / 4) {
    solo.heartbeat(certificate, 1);
    solo.pass(LEASE_MS / 4);
  }
  deepStrictEqual(solo.did("leader").map((effect) => effect.certificate), [undefined]);
});

Deno.test("only the leader's heartbeats count", () => {
  const solo = voter();
  const certificate = solo.follow();
  const other = solo.others.find((id) => id !== certificate.leader)!;
  solo.heartbeat(certificate, 1, { from: other });
  strictEqual(solo.sent("lease-ack").length, 0);
});

Deno.test("a restarted follower acks only a heartbeat that echoes its boot nonce", () => {
  const solo = voter();
  const certificate = solo.follow();
  solo.heartbeat(certificate, 1);
  solo.boot();
  solo.clear();
  solo.heartbeat(certificate, 2);
  solo.heartbeat(certificate, 3, { echo: "other" });
  strictEqual(solo.sent("lease-ack").length, 0);
  const { reason, bootNonce } = solo.sent("ack-refusal").at(-1)!;
  strictEqual(reason, "echo");
  solo.heartbeat(certificate, 4, { echo: bootNonce });
  strictEqual(solo.sent("lease-ack").length, 1);
  solo.heartbeat(certificate, 5);
  strictEqual(solo.sent("lease-ack").length, 2);
});

Deno.test("a leader echoes the boot nonce to the follower that demands it", () => {
  const solo = leader();
  const certificateId = solo.election.head.id;
  const { head } = solo.election;
  solo.tell(solo.others[0], {
    kind: "ack-refusal",
    certificateId,
    reason: "echo",
    head,
    bootNonce: "boot",
  });
  solo.clear();
  solo.pass(solo.settings.heartbeatIntervalMs);
  const echoes = solo.sent("heartbeat").map(({ to, heartbeat }) => [to, heartbeat.echo]);
  deepStrictEqual(echoes, [[solo.others.slice(1), undefined], [[solo.others[0]], "boot"]]);
  strictEqual(new Set(solo.sent("heartbeat").map(({ heartbeat }) => heartbeat.nonce)).size, 1);
});

Deno.test("a leader that never appears is replaced, and so is one that falls silent", () => {
  const solo = voter();
  const certificate = solo.follow();
  strictEqual(solo.did("leader").at(-1)?.certificate?.id, certificate.id);
  solo.pass(solo.settings.leaderTimeoutMs - 1);
  ok(solo.did("leader").at(-1)?.certificate);
  solo.heartbeat(certificate, 1);
  solo.pass(solo.settings.leaderTimeoutMs - 1);
  ok(solo.did("leader").at(-1)?.certificate);
  solo.pass(1);
  strictEqual(solo.did("leader").at(-1)?.certificate, undefined);
  solo.clear();
  solo.pass(2 * solo.settings.collectorTimeoutMs);
  ok(solo.sent("gave-up").length > 0);
});

// Acceptance.

Deno.test("a certificate is accepted only with a greater term, and stored before anything follows", () => {
  const solo = voter();
  const certificate = solo.follow({ term: 6 });
  strictEqual(solo.memory.head?.id, certificate.id);
  for (const term of [6, 5]) {
    const other = certificateOf(solo.roster, solo.others[1], {
      term,
      prev: "x",
      voters: solo.others,
    });
    solo.step({ type: "certificate", certificate: other, from: solo.others[1] });
    strictEqual(solo.election.head.id, certificate.id);
  }
  const own = certificateOf(solo.roster, solo.self, {
    term: 7,
    prev: certificate.id,
    voters: solo.others,
  });
  solo.clear();
  solo.step({ type: "certificate", certificate: own });
  const stored = solo.effects.findIndex((effect) =>
    effect.type === "persist" && effect.change.head !== undefined
  );
  for (const effect of ["head", "certificate", "heartbeat", "leader"] as const) {
    ok(stored < solo.at(effect), effect);
  }
});

Deno.test("only who called the enclave passes the certificate on", () => {
  const solo = voter();
  solo.elect(solo.others[0]);
  strictEqual(solo.sent("certificate").length, 0);
  const certificate = certificateOf(solo.roster, solo.others[0], {
    term: 2,
    voters: solo.others,
  });
  solo.step({ type: "certificate", certificate });
  deepStrictEqual(solo.sent("certificate").map(({ to }) => to), [solo.others]);
});

Deno.test("who asks for a certificate gets the highest, but not faster than the limit", () => {
  const solo = voter();
  const { id } = solo.elect(solo.others[0]);
  for (let i = 0; i < 5; i++) solo.tell(solo.others[1], { kind: "want-certificate", id });
  strictEqual(solo.sent("certificate").length, 1);
});

Deno.test("a head that somebody names is fetched when it is higher, but not faster than the limit", () => {
  const solo = voter();
  const from = solo.others[0];
  for (let term = 0; term < 5; term++) {
    solo.step({ type: "head-seen", from, head: { term, id: `${term}` } });
  }
  strictEqual(solo.sent("want-certificate").length, 1);
});

Deno.test("who asks too often is answered at the limit, and not put off with each question", () => {
  const solo = voter();
  const certificate = solo.follow();
  const { pullIntervalMs } = solo.settings;
  for (let asked = 0; asked < 8; asked++) {
    solo.tell(solo.others[0], { kind: "want-certificate", id: certificate.id });
    solo.nowMs += pullIntervalMs / 2;
  }
  strictEqual(solo.sent("certificate").length, 4);
});

Deno.test("who was sent a certificate is shown at once what opened the term, too", () => {
  const solo = voter();
  const certificate = solo.follow();
  const over = solo.proposal();
  solo.gaveUp(solo.others);
  solo.tell(solo.collector(over.term), { kind: "want-certificate", id: certificate.id });
  solo.propose(over);
  strictEqual(solo.sent("certificate").length, 1);
  strictEqual(solo.sent("gave-up").length, 1);
});
