/** What liars, strangers and old datagrams can't do (design §3). One rule a test. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import {
  CANDIDATES_MAX,
  INCARNATION_JUMP_MAX,
  messageBytes,
  RELAYS_MAX,
  TOMBSTONES_MAX,
} from "../../lib/membership/limits.ts";
import { PROFILES } from "../../lib/membership/settings.ts";
import { EMPTY, pingsTo, pingTo, type Puppet, sentOf, Solo } from "./_solo.ts";

Deno.test("a signed claim alone makes no member: its subject has to answer a nonce first", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.hear(p, p.alive(0));
  strictEqual(solo.stateOf(p), undefined);
  solo.ack(p, pingTo(solo.effects, p).nonce);
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("an answer with another nonce, or by another node, proves nothing", () => {
  const solo = new Solo();
  const [p, liar] = [solo.puppet(), solo.puppet()];
  solo.hear(p, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.ack(p, "e".repeat(16));
  strictEqual(solo.stateOf(p), undefined);
  solo.ack(liar, nonce);
  strictEqual(solo.stateOf(p), undefined);
  strictEqual(solo.stateOf(liar), undefined);
});

Deno.test("a nonce serves once", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.hear(p, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.ack(p, nonce);
  solo.hear(p, p.alive(1, { address: { host: "10.0.0.2", port: 1 } }));
  solo.ack(p, nonce);
  strictEqual(solo.core.member(p.id)!.address.host, "10.0.0.1");
});

Deno.test("a nonce that was answered in an earlier life brings nobody back", () => {
  const solo = new Solo();
  const [p, member] = [solo.puppet(), solo.puppet()];
  solo.admit(member);
  solo.hear(p, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.ack(p, nonce);
  solo.hear(member, member.dead(p, 0));
  solo.hear(member, p.alive(1));
  solo.ack(p, nonce, 1);
  strictEqual(solo.stateOf(p), "dead");
});

Deno.test("an answer that comes after the time for it proves nothing", () => {
  const solo = new Solo();
  const [p, member] = [solo.puppet(), solo.puppet()];
  solo.admit(member);
  solo.hear(member, p.alive(0));
  const { nonce } = pingTo(solo.effects, p);
  solo.run(21 * solo.settings.probeTimeoutMs);
  solo.ack(p, nonce);
  strictEqual(solo.stateOf(p), undefined);
  solo.ack(p, pingTo(solo.run(10 * solo.settings.probeTimeoutMs), p).nonce);
  strictEqual(solo.stateOf(p), "alive", "it is still tried");
});

Deno.test("who introduced itself first, and is vouched for then, is tried as often as others", () => {
  const solo = new Solo();
  const [p, member] = [solo.puppet(), solo.puppet()];
  solo.admit(member);
  solo.hear(p, p.alive(0));
  solo.hear(member, p.alive(0));
  strictEqual(1 + pingsTo(solo.run(60_000), p).length, 5);
});

Deno.test("a node at the address that does not answer is tried a few times and forgotten", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.hear(p, p.alive(0));
  strictEqual(1 + pingsTo(solo.run(60_000), p).length, 2);
});

Deno.test("one that a member vouches for is tried more often, and forgotten too", () => {
  const solo = new Solo();
  const [p, member] = [solo.puppet(), solo.puppet()];
  solo.admit(member);
  solo.hear(member, p.alive(0));
  strictEqual(1 + pingsTo(solo.run(60_000), p).length, 5);
});

Deno.test("a member at a new address keeps the old one until it answered at the new", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  const moved = { host: "10.0.0.2", port: 9999 };
  solo.hear(p, p.alive(1, { address: moved }));
  strictEqual(solo.core.member(p.id)!.address.port, p.address.port);
  solo.ack(p, pingTo(solo.effects, { address: moved }).nonce, 1);
  deepStrictEqual(solo.core.member(p.id)!.address, moved);
  ok(solo.changes().includes("update"));
});

Deno.test("a dead member comes back only by a higher incarnation and its answer", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p, 3);
  solo.admit(q);
  solo.hear(q, q.dead(p, 3));
  strictEqual(solo.stateOf(p), "dead");
  solo.hear(q, p.alive(3));
  strictEqual(solo.stateOf(p), "dead");
  strictEqual(pingsTo(solo.effects, p).length, 0);
  solo.hear(q, p.alive(4));
  strictEqual(solo.stateOf(p), "dead");
  solo.ack(p, pingTo(solo.effects, p).nonce, 4);
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("a dead member that speaks is shown its death, so that it can refute", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p, 3);
  solo.admit(q);
  solo.hear(q, q.dead(p, 3));
  solo.ping(p, 3);
  const shown = pingTo(solo.effects, p).claims;
  deepStrictEqual(shown.map((claim) => claim.type), ["alive", "dead"]);
  strictEqual(shown[1].subject, p.id);
  // Not with every word of it.
  solo.ping(p, 3);
  strictEqual(pingsTo(solo.effects, p).length, 0);
});

Deno.test("a member that left comes back only by a higher incarnation and its answer", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p, 3);
  solo.hear(p, p.left(3));
  strictEqual(solo.stateOf(p), "left");
  solo.hear(p, p.alive(3));
  strictEqual(solo.stateOf(p), "left");
  solo.hear(p, p.alive(4));
  solo.ack(p, pingTo(solo.effects, p).nonce, 4);
  strictEqual(solo.stateOf(p), "alive");
  const said = solo.core.snapshot().filter(({ subject }) => subject === p.id);
  deepStrictEqual(said.map(({ type }) => type), ["alive"], "and has not left any more");
});

for (const incarnation of [2, 4]) {
  Deno.test(`an accusation of incarnation ${incarnation} says nothing about incarnation 3`, () => {
    const solo = new Solo();
    const [p, q] = [solo.puppet(), solo.puppet()];
    solo.admit(p, 3);
    solo.admit(q);
    solo.hear(q, q.suspect(p, incarnation), q.dead(p, incarnation));
    strictEqual(solo.stateOf(p), "alive");
  });
}

Deno.test("who is not a member accuses nobody", () => {
  const solo = new Solo();
  const [p, stranger, gone] = [solo.puppet(), solo.puppet(), solo.puppet()];
  solo.admit(p);
  solo.admit(gone);
  solo.hear(gone, gone.left(0));
  solo.hear(p, stranger.dead(p, 0), gone.dead(p, 0));
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("a leap of the incarnation is refused, the longest allowed step is not", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p, 3);
  solo.hear(p, p.alive(3 + INCARNATION_JUMP_MAX + 1));
  solo.hear(p, p.left(3 + INCARNATION_JUMP_MAX + 1));
  strictEqual(solo.incarnationOf(p), 3);
  strictEqual(solo.stateOf(p), "alive");
  solo.hear(p, p.alive(3 + INCARNATION_JUMP_MAX));
  strictEqual(solo.incarnationOf(p), 3 + INCARNATION_JUMP_MAX);
});

Deno.test("old claims change nothing", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p, 1);
  solo.admit(q);
  const old = [p.alive(0), p.alive(1), q.suspect(p, 1), p.left(1)];
  solo.hear(p, p.alive(2));
  const before = solo.core.members();
  const changes = solo.changes().length;
  for (const claim of old) solo.hear(q, claim);
  deepStrictEqual(solo.core.members(), before);
  strictEqual(solo.changes().length, changes);
});

Deno.test("an accused node refutes at once: first it stores the new incarnation, then it says it", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.run(1000);
  const sent = solo.ping(p, 0, [p.suspect(solo.me, 0)]);
  strictEqual(solo.effects[0].type, "persist-incarnation");
  strictEqual(solo.incarnation, 1);
  deepStrictEqual(sent[0].message.claims[0], solo.core.self());
});

Deno.test("an accusation that comes soon after a refutation is refuted when the probe timeout is over", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.run(1000);
  solo.hear(p, p.suspect(solo.me, 0));
  solo.hear(p, p.suspect(solo.me, 1));
  strictEqual(solo.incarnation, 1);
  solo.run(solo.settings.probeTimeoutMs);
  strictEqual(solo.incarnation, 2);
});

Deno.test("a node that leaves takes it back for nobody, not for a claim of its own key either", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.step({ type: "leave" });
  solo.hear(p, solo.me.alive(7));
  strictEqual(solo.incarnation, 0);
  ok(!solo.effects.some(({ type }) => type === "persist-incarnation"));
});

Deno.test("who speaks as an earlier incarnation than it once signed is shown that", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p, 5);
  const [answer] = solo.ping(p, 0);
  deepStrictEqual(answer.message.claims[0], p.alive(5));
});

Deno.test("who missed the refutation hears it when it accuses again", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.run(1000);
  solo.admit(p);
  solo.hear(p, p.suspect(solo.me, 0));
  // Long enough for the queue to be empty, too short for p to be missed.
  solo.run(300);
  const [answer] = solo.ping(p, 0, [p.suspect(solo.me, 0)]);
  strictEqual(solo.incarnation, 1);
  deepStrictEqual(answer.message.claims[0], solo.core.self());
});

Deno.test("an accusation of an incarnation that the node never had is ignored", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.run(1000);
  solo.hear(p, p.suspect(solo.me, 1), p.dead(solo.me, 10 ** 9));
  strictEqual(solo.incarnation, 0);
});

Deno.test("a stranger's accusation is not worth a refutation", () => {
  const solo = new Solo();
  const stranger = solo.puppet();
  solo.run(1000);
  solo.hear(stranger, stranger.dead(solo.me, 0));
  strictEqual(solo.incarnation, 0);
});

Deno.test("who accuses in a loop gets no more than one refutation for each probe timeout", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.run(1000);
  for (let i = 0; i < 1000; i++) {
    solo.hear(p, p.dead(solo.me, solo.incarnation));
    solo.run(1);
  }
  const most = Math.ceil(1000 / solo.settings.probeTimeoutMs) + 1;
  ok(solo.incarnation <= most, `${solo.incarnation} <= ${most}`);
});

Deno.test("no stranger gets an answer longer than its question", () => {
  const solo = new Solo();
  const stranger = solo.puppet();
  solo.step({ type: "head", head: new Uint8Array(48) });
  for (const claims of [[], [stranger.left(0)], [stranger.alive(0), stranger.left(0)]]) {
    const ping = {
      kind: "ping",
      nonce: "f".repeat(16),
      incarnation: 0,
      digest: "0000000000000000",
      head: EMPTY,
      claims,
    } as const;
    const answers = sentOf(solo.receive(stranger, ping))
      .filter((sent) => sent.message.kind === "ack");
    strictEqual(answers.length, 1);
    ok(messageBytes(answers[0].message) <= messageBytes(ping));
  }
});

Deno.test("a question too short for any answer gets none", () => {
  const solo = new Solo();
  const stranger = solo.puppet();
  const message = {
    kind: "ping",
    nonce: "f".repeat(16),
    incarnation: 0,
    digest: "0000000000000000",
    head: EMPTY,
    claims: [],
  } as const;
  const datagramBytes = messageBytes(message) - 1;
  const { id: sender, address: source } = stranger;
  deepStrictEqual(solo.step({ type: "message", sender, source, datagramBytes, message }), []);
});

Deno.test("a member that speaks from another address is a stranger there", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  const elsewhere = { host: "10.9.9.9", port: 1 };
  const [answer] = solo.ping(p, 0, [], elsewhere);
  deepStrictEqual(answer.to, elsewhere);
  deepStrictEqual(answer.message.claims, []);
});

Deno.test("strangers can't have others pinged", () => {
  const solo = new Solo();
  const [p, stranger] = [solo.puppet(), solo.puppet()];
  solo.admit(p);
  const request = {
    kind: "ping-request",
    nonce: "a".repeat(16),
    target: p.id,
    claims: [],
  } as const;
  solo.receive(stranger, request);
  strictEqual(pingsTo(solo.effects, p).length, 0);
  const relayed = {
    kind: "ping",
    nonce: "a".repeat(16),
    incarnation: 0,
    digest: "0000000000000000",
    head: EMPTY,
  } as const;
  const sent = sentOf(
    solo.receive(stranger, { ...relayed, prober: p.id, claims: [stranger.left(0)] }),
  );
  strictEqual(sent.length, 0);
});

Deno.test("a relay pings where it knows the target to be, and says so when it is too busy", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p);
  solo.admit(q);
  const nonce = (i: number) => i.toString(16).padStart(16, "0");
  for (let i = 0; i <= RELAYS_MAX; i++) {
    const request = { kind: "ping-request", nonce: nonce(i), target: q.id, claims: [] } as const;
    const [sent] = sentOf(solo.receive(p, request)).filter(({ message }) =>
      message.kind === "ping" || message.kind === "nack"
    );
    strictEqual(sent.message.kind, i < RELAYS_MAX ? "ping" : "nack");
    if (i === 0) deepStrictEqual(sent.to, q.address);
  }
});

Deno.test("an own datagram played back changes nothing", () => {
  const solo = new Solo({ seeds: [{ host: "10.0.0.7", port: 7777 }] });
  const [ping] = pingsTo(solo.log, { address: { host: "10.0.0.7", port: 7777 } });
  solo.receive(solo.me, ping);
  solo.receive(solo.me, ping);
  strictEqual(solo.incarnation, 0);
  ok(!solo.reports().includes("own-key-elsewhere"));
});

Deno.test("a seed that is the node itself is found out and not asked again", () => {
  const address = { host: "127.0.0.1", port: 7777 };
  const solo = new Solo({ seeds: [address] });
  solo.receive(solo.me, pingsTo(solo.log, { address })[0]);
  strictEqual(pingsTo(solo.run(600_000), { address }).length, 0);
  deepStrictEqual(solo.reports(), []);
});

Deno.test("a later claim with the node's own key is reported once and overtaken", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.hear(p, solo.me.alive(7));
  strictEqual(solo.incarnation, 8);
  solo.hear(p, solo.me.alive(9));
  strictEqual(solo.incarnation, 10);
  deepStrictEqual(solo.reports(), ["own-key-elsewhere"]);
});

Deno.test("another claim of the own key with the same incarnation is a copy at work", () => {
  const solo = new Solo();
  const p = solo.puppet();
  solo.admit(p);
  solo.hear(p, solo.me.alive(0, { address: { host: "10.0.0.9", port: 9 } }));
  strictEqual(solo.incarnation, 1);
  deepStrictEqual(solo.reports(), ["own-key-elsewhere"]);
});

Deno.test("a farewell of an earlier life does not make the node leave", () => {
  const solo = new Solo({ lastIncarnation: 4 });
  const p = solo.puppet();
  solo.admit(p);
  solo.hear(p, solo.me.left(4));
  strictEqual(solo.incarnation, 5);
  solo.hear(p, solo.me.left(5));
  strictEqual(solo.incarnation, 6);
});

Deno.test("burials in another node's full state count as suspicions and are not passed on", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p);
  solo.admit(q);
  solo.step({ type: "synced", address: q.address, claims: [q.dead(p, 0)] });
  strictEqual(solo.stateOf(p), "suspect");
  const passedOn = sentOf(solo.run(500)).flatMap((sent) =>
    sent.recipient === p.id ? [] : sent.message.claims
  );
  ok(passedOn.every((claim) => claim.type !== "dead"));
});

Deno.test("an ack through a relay counts only for the prober that it was made for", () => {
  const solo = new Solo();
  const [p, q, r] = [solo.puppet(), solo.puppet(), solo.puppet()];
  for (const each of [p, q, r]) solo.admit(each);
  const request = sentOf(solo.run(5000)).find((sent) => sent.message.kind === "ping-request");
  ok(request?.message.kind === "ping-request");
  const { nonce, target } = request.message;
  const [relay, subject] = [[p, q, r].find((each) => each.id === request.recipient)!, target];
  const { publicKey: subjectKey } = [p, q, r].find((each) => each.id === target)!;
  const ack = {
    kind: "ack",
    nonce,
    subject,
    incarnation: 0,
    digest: "0000000000000000",
    head: EMPTY,
    claims: [],
  } as const;
  const signature = new Uint8Array(64);
  solo.receive(relay, { ...ack, proof: { subjectKey, prober: relay.id, signature } });
  strictEqual(sentOf(solo.effects).length, 0);
  // Five seconds of silence: all are under suspicion by now.
  strictEqual([p, q, r].filter((each) => solo.stateOf(each) === "alive").length < 3, true);
});

Deno.test("strangers introduce nobody but themselves", () => {
  const solo = new Solo();
  const [p, stranger] = [solo.puppet(), solo.puppet()];
  solo.hear(stranger, p.alive(0));
  const { id: sender, address } = stranger;
  solo.step({ type: "synced", sender, address, claims: [p.alive(0), stranger.alive(0)] });
  strictEqual(pingsTo(solo.log, p).length, 0);
  strictEqual(pingsTo(solo.log, stranger).length, 1);
});

Deno.test("the full state that this node asked for introduces all it names", () => {
  const address = { host: "10.0.0.7", port: 7777 };
  const solo = new Solo({ seeds: [address] });
  const [p, seed] = [solo.puppet(), solo.puppet()];
  solo.ack(seed, pingsTo(solo.log, { address })[0].nonce);
  ok(solo.effects.some((effect) => effect.type === "sync"));
  solo.step({ type: "synced", address, claims: [p.alive(0)] });
  strictEqual(pingsTo(solo.effects, p).length, 1);
});

Deno.test("the state that a stranger pushes ends no exchange that this node began", () => {
  const address = { host: "10.0.0.7", port: 7777 };
  const solo = new Solo({ seeds: [address] });
  const [p, seed, stranger] = [solo.puppet(), solo.puppet(), solo.puppet()];
  solo.ack(seed, pingsTo(solo.log, { address })[0].nonce);
  const pushed = { sender: stranger.id, address: stranger.address, claims: [p.alive(0)] };
  solo.step({ type: "synced", ...pushed });
  strictEqual(pingsTo(solo.effects, p).length, 0, "it vouches for nobody");
  solo.step({ type: "synced", address, claims: [p.alive(0)] });
  strictEqual(pingsTo(solo.effects, p).length, 1);
});

Deno.test("of more nodes that are vouched for at once than there is room for the rest is not taken in", () => {
  const solo = new Solo();
  const member = solo.puppet();
  solo.admit(member);
  const offered = (count: number) => Array.from({ length: count }, () => solo.puppet());
  // Those that were tried make room for others, so first all tries of the moment are used up.
  for (const one of offered(solo.settings.contactsPerSecond)) solo.hear(member, one.alive(0));
  const waiting = offered(CANDIDATES_MAX + 1);
  const ports = new Set(waiting.map(({ address }) => address.port));
  for (const one of waiting) solo.hear(member, one.alive(0));
  const pinged = new Set<number>();
  const seconds = 2 * Math.ceil(CANDIDATES_MAX / solo.settings.contactsPerSecond);
  for (const { to } of sentOf(solo.run(1_000 * seconds))) {
    if (ports.has(to.port)) pinged.add(to.port);
  }
  ok(pinged.size <= CANDIDATES_MAX && pinged.size > CANDIDATES_MAX - 10, `${pinged.size}`);
});

Deno.test("a flood of claims fills no more than its tables, at no more than the set rate", () => {
  const settings = PROFILES.local;
  const solo = new Solo({ settings });
  const liar = solo.puppet();
  solo.admit(liar);
  const before = sentOf(solo.log).length;
  for (let i = 0; i < CANDIDATES_MAX + 500; i += 10) {
    solo.hear(liar, ...Array.from({ length: 10 }, () => solo.puppet().alive(0)));
  }
  const burst = sentOf(solo.log).filter((sent) => sent.message.kind === "ping").length - before;
  ok(burst <= settings.contactsPerSecond, `${burst}`);
  const pings = sentOf(solo.run(5000)).filter((sent) => sent.message.kind === "ping").length;
  const own = 5000 / settings.probeIntervalMs + 1;
  ok(pings <= 5 * settings.contactsPerSecond + own + 1, `${pings}`);
  strictEqual(solo.core.members().length, 1);
});

Deno.test("a flood of strangers does not hold up whom a member vouches for", () => {
  const solo = new Solo();
  const [p, member] = [solo.puppet(), solo.puppet()];
  solo.admit(member);
  for (let i = 0; i < 2 * CANDIDATES_MAX; i++) {
    const stranger = solo.puppet();
    solo.hear(stranger, stranger.alive(0));
  }
  solo.nowMs += 1;
  solo.hear(member, p.alive(0));
  strictEqual(pingsTo([...solo.effects, ...solo.run(100)], p).length, 1);
});

/** What is reported about names. */
function keepers(solo: Solo): [string, string][] {
  return solo.log.flatMap((effect) =>
    effect.type === "reported" && effect.report.kind === "name-conflict"
      ? [[effect.report.keeper, effect.report.other] as [string, string]]
      : []
  );
}

Deno.test("of two members of one name the older key keeps it, whoever came first; both stay, and it is reported once", () => {
  for (const olderFirst of [true, false]) {
    const solo = new Solo();
    const [older, younger] = [solo.puppet("twin"), solo.puppet("twin")];
    const order = olderFirst ? [older, younger] : [younger, older];
    for (const one of order) solo.admit(one, 1, { keyMadeS: one === older ? 100 : 200 });
    solo.hear(younger, younger.alive(2, { keyMadeS: 200 }));
    strictEqual(solo.core.members().length, 2);
    deepStrictEqual(keepers(solo), [[older.id, younger.id]]);
  }
});

Deno.test("neither restarts nor refutations make a claim to a name older: the incarnation does not count", () => {
  const solo = new Solo();
  const [older, younger] = [solo.puppet("twin"), solo.puppet("twin")];
  solo.admit(older, 1, { keyMadeS: 100 });
  solo.admit(younger, 900, { keyMadeS: 200 });
  deepStrictEqual(keepers(solo), [[older.id, younger.id]]);
});

Deno.test("a member cannot make its key older afterwards", () => {
  const solo = new Solo();
  const [older, liar] = [solo.puppet("twin"), solo.puppet("other")];
  solo.admit(older, 1, { keyMadeS: 100 });
  solo.admit(liar, 1, { keyMadeS: 200 });
  solo.hear(liar, liar.alive(2, { name: "twin", keyMadeS: 1 }));
  deepStrictEqual(keepers(solo), [[older.id, liar.id]]);
});

Deno.test("somebody with the node's own name is reported too, and who of the two keeps it", () => {
  for (const theirsS of [4, 6]) {
    const solo = new Solo();
    const twin = solo.puppet("me");
    solo.admit(twin, 0, { keyMadeS: theirsS });
    deepStrictEqual(keepers(solo)[0][0], theirsS < 5 ? twin.id : solo.me.id);
  }
});

Deno.test("a reaped member leaves a tombstone that its old claims do not pass", () => {
  const solo = new Solo();
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p, 3);
  solo.admit(q);
  solo.hear(p, p.left(3));
  solo.run(solo.settings.reapAfterMs + 10 * solo.settings.reconnectIntervalMs);
  strictEqual(solo.stateOf(p), undefined);
  ok(solo.changes().includes("reap"));
  solo.hear(q, p.alive(3));
  strictEqual(pingsTo(solo.effects, p).length, 0);
  solo.hear(q, p.alive(4));
  solo.ack(p, pingTo(solo.effects, p).nonce, 4);
  strictEqual(solo.stateOf(p), "alive");
});

Deno.test("who came back after it was forgotten is looked for no more where it was before", () => {
  const settings = { ...PROFILES.local, reapAfterMs: 2 * PROFILES.local.reconnectIntervalMs };
  const solo = new Solo({ settings });
  const [p, q] = [solo.puppet(), solo.puppet()];
  solo.admit(p);
  solo.admit(q);
  solo.hear(q, q.dead(p, 0));
  solo.run(4 * settings.reapAfterMs);
  strictEqual(solo.stateOf(p), undefined);
  const address = { host: "10.0.0.1", port: 8_999 };
  solo.hear(p, p.alive(1, { address }));
  solo.ack(p, pingTo(solo.effects, { address }).nonce, 1);
  strictEqual(solo.stateOf(p), "alive");
  strictEqual(pingsTo(solo.run(6 * settings.reconnectIntervalMs), p).length, 0);
});

Deno.test("of more tombstones than there is room for the oldest goes", () => {
  const settings = { ...PROFILES.local, reapAfterMs: 1_000 };
  const solo = new Solo({ settings });
  const [first, second] = [solo.puppet(), solo.puppet()];
  const goes = (puppet: Puppet) => {
    solo.admit(puppet);
    solo.hear(puppet, puppet.left(0));
    // First words are limited in rate.
    solo.run(Math.ceil(1_000 / settings.contactsPerSecond));
  };
  const reaped = () => solo.run(settings.reapAfterMs + 2 * settings.reconnectIntervalMs);
  for (const puppet of [first, second]) {
    goes(puppet);
    reaped();
  }
  for (let others = 0; others < TOMBSTONES_MAX - 1; others++) goes(solo.puppet());
  reaped();
  strictEqual(solo.core.members().length, 0);
  solo.hear(second, second.alive(0));
  strictEqual(pingsTo(solo.effects, second).length, 0, "its tombstone is there");
  solo.hear(first, first.alive(0));
  strictEqual(pingsTo(solo.effects, first).length, 1);
});

Deno.test("heads of members are reported when they differ, those of strangers and of the dead never", () => {
  const solo = new Solo();
  const [p, stranger, dead] = [solo.puppet(), solo.puppet(), solo.puppet()];
  solo.admit(p);
  solo.admit(dead);
  solo.hear(p, p.dead(dead, 0));
  const ping = {
    kind: "ping",
    nonce: "f".repeat(16),
    incarnation: 0,
    digest: "0000000000000000",
    claims: [],
  } as const;
  const seen = () => solo.effects.filter((effect) => effect.type === "head-seen");
  for (const nobody of [stranger, dead]) {
    solo.receive(nobody, { ...ping, head: Uint8Array.of(1) });
    strictEqual(seen().length, 0);
  }
  solo.receive(p, { ...ping, head: Uint8Array.of(1) });
  deepStrictEqual(seen(), [{ type: "head-seen", from: p.id, head: Uint8Array.of(1) }]);
  solo.step({ type: "head", head: Uint8Array.of(1) });
  solo.receive(p, { ...ping, head: Uint8Array.of(1) });
  strictEqual(seen().length, 0);
  const [ack] = sentOf(solo.effects);
  ok(ack.message.kind === "ack");
  deepStrictEqual(ack.message.head, Uint8Array.of(1));
});
