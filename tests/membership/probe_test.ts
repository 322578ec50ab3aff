/** Failure detection, one claim of the papers a test. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { GossipMessage, MembershipEffect } from "../../lib/membership/types.ts";
import { EMPTY, pingsTo, pingTo, type Puppet, type Sent, sentOf, Solo } from "./_solo.ts";

const LOCAL_ROUND = 5;

/** A core with some members that all know it. */
function among(count: number): { solo: Solo; members: Puppet[] } {
  const solo = new Solo();
  const members = Array.from({ length: count }, () => solo.puppet());
  for (const member of members) {
    solo.admit(member);
    solo.hear(member);
  }
  return { solo, members };
}

/** Lets time pass while everyone but the silent ones answers; gives what was sent. */
function answering(solo: Solo, members: Puppet[], ms: number, silent: Puppet[] = []): Sent[] {
  const sent: Sent[] = [];
  const untilMs = solo.nowMs + ms;
  const handle = (effects: readonly MembershipEffect[]) => {
    for (const each of sentOf(effects)) {
      sent.push(each);
      const member = members.find((candidate) => candidate.id === each.recipient);
      if (!member || silent.includes(member)) continue;
      const { message } = each;
      if (message.kind === "ping") solo.ack(member, message.nonce);
      if (message.kind === "ping-request") {
        solo.receive(member, { kind: "nack", nonce: message.nonce, claims: [] });
      }
    }
  };
  while (solo.nowMs < untilMs) handle(solo.run(Math.min(5, untilMs - solo.nowMs)));
  return sent;
}

function pinged(sent: readonly Sent[]): string[] {
  return sent.filter(({ message }) => message.kind === "ping").map(({ recipient }) => recipient!);
}

Deno.test("each member is probed once a round, in an order that changes (SWIM 4.3)", () => {
  const { solo, members } = among(LOCAL_ROUND);
  answering(solo, members, 20 * solo.settings.probeIntervalMs);
  const sent = pinged(answering(solo, members, 60 * solo.settings.probeIntervalMs));
  const orders = new Set<string>();
  // Find where rounds begin: at one of five offsets every five pings are a permutation.
  const offset = [0, 1, 2, 3, 4].find((start) =>
    rounds(sent, start).every((round) => new Set(round).size === 5)
  );
  ok(offset !== undefined);
  for (const round of rounds(sent, offset)) orders.add(round.join());
  ok(orders.size > 3, `${orders.size} orders`);
});

Deno.test("probes go out on an even schedule", () => {
  const { solo, members } = among(3);
  answering(solo, members, 5000);
  const times: number[] = [];
  for (let i = 0; i < 4000; i++) {
    if (pinged(answering(solo, members, 1)).length > 0) times.push(solo.nowMs);
  }
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  ok(gaps.every((gap) => Math.abs(gap - solo.settings.probeIntervalMs) <= 6), gaps.join());
});

Deno.test("without an answer k others are asked, and only then the member is accused (SWIM 3.1)", () => {
  const { solo, members } = among(6);
  answering(solo, members, 3000);
  const [dead] = members;
  const sent = answering(solo, members, 14 * solo.settings.probeIntervalMs, [dead]);
  const kinds = sent.filter(({ message, recipient }) =>
    (message.kind === "ping" && recipient === dead.id) || message.kind === "ping-request"
  ).map(({ message }) => message.kind);
  deepStrictEqual(kinds.slice(0, 4), ["ping", "ping-request", "ping-request", "ping-request"]);
  const asked = sent.filter(({ message }) => message.kind === "ping-request").slice(0, 3);
  strictEqual(new Set(asked.map(({ recipient }) => recipient)).size, 3);
  ok(asked.every(({ recipient }) => recipient !== dead.id));
  ok(solo.changes().includes("suspect"));
});

Deno.test("an answer through another is an answer", () => {
  const { solo, members: [p, q] } = among(2);
  const requests: (GossipMessage & { kind: "ping-request" })[] = [];
  while (requests.length === 0) {
    for (const { message } of sentOf(solo.run(5))) {
      if (message.kind === "ping-request") requests.push(message);
    }
  }
  const [{ nonce, target }] = requests;
  const [subject, relay] = target === p.id ? [p, q] : [q, p];
  const { rttMs } = solo.core.member(target)!;
  const proof = { subjectKey: subject.publicKey, prober: solo.me.id, signature: EMPTY };
  solo.receive(relay, {
    kind: "ack",
    nonce,
    subject: target,
    incarnation: 0,
    proof,
    digest: "0000000000000000",
    head: EMPTY,
    claims: [],
  });
  strictEqual(solo.core.member(target)!.rttMs, rttMs, "and measures no round trip");
  solo.run(solo.settings.indirectTimeoutMs);
  strictEqual(solo.stateOf(subject), "alive");
});

Deno.test("a suspect learns of it with the next ping (Lifeguard, buddy system)", () => {
  const { solo, members } = among(3);
  const [p, q] = members;
  solo.hear(q, q.suspect(p, 0));
  const sent = answering(solo, members, 2 * solo.settings.probeIntervalMs, [p]);
  const ping = sent.find(({ recipient, message }) => recipient === p.id && message.kind === "ping");
  deepStrictEqual(ping?.message.claims[0].type, "suspect");
});

Deno.test("an accused member is probed out of turn, in the next slot at the latest", () => {
  const { solo, members } = among(8);
  answering(solo, members, 5000);
  for (const accused of members) {
    const accuser = members[0] === accused ? members[1] : members[0];
    solo.hear(accuser, accused.alive(1));
    const atOnce = sentOf(solo.hear(accuser, accuser.suspect(accused, 1)));
    for (const { nonce } of pingsTo(atOnce, accused)) solo.ack(accused, nonce);
    const sent = answering(solo, members, solo.settings.probeIntervalMs + 5);
    ok(pinged([...atOnce, ...sent]).includes(accused.id));
    solo.hear(accused, accused.alive(2));
    strictEqual(solo.stateOf(accused), "alive");
  }
});

Deno.test("a target that answers its relay gets its ack passed on; one that does not makes a nack (Lifeguard)", () => {
  const { solo, members: [origin, target] } = among(2);
  const request = {
    kind: "ping-request",
    nonce: "a".repeat(16),
    target: target.id,
    claims: [],
  } as const;
  const { nonce, prober } = pingTo(solo.receive(origin, request), target);
  strictEqual(nonce, request.nonce);
  strictEqual(prober, origin.id);
  const nacks = sentOf(solo.run(solo.settings.indirectTimeoutMs / 2)).filter(({ message }) =>
    message.kind === "nack"
  );
  deepStrictEqual(nacks.map(({ recipient }) => recipient), [origin.id]);
  const proof = { subjectKey: target.publicKey, prober: origin.id, signature: Uint8Array.of(7) };
  const ack = {
    kind: "ack",
    nonce,
    subject: target.id,
    incarnation: 0,
    proof,
    digest: "0000000000000000",
    head: EMPTY,
    claims: [],
  } as const;
  const [passedOn] = sentOf(solo.receive(target, ack));
  strictEqual(passedOn.recipient, origin.id);
  ok(passedOn.message.kind === "ack");
  deepStrictEqual(passedOn.message.proof, proof);
  deepStrictEqual(sentOf(solo.receive(target, ack)), [], "once");
});

Deno.test("that a target did not answer its relay is said once", () => {
  const { solo, members: [origin, target] } = among(2);
  const nonce = "a".repeat(16);
  solo.receive(origin, { kind: "ping-request", nonce, target: target.id, claims: [] });
  const sent = sentOf(solo.run(6 * solo.settings.indirectTimeoutMs));
  strictEqual(sent.filter(({ message }) => message.kind === "nack").length, 1);
});

Deno.test("a target that is asked through a relay signs for the prober", () => {
  const { solo, members: [relay, prober] } = among(2);
  const ping = {
    kind: "ping",
    nonce: "b".repeat(16),
    incarnation: 0,
    digest: "0000000000000000",
    head: EMPTY,
    claims: [],
  } as const;
  const [answer] = sentOf(solo.receive(relay, { ...ping, prober: prober.id }));
  ok(answer.message.kind === "ack");
  strictEqual(answer.message.proof?.prober, prober.id);
  deepStrictEqual(answer.message.proof?.subjectKey, solo.me.publicKey);
});

Deno.test("a node whose relays are silent takes itself for the cause and slows down (Lifeguard)", () => {
  const busy = among(6);
  answering(busy.solo, busy.members, 5000);
  const before = pinged(answering(busy.solo, busy.members, 8000)).length;
  // Nobody answers: not the target, and not the relays either.
  const after = pinged(answering(busy.solo, busy.members, 8000, busy.members)).length;
  ok(after < before / 2, `${after} < ${before} / 2`);
});

Deno.test("a node whose relays say that they do not reach the target either goes on at its pace", () => {
  const ms = 3_000;
  const probes = (silent: boolean) => {
    const { solo, members } = among(6);
    answering(solo, members, 5000);
    return pinged(answering(solo, members, ms, silent ? members.slice(0, 1) : [])).length;
  };
  ok(probes(true) >= probes(false), `${probes(true)} >= ${probes(false)}`);
});

Deno.test("a member that comes back again and again is probed no more often than others", () => {
  const { solo, members } = among(8);
  const [p, accuser] = members;
  // Still in the round in which all of them came.
  for (let incarnation = 0; incarnation < 20; incarnation++) {
    solo.hear(accuser, accuser.dead(p, incarnation));
    solo.hear(p, p.alive(incarnation + 1));
    solo.ack(p, pingTo(solo.effects, p).nonce, incarnation + 1);
    strictEqual(solo.stateOf(p), "alive");
  }
  const sent = answering(solo, members, 8 * solo.settings.probeIntervalMs);
  const probes = pinged(sent).filter((id) => id === p.id).length;
  ok(probes <= 2, `${probes} of 8`);
});

Deno.test("a wake-up that is far too late accuses nobody", () => {
  const { solo, members: [p, q] } = among(2);
  while (pingsTo(solo.effects, p).length + pingsTo(solo.effects, q).length === 0) solo.run(1);
  solo.nowMs += 60_000;
  solo.tick();
  ok(!solo.changes().includes("suspect"));
});

Deno.test("stale ticks do no harm", () => {
  const { solo, members } = among(3);
  answering(solo, members, 1000);
  for (let i = 0; i < 100; i++) {
    const effects = solo.tick();
    for (const member of members) {
      for (const { nonce } of pingsTo(effects, member)) solo.ack(member, nonce);
    }
    if (i > 1) deepStrictEqual(effects, []);
  }
});

Deno.test("the first probes introduce this node, for its first words may have been lost", () => {
  const { solo, members: [p] } = among(1);
  const pings = pingsTo(answering(solo, [p], 10 * solo.settings.probeIntervalMs), p);
  const introducing = pings.map(({ claims }) =>
    claims.some((claim) => claim.subject === solo.me.id)
  );
  deepStrictEqual(introducing.slice(0, 3), [true, true, false]);
  deepStrictEqual(introducing.slice(-3), [false, false, false]);
});

function rounds(sent: readonly string[], start: number): string[][] {
  const found: string[][] = [];
  for (let at = start; at + LOCAL_ROUND <= sent.length; at += LOCAL_ROUND) {
    found.push(sent.slice(at, at + LOCAL_ROUND));
  }
  return found;
}
