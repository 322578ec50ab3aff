import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from "node:assert";
import { utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { SEAL_BYTES_MAX } from "../../lib/membership/limits.ts";
import { clusterKey, type Keyring, KEYS_MAX } from "../../lib/wire/keyring.ts";
import { withKey, withoutKey, withPrimary } from "../../lib/wire/keyring.ts";
import { createSealer, SEALED_EXTRA_BYTES, SENDERS_MAX } from "../../lib/wire/sealing.ts";
import { CLUSTER, mutated, noise } from "./_fixtures.ts";

const secret = (seed: number) => new Uint8Array(32).fill(seed);
const ring = (...seeds: number[]) =>
  seeds.map((seed) => clusterKey(secret(seed))) as never as Keyring;
const frame = utf8("who is alive");
const node = (keyring = ring(1), cluster = CLUSTER) => createSealer(cluster, keyring);

Deno.test("what one node seals another opens, on both channels", () => {
  const [alice, bob] = [node(), node()];
  for (const channel of ["datagram", "frame"] as const) {
    deepStrictEqual(bob.open(channel, alice.seal(channel, frame)), new Uint8Array(frame));
  }
});

Deno.test("sealing fits into the room that datagrams keep free for it", () => {
  strictEqual(node().seal("datagram", frame).length, frame.length + SEALED_EXTRA_BYTES);
  ok(SEALED_EXTRA_BYTES <= SEAL_BYTES_MAX);
});

Deno.test("nothing of the frame can be seen, and sealing it again gives other bytes", () => {
  const alice = node();
  const [first, second] = [alice.seal("datagram", frame), alice.seal("datagram", frame)];
  ok(!new TextDecoder("latin1").decode(first).includes("alive"));
  notDeepStrictEqual(first.slice(-frame.length), second.slice(-frame.length));
});

Deno.test("two lives of one sender seal by different keys, so that no counter comes twice under one", () => {
  const TAG_BYTES = 16;
  const hidden = () => node().seal("datagram", frame).slice(-frame.length - TAG_BYTES, -TAG_BYTES);
  notDeepStrictEqual(hidden(), hidden(), "the first frame of each");
});

Deno.test("every flipped bit is noticed", () => {
  const [alice, bob] = [node(), node()];
  const sealed = alice.seal("datagram", frame);
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const copy = sealed.slice();
    copy[bit >> 3] ^= 1 << (bit & 7);
    ok(!(bob.open("datagram", copy) instanceof Uint8Array), `bit ${bit}`);
  }
});

Deno.test("a sealed frame cut at any byte is dropped", () => {
  const sealed = node().seal("datagram", frame);
  for (let length = 0; length < sealed.length; length++) {
    ok(!(node().open("datagram", sealed.subarray(0, length)) instanceof Uint8Array), `${length}`);
  }
});

Deno.test("the cluster's name is authenticated", () => {
  strictEqual(
    reasonOf(node(ring(1), "other").open("datagram", node().seal("datagram", frame))),
    "seal",
  );
});

Deno.test("without the right key a frame is dropped before any work", () => {
  strictEqual(
    reasonOf(node(ring(2)).open("datagram", node().seal("datagram", frame))),
    "unknown-key",
  );
});

Deno.test("another key under the same id opens nothing", () => {
  const forged: Keyring = [{ id: clusterKey(secret(1)).id, secret: secret(2) }];
  strictEqual(reasonOf(node().open("datagram", node(forged).seal("datagram", frame))), "seal");
});

Deno.test("what is not sealed is dropped as such", () => {
  strictEqual(reasonOf(node().open("datagram", frame)), "unsealed");
});

Deno.test("a datagram is no stream frame and the other way round", () => {
  const [alice, bob] = [node(), node()];
  strictEqual(reasonOf(bob.open("frame", alice.seal("datagram", frame))), "malformed");
  const relabelled = alice.seal("datagram", frame);
  relabelled[0] = 0xf6;
  strictEqual(reasonOf(bob.open("frame", relabelled)), "seal");
});

Deno.test("a datagram opens once; late ones open within the window and not behind it", () => {
  const [alice, bob] = [node(), node()];
  const sent = Array.from({ length: 1200 }, () => alice.seal("datagram", frame));
  const opens = (at: number) => bob.open("datagram", sent[at]) instanceof Uint8Array;
  deepStrictEqual([opens(0), opens(0)], [true, false]);
  deepStrictEqual([opens(1100), opens(1100)], [true, false]);
  deepStrictEqual([opens(1099), opens(1099)], [true, false]);
  strictEqual(opens(1100 - 1023), true);
  strictEqual(opens(1100 - 1024), false);
  strictEqual(opens(1100 - 1050), false, "whose place in the window nobody has taken");
  strictEqual(reasonOf(bob.open("datagram", sent[1100])), "replay");
  for (let at = 1101; at < 1200; at++) ok(opens(at));
  for (let at = 1101; at < 1200; at++) ok(!opens(at));
});

Deno.test("the window goes round: a late datagram is not taken for one that had its place before", () => {
  const [alice, bob] = [node(), node()];
  const sent = Array.from({ length: 1031 }, () => alice.seal("datagram", frame));
  const opens = (at: number) => bob.open("datagram", sent[at]) instanceof Uint8Array;
  for (const at of [0, 1000, 1030]) ok(opens(at));
  ok(opens(1024), "it has the place of the first one");
});

Deno.test("a forged counter does not move the window", () => {
  const [alice, bob] = [node(), node()];
  ok(bob.open("datagram", alice.seal("datagram", frame)) instanceof Uint8Array);
  const forged = alice.seal("datagram", frame);
  forged.set([0xff, 0xff, 0xff, 0xff], 21);
  strictEqual(reasonOf(bob.open("datagram", forged)), "seal");
  ok(bob.open("datagram", alice.seal("datagram", frame)) instanceof Uint8Array);
});

Deno.test("a sender that starts again uses another key, and its earlier datagrams stay replays", () => {
  const bob = node();
  const earlier = node().seal("datagram", frame);
  const later = node().seal("datagram", frame);
  ok(bob.open("datagram", earlier) instanceof Uint8Array);
  ok(bob.open("datagram", later) instanceof Uint8Array);
  strictEqual(reasonOf(bob.open("datagram", earlier)), "replay");
  // The first counter is zero in both lives: only the salt tells the nonces apart.
  deepStrictEqual([...earlier.subarray(21, 25)], [0, 0, 0, 0]);
  deepStrictEqual([...later.subarray(21, 25)], [0, 0, 0, 0]);
  notDeepStrictEqual(earlier.subarray(5, 21), later.subarray(5, 21));
  const crossed = earlier.slice();
  crossed.set(later.subarray(5, 21), 5);
  ok(!(node().open("datagram", crossed) instanceof Uint8Array));
});

Deno.test("keys rotate: added everywhere, used everywhere, removed everywhere, always understood", () => {
  const [alice, bob] = [node(), node()];
  const understood = () => {
    ok(bob.open("datagram", alice.seal("datagram", frame)) instanceof Uint8Array);
    ok(alice.open("datagram", bob.seal("datagram", frame)) instanceof Uint8Array);
  };
  understood();
  for (const rings of [[ring(1, 2), ring(1)], [ring(1, 2), ring(1, 2)], [ring(2, 1), ring(1, 2)]]) {
    alice.setKeyring(rings[0]);
    bob.setKeyring(rings[1]);
    understood();
  }
  bob.setKeyring(ring(2, 1));
  understood();
  const old = node(ring(1));
  alice.setKeyring(ring(2));
  understood();
  strictEqual(reasonOf(alice.open("datagram", old.seal("datagram", frame))), "unknown-key");
});

Deno.test("a removed key opens nothing, not even from a sender that was known", () => {
  const [alice, bob] = [node(), node(ring(1, 2))];
  ok(bob.open("datagram", alice.seal("datagram", frame)) instanceof Uint8Array);
  bob.setKeyring(ring(2));
  strictEqual(reasonOf(bob.open("datagram", alice.seal("datagram", frame))), "unknown-key");
});

Deno.test("random bytes and random changes neither throw nor open, and are not remembered", () => {
  const prng = createPrng(6);
  const bob = node();
  const sealed = node().seal("datagram", frame);
  for (let i = 0; i < 5000; i++) {
    const bytes = i % 2 === 0 ? noise(prng) : mutated(sealed, prng);
    if (bob.open("datagram", bytes) instanceof Uint8Array) deepStrictEqual(bytes, sealed);
  }
  ok(bob.senders() <= 1);
});

Deno.test("more senders than there may be members are not remembered", () => {
  const bob = node();
  for (let i = 0; i < SENDERS_MAX + 50; i++) {
    ok(bob.open("datagram", node().seal("datagram", frame)) instanceof Uint8Array);
  }
  strictEqual(bob.senders(), SENDERS_MAX);
});

Deno.test("a keyring changes only in ways that keep a key to seal with", () => {
  const two = ring(1, 2);
  const [first, second] = two.map((key) => key.id);
  deepStrictEqual(withKey(two, secret(2)), two);
  deepStrictEqual(withKey(two, secret(3)), ring(1, 2, 3));
  deepStrictEqual(withPrimary(two, second), ring(2, 1));
  deepStrictEqual(withoutKey(two, second), ring(1));
  ok("refused" in withoutKey(two, first));
  ok("refused" in withoutKey(two, "00000000"));
  ok("refused" in withPrimary(two, "00000000"));
  const full = ring(...Array.from({ length: KEYS_MAX }, (_, i) => i));
  ok("refused" in withKey(full, secret(99)));
  ok("refused" in withKey([{ id: clusterKey(secret(9)).id, secret: secret(8) }], secret(9)));
});

function reasonOf(opened: ReturnType<ReturnType<typeof node>["open"]>): string {
  return opened instanceof Uint8Array ? "opened" : opened.reason;
}
