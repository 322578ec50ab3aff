/**
 * Floods against a real node: strangers, members and oversize datagrams, from a thread of their own. Memory stays bounded and the
 * node goes on probing, which a member sees from outside by the pings that it gets: within twice the protocol period at 10,000
 * datagrams a second. Nobody is held for dead meanwhile. A machine that others keep busy as well has three tries to show the period.
 */
import { ok, strictEqual } from "node:assert";
import { hex } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { generateIdentity } from "../../lib/crypto/ed25519.ts";
import { PROFILES } from "../../lib/membership/settings.ts";
import { createClaimSigner } from "../../lib/wire/claims.ts";
import { encodeGossip } from "../../lib/wire/gossip_messages.ts";
import { BareEnclave, TestNode } from "./_cluster.ts";
import type { Flood } from "./_flooder.ts";
import { RawMember } from "./_raw_member.ts";

const CLUSTER = "test";
const T = PROFILES.local.probeIntervalMs;
/** Far more than a node looks at (`source_limit.ts`). */
const PER_SECOND = 10_000;
/** Protocol periods that one may take. */
const PERIODS_MAX = 2;
const TRIES = 3;
/** Pings that are waited for under each flood. */
const PINGS = 8;
/** What a flood may leave in the heap: 4096 candidates and 8192 cached claims are some 8 MiB; the rest is the collector's slack. */
const HEAP_BYTES_MAX = 48 * 1024 * 1024;

const EMPTY = new Uint8Array(0);
const DIGEST = "0".repeat(16);

/** Strangers who say hello, each with a claim that gives somebody else's address, where nobody answers. */
function strangers(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const identity = generateIdentity();
    const claim = createClaimSigner(identity, CLUSTER)({
      type: "alive",
      incarnation: 0,
      address: { host: "127.0.0.1", port: 1 + i % 1000 },
      name: `stranger:${i}`,
      tags: {},
      keyMadeS: 0,
    });
    const nonce = i.toString(16).padStart(16, "0");
    const ping = { kind: "ping", nonce, incarnation: 0, digest: DIGEST, head: EMPTY } as const;
    return encodeGossip(identity, CLUSTER, undefined, { ...ping, claims: [claim] });
  });
}

/** A member that pings, and accuses members that nobody knows, each time with other bytes. */
function chatter(member: RawMember, node: string, count: number): Uint8Array[] {
  const prng = createPrng(1);
  return Array.from({ length: count }, () => {
    const claims = Array.from({ length: 4 }, () =>
      member.mailbox.signClaim({
        type: "suspect",
        subject: generateIdentity().id,
        incarnation: prng.below(1000),
      }));
    const nonce = hex(crypto.getRandomValues(new Uint8Array(8)));
    const ping = { kind: "ping", nonce, incarnation: 0, digest: DIGEST, head: EMPTY } as const;
    return member.mailbox.gossip(node, { ...ping, claims });
  });
}

function oversize(count: number): Uint8Array[] {
  const prng = createPrng(2);
  return Array.from({ length: count }, () => {
    const bytes = new Uint8Array(1201 + prng.below(60_000));
    bytes.set([0x87, 0x01]);
    return bytes;
  });
}

const FLOODS: readonly [string, (member: RawMember, node: string) => Uint8Array[]][] = [
  ["strangers", () => strangers(6000)],
  ["a member", (member, node) => chatter(member, node, 1500)],
  ["oversize datagrams", () => oversize(300)],
];

for (const [who, make] of FLOODS) {
  Deno.test(`a flood of ${who}: memory stays bounded and the protocol period is kept`, async () => {
    await using enclave = new BareEnclave("highest");
    await using node = new TestNode(enclave, []);
    await using witness = new RawMember(enclave.checksum, { name: "witness" });
    await using member = new RawMember(enclave.checksum, { name: "member" });
    const { address, id } = node.node;
    await witness.join(address);
    await member.join(address);
    const datagrams = make(member, id);
    const heapBefore = Deno.memoryUsage().heapUsed;
    const flooder = new Worker(new URL("_flooder.ts", import.meta.url), { type: "module" });
    let sent = 0;
    const begun = Promise.withResolvers<void>();
    flooder.onmessage = ({ data }) => {
      sent = data;
      begun.resolve();
    };
    const flood = { datagrams, hostname: address.host, port: address.port, perSecond: PER_SECOND };
    flooder.postMessage(flood satisfies Flood);
    await begun.promise;
    const startedMs = performance.now();
    let elapsedMs = Infinity;
    for (let tried = 0; tried < TRIES && elapsedMs >= PERIODS_MAX * PINGS * T; tried++) {
      const tryMs = performance.now();
      const enough = witness.pings + member.pings + PINGS;
      while (witness.pings + member.pings < enough) await witness.something();
      elapsedMs = performance.now() - tryMs;
    }
    flooder.terminate();
    const floodMs = performance.now() - startedMs;
    const heapBytes = Deno.memoryUsage().heapUsed - heapBefore;
    const rate = Math.round(sent / floodMs * 1000);
    const dropped = JSON.stringify(node.node.drops);
    console.log(
      `${who}: ${sent} datagrams, ${rate} a second; ${PINGS} probes in ${
        Math.round(elapsedMs)
      } ms ` +
        `(${PINGS * T} at rest); heap ${Math.round(heapBytes / 1024)} KiB; dropped ${dropped}`,
    );
    ok(sent > 100, `${sent} sent`);
    ok(elapsedMs < PERIODS_MAX * PINGS * T, `${PINGS} probes took ${elapsedMs} ms`);
    ok(heapBytes < HEAP_BYTES_MAX, `${heapBytes} bytes`);
    strictEqual(node.node.members().length, 2, "nobody became a member");
    for (const { name, state } of node.node.members()) ok(state !== "dead", `${name} is ${state}`);
  });
}
