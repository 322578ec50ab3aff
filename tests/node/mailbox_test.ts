/** The door of a node: what two members at rest say to each other, and what it weighs. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { Identity } from "../../lib/crypto/ed25519.ts";
import type { GossipMessage } from "../../lib/membership/types.ts";
import { Mailbox } from "../../lib/node/mailbox.ts";
import { clusterKey } from "../../lib/wire/keyring.ts";
import { createSealer } from "../../lib/wire/sealing.ts";
import { alice, bob, claimsOfAlice } from "../wire/_fixtures.ts";

const DOMAIN = { checksum: new Uint8Array(32), cluster: "test" };
const PING: GossipMessage = {
  kind: "ping",
  nonce: "0".repeat(16),
  incarnation: 1,
  digest: "0".repeat(16),
  head: new Uint8Array(0),
  claims: [],
};
/** Half as much again as Serf's 92 to 106 bytes for a probe or its answer at rest. */
const BYTES_AT_REST_MAX = 138;

function acquainted() {
  const [a, b] = [new Mailbox(alice, DOMAIN), new Mailbox(bob, DOMAIN)];
  a.know({ id: bob.id, publicKey: bob.publicKey });
  b.know({ id: alice.id, publicKey: alice.publicKey });
  return { a, b };
}

Deno.test("a ping of two members that know each other's keys weighs what it may", () => {
  const { a, b } = acquainted();
  ok(b.openDatagram(a.gossip(bob.id, PING)));
  ok(a.openDatagram(b.gossip(alice.id, PING)));
  const brief = a.gossip(bob.id, PING);
  ok(brief.length <= BYTES_AT_REST_MAX, `${brief.length} bytes`);
  strictEqual(b.openDatagram(brief)?.sender, alice.id);
});

Deno.test("a member that has lost its memory misses one ping, and hears the next", () => {
  const { a, b } = acquainted();
  ok(a.openDatagram(b.gossip(alice.id, PING)));
  const forgetful = new Mailbox(bob, DOMAIN);
  strictEqual(forgetful.openDatagram(a.gossip(bob.id, PING)), undefined);
  strictEqual(forgetful.drops["unknown-sender"], 1);
  strictEqual(forgetful.openDatagram(a.gossip(bob.id, PING))?.sender, alice.id);
});

Deno.test("a brief ping counts as a full one where its answer will be brief, too, and else as it is", () => {
  const { a, b } = acquainted();
  const full = a.gossip(bob.id, PING);
  ok(a.openDatagram(b.gossip(alice.id, PING)));
  const brief = a.gossip(bob.id, PING);
  const opened = b.openDatagram(brief);
  ok(opened?.type === "gossip" && brief.length < full.length);
  strictEqual(opened.bytes, full.length);
  a.forget(bob.id);
  const stranger = a.gossip(bob.id, PING);
  const openedStranger = b.openDatagram(stranger);
  ok(openedStranger?.type === "gossip");
  strictEqual(openedStranger.bytes, stranger.length);
});

Deno.test("who writes to an address and to nobody by name is answered in full: it may know nobody any more", () => {
  const { a, b } = acquainted();
  ok(a.openDatagram(b.gossip(alice.id, PING)));
  const forgetful = new Mailbox(bob, DOMAIN);
  ok(a.openDatagram(forgetful.gossip(undefined, PING)));
  strictEqual(forgetful.openDatagram(a.gossip(bob.id, PING))?.sender, alice.id);
});

Deno.test("with a cluster key nothing is heard that is not sealed, and without one nothing that is", () => {
  const keys = [clusterKey(new Uint8Array(32).fill(1))] as const;
  const sealed = (identity: Identity) =>
    new Mailbox(identity, DOMAIN, createSealer(DOMAIN.cluster, keys));
  const open = (identity: Identity) => new Mailbox(identity, DOMAIN);
  const claims = claimsOfAlice(DOMAIN.cluster);
  const isHeard = (from: Mailbox, by: Mailbox) => [
    by.openDatagram(from.gossip(bob.id, PING)) !== undefined,
    by.openFrame(from.sync(bob.id, claims)[0]) !== undefined,
    by.isWorthOpening(from.gossip(bob.id, PING)),
  ];
  deepStrictEqual(isHeard(sealed(alice), sealed(bob)), [true, true, true]);
  deepStrictEqual(isHeard(open(alice), open(bob)), [true, true, true]);
  deepStrictEqual(isHeard(open(alice), sealed(bob)), [false, false, false]);
  deepStrictEqual(isHeard(sealed(alice), open(bob)), [false, false, false]);
  const door = sealed(bob);
  isHeard(open(alice), door);
  strictEqual(door.drops.unsealed, 3);
});
