import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import {
  claimBytes,
  claimsRoomBytes,
  DATAGRAM_BYTES_MAX,
  messageBytes,
  SEAL_BYTES_MAX,
} from "../../lib/membership/limits.ts";
import type { Claim, GossipMessage } from "../../lib/membership/types.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import { createClaimReader, createClaimSigner } from "../../lib/wire/claims.ts";
import { openEnvelope } from "../../lib/wire/envelope.ts";
import {
  createAckSigner,
  decodeGossip,
  encodeGossip,
  GOSSIP_KINDS,
} from "../../lib/wire/gossip_messages.ts";
import {
  alice,
  bob,
  carol,
  claimsOfAlice,
  CLUSTER,
  identityOf,
  messages,
  mutated,
  noise,
} from "./_fixtures.ts";

const expected = { cluster: CLUSTER, self: bob.id, bytesMax: DATAGRAM_BYTES_MAX };
const claims = claimsOfAlice();

for (const [number, message] of messages(claims).entries()) {
  Deno.test(`a ${message.kind} survives the way (form ${number})`, () => {
    deepStrictEqual(receive(encodeGossip(alice, CLUSTER, bob.id, message)), message);
  });

  Deno.test(`a ${message.kind} weighs exactly what the core computes (form ${number})`, () => {
    for (let count = 0; count <= claims.length; count++) {
      const part = { ...message, claims: claims.slice(0, count) };
      const addressed = encodeGossip(alice, CLUSTER, bob.id, part).length;
      strictEqual(messageBytes(part), addressed);
      strictEqual(messageBytes(part), encodeGossip(alice, CLUSTER, undefined, part).length);
    }
  });

  Deno.test(`a ${message.kind} filled up to its room still fits (form ${number})`, () => {
    const filled: Claim[] = [];
    let room = claimsRoomBytes({ ...message, claims: [] });
    for (const claim of manyClaims()) {
      if (claimBytes(claim) > room) continue;
      room -= claimBytes(claim);
      filled.push(claim);
    }
    const bytes = encodeGossip(alice, CLUSTER, bob.id, { ...message, claims: filled });
    ok(bytes.length <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX);
    ok(bytes.length > DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX - 110, `${bytes.length}`);
    ok(receive(bytes));
  });
}

Deno.test("an ack without claims and head is never longer than a ping", () => {
  const [ping] = messages([]);
  const ack: GossipMessage = {
    kind: "ack",
    nonce: "00".repeat(8),
    subject: alice.id,
    incarnation: 2 ** 40 - 1,
    digest: "0000000000000000",
    head: new Uint8Array(0),
    claims: [],
  };
  strictEqual(messageBytes(ack), messageBytes(ping));
});

Deno.test("a message too long for a datagram is our own mistake and throws", () => {
  const many = { kind: "gossip", claims: manyClaims() } as const;
  throws(() => encodeGossip(alice, CLUSTER, bob.id, many), /fits into a datagram/);
});

Deno.test("one bad claim condemns the datagram", () => {
  const foreign = claimsOfAlice("other")[0];
  const message = { kind: "gossip", claims: [claims[0], foreign] } as const;
  strictEqual(receive(encodeGossip(alice, CLUSTER, bob.id, message)), "claim");
});

Deno.test("a direct ack is its sender's own, without a proof", () => {
  const [, , ack] = messages([]);
  const received = receive(encodeGossip(carol, CLUSTER, bob.id, ack));
  ok(typeof received !== "string" && received.kind === "ack");
  strictEqual(received.subject, carol.id);
});

/** What a relay might change about a proven ack; each must break the proof. */
const FORGERIES: Readonly<Record<string, (body: Cbor[]) => void>> = {
  "nonce": (body) => body[0] = new Uint8Array(8),
  "incarnation": (body) => body[1] = Uint8Array.of(0, 0, 0, 0, 0, 6),
  "subject": (body) => (body[2] as Cbor[])[0] = carol.publicKey,
  "prober": (body) => (body[2] as Cbor[])[1] = new Uint8Array(32),
  "signature": (body) => (body[2] as Cbor[])[2] = new Uint8Array(64),
};
for (const [what, forge] of Object.entries(FORGERIES)) {
  Deno.test(`a relay cannot change the ${what} of an ack`, () => {
    const proven = messages([])[3];
    strictEqual(receiveBody(GOSSIP_KINDS.ack, bodyOf(proven)), undefined);
    const body = bodyOf(proven);
    forge(body);
    strictEqual(receiveBody(GOSSIP_KINDS.ack, body), "body");
  });
}

Deno.test("a proof made in another cluster does not count", () => {
  const said = { prober: bob.id, nonce: "0123456789abcdef", incarnation: 5 };
  const body = bodyOf(messages([])[3]);
  (body[2] as Cbor[])[2] = createAckSigner(alice, "other")(said);
  strictEqual(receiveBody(GOSSIP_KINDS.ack, body), "body");
});

Deno.test("bodies with a field too many, too few or of another type are dropped", () => {
  for (const message of messages([])) {
    const kind = GOSSIP_KINDS[message.kind];
    const body = bodyOf(message);
    strictEqual(receiveBody(kind, body), undefined);
    strictEqual(receiveBody(kind, [0, ...body]), "body");
    strictEqual(receiveBody(kind, body.slice(0, -1)), "body");
    for (let field = 0; field < body.length; field++) {
      strictEqual(receiveBody(kind, body.with(field, "text")), "body", `${message.kind} ${field}`);
    }
  }
});

Deno.test("a head above its limit is dropped", () => {
  const body = bodyOf(messages([])[0]).with(3, new Uint8Array(49));
  strictEqual(receiveBody(GOSSIP_KINDS.ping, body), "body");
});

Deno.test("more claims than a datagram holds are dropped unread", () => {
  const body = [Array.from({ length: 13 }, () => new Uint8Array(0))];
  strictEqual(receiveBody(GOSSIP_KINDS.gossip, body), "body");
});

Deno.test("a kind that is no gossip is dropped", () => {
  strictEqual(receiveBody(99, [[]]), "kind");
});

Deno.test("random bodies and changed bodies neither throw nor smuggle a claim in", () => {
  const prng = createPrng(5);
  const reader = createClaimReader(CLUSTER);
  const genuine = new Set(claims.map((claim) => String(claim.encoded)));
  for (let i = 0; i < 6000; i++) {
    const message = messages(claims.slice(0, 2))[i % 7];
    const body = i % 3 === 0 ? noise(prng) : mutated(encodeCbor(bodyOf(message)), prng);
    const kind = i % 5 === 0 ? 1 + prng.below(5) : GOSSIP_KINDS[message.kind];
    const context = { cluster: CLUSTER, claims: reader };
    const decoded = decodeGossip({ sender: alice.id, kind, body }, context);
    if (!decoded.ok) continue;
    for (const claim of decoded.message.claims) ok(genuine.has(String(claim.encoded)));
    if (decoded.message.kind === "ack" && decoded.message.proof) {
      deepStrictEqual(decoded.message.proof, (messages([])[3] as { proof: unknown }).proof);
    }
  }
});

Deno.test("a datagram cut at any byte is dropped, whatever its kind", () => {
  for (const message of messages(claims.slice(0, 1))) {
    const bytes = encodeGossip(alice, CLUSTER, bob.id, message);
    for (let length = 0; length < bytes.length; length += 1) {
      strictEqual(typeof receive(bytes.subarray(0, length)), "string");
    }
  }
});

function manyClaims(): Claim[] {
  const address = { host: "10.0.0.1", port: 9000 };
  return Array.from({ length: 11 }, (_, i) =>
    createClaimSigner(identityOf(10 + i), CLUSTER)(
      i % 2 === 0
        ? { type: "alive", incarnation: i, address, name: `node${i}`, tags: {}, keyMadeS: 0 }
        : { type: "left", incarnation: i },
    ));
}

function bodyOf(message: GossipMessage): Cbor[] {
  const opened = openEnvelope(encodeGossip(alice, CLUSTER, bob.id, message), expected);
  ok(opened.ok);
  return decodeCbor(opened.body) as Cbor[];
}

function receiveBody(kind: number, body: readonly Cbor[]): string | undefined {
  const decoded = decodeGossip(
    { sender: bob.id, kind, body: encodeCbor(body) },
    { cluster: CLUSTER, claims: createClaimReader(CLUSTER) },
  );
  return decoded.ok ? undefined : decoded.reason;
}

function receive(datagram: Uint8Array): GossipMessage | string {
  const opened = openEnvelope(datagram, expected);
  if (!opened.ok) return opened.reason;
  const decoded = decodeGossip(opened, { cluster: CLUSTER, claims: createClaimReader(CLUSTER) });
  return decoded.ok ? decoded.message : decoded.reason;
}

Deno.test("an ack whose coordinate is none is dropped", () => {
  const placed = messages([]).find((message) => message.kind === "ack" && message.coordinate)!;
  strictEqual(receiveBody(GOSSIP_KINDS.ack, bodyOf(placed)), undefined);
  const bad: Readonly<Record<string, Uint8Array>> = {
    short: new Uint8Array(23),
    long: new Uint8Array(25),
    empty: new Uint8Array(0),
    "not a number": new Uint8Array(24).fill(0xff),
    "without an error": new Uint8Array(24),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    const body = bodyOf(placed);
    body[2] = bytes;
    strictEqual(receiveBody(GOSSIP_KINDS.ack, body), "body", what);
  }
});
