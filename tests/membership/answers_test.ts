/** Whose answer counts for what: each test changes one thing about an answer that would count. And the tables that strangers could fill. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { ACCUSERS_MAX, MEMBERS_MAX } from "../../lib/membership/limits.ts";
import type { GossipMessage } from "../../lib/membership/types.ts";
import { EMPTY, pingsTo, pingTo, type Puppet, sentOf, Solo } from "./_solo.ts";

/** A core with members that all know it. */
function among(count: number): { solo: Solo; members: Puppet[] } {
  const solo = new Solo();
  const members = Array.from({ length: count }, () => solo.puppet());
  for (const member of members) solo.admit(member);
  return { solo, members };
}

/** Runs until the core probes one of its members; gives which, and the nonce. */
function probed(solo: Solo, members: Puppet[]): { target: Puppet; nonce: string } {
  for (;;) {
    for (const { recipient, message } of sentOf(solo.run(1))) {
      const target = members.find((member) => member.id === recipient);
      if (target && message.kind === "ping") return { target, nonce: message.nonce };
    }
  }
}

/** Whether the core asks others about a member within a probe's time. */
function asksOthers(solo: Solo): boolean {
  return sentOf(solo.run(solo.settings.probeTimeoutMs + 5))
    .some(({ message }) => message.kind === "ping-request");
}

function ackOf(subject: Puppet, nonce: string): GossipMessage & { kind: "ack" } {
  const digest = "0000000000000000";
  return {
    kind: "ack",
    nonce,
    subject: subject.id,
    incarnation: 0,
    digest,
    head: EMPTY,
    claims: [],
  };
}

Deno.test("an answer to a probe counts", () => {
  const { solo, members } = among(2);
  const { target, nonce } = probed(solo, members);
  solo.ack(target, nonce);
  strictEqual(asksOthers(solo), false);
});

Deno.test("an answer to a probe with another nonce counts nothing", () => {
  const { solo, members } = among(2);
  const { target } = probed(solo, members);
  solo.ack(target, "e".repeat(16));
  strictEqual(asksOthers(solo), true);
});

Deno.test("another member's answer to a probe counts nothing", () => {
  const { solo, members } = among(2);
  const { target, nonce } = probed(solo, members);
  solo.ack(members.find((member) => member !== target)!, nonce);
  strictEqual(asksOthers(solo), true);
});

Deno.test("an answer through a relay that was signed for another prober counts nothing", () => {
  const { solo, members } = among(2);
  const { target, nonce } = probed(solo, members);
  ok(asksOthers(solo));
  const relay = members.find((member) => member !== target)!;
  const proof = { subjectKey: target.publicKey, prober: relay.id, signature: EMPTY };
  solo.receive(relay, { ...ackOf(target, nonce), proof });
  solo.run(2 * solo.settings.indirectTimeoutMs);
  strictEqual(solo.stateOf(target), "suspect");
});

Deno.test("a relay passes on the answer of the target, and of nobody else", () => {
  const { solo, members: [asker, target, other] } = among(3);
  const nonce = "a".repeat(16);
  solo.receive(asker, { kind: "ping-request", nonce, target: target.id, claims: [] });
  const answered = (subject: Puppet) => {
    const proof = { subjectKey: subject.publicKey, prober: asker.id, signature: EMPTY };
    return sentOf(solo.receive(subject, { ...ackOf(subject, nonce), proof }))
      .filter(({ message }) => message.kind === "ack").map(({ recipient }) => recipient);
  };
  deepStrictEqual(answered(other), []);
  deepStrictEqual(answered(target), [asker.id]);
});

Deno.test("a member that left gets nobody pinged", () => {
  const { solo, members: [gone, target] } = among(2);
  solo.hear(gone, gone.left(0));
  const nonce = "a".repeat(16);
  const request = { kind: "ping-request", nonce, target: target.id, claims: [] } as const;
  strictEqual(pingsTo(solo.receive(gone, request), target).length, 0);
});

Deno.test("an answer to the nonce of another node at the same address makes no member", () => {
  const solo = new Solo();
  const [p, liar] = [solo.puppet(), solo.puppet()];
  solo.hear(p, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.hear(liar, liar.alive(0, { address: p.address }));
  solo.ack(liar, nonce);
  strictEqual(solo.stateOf(liar), undefined);
});

Deno.test("an answer at the old address proves nothing about a new one", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.hear(p, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.hear(p, p.alive(1, { address: { host: "10.0.0.2", port: 9999 } }));
  solo.ack(p, nonce);
  strictEqual(solo.stateOf(p), undefined);
});

Deno.test("an answer for a claim that is older than a tombstone brings nobody back", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p, 3);
  const moved = { host: "10.0.0.2", port: 9999 };
  solo.hear(p, p.alive(4, { address: moved }));
  const { nonce } = pingTo(solo.effects, { address: moved });
  solo.hear(p, p.left(5));
  solo.step({ type: "give-up", id: p.id });
  strictEqual(solo.stateOf(p), undefined);
  solo.ack(p, nonce, 4);
  strictEqual(solo.stateOf(p), undefined);
});

Deno.test("accusers of one member are kept up to the limit", () => {
  // The core asks only whether somebody is in the roster; here everybody is.
  class Everybody extends Set<string> {
    override has(): boolean {
      return true;
    }
  }
  const solo = new Solo({ roster: { ids: new Everybody(), faultBound: 2 * ACCUSERS_MAX } });
  const accused = solo.puppet();
  solo.admit(accused);
  const accusers = Array.from({ length: ACCUSERS_MAX + 3 }, () => solo.puppet());
  for (const accuser of accusers) solo.admit(accuser);
  for (const accuser of accusers) solo.hear(accuser, accuser.suspect(accused, 0));
  strictEqual(solo.core.member(accused.id)?.accusations, ACCUSERS_MAX);
});

Deno.test("members are taken in up to the limit, and that is reported once", () => {
  const solo = new Solo();
  for (let i = 0; i < MEMBERS_MAX + 2; i++) {
    const p = solo.puppet();
    solo.hear(p, p.alive(0));
    solo.ack(p, pingTo(solo.effects, p).nonce);
    solo.log.length = 0;
    // So that no limit of rates stands in the way.
    solo.nowMs += 10;
  }
  strictEqual(solo.core.members().length, MEMBERS_MAX);
});
