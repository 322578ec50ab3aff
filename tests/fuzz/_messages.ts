/** The doors of datagrams and frames: gossip and claims, the elections' messages. */
import { base64url, equalBytes, hex } from "../../lib/base/bytes.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import {
  type ByteSource,
  encodeFrames,
  FRAME_BYTES_MAX,
  readFrames,
  STREAM_BYTES_MAX,
} from "../../lib/node/stream_frames.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import {
  decodeElection,
  ELECTION_KINDS,
  encodeElection,
} from "../../lib/wire/election_messages.ts";
import {
  decodeKeyMessage,
  encodeKeyMessage,
  KEY_KINDS,
  type KeyMessage,
} from "../../lib/wire/key_messages.ts";
import {
  decodeRosterMessage,
  encodeRosterMessage,
  ROSTER_KINDS,
} from "../../lib/wire/roster_messages.ts";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { assert } from "../../lib/base/errors.ts";
import { createClaimReader } from "../../lib/wire/claims.ts";
import { openEnvelope } from "../../lib/wire/envelope.ts";
import { decodeGossip, encodeGossip } from "../../lib/wire/gossip_messages.ts";
import { decodeSync, encodeSync, SYNC_KIND } from "../../lib/wire/sync_messages.ts";
import { alice, bob, claimsOfAlice, CLUSTER, messages, mutated, noise } from "../wire/_fixtures.ts";
import { MESSAGES as OPEN_MESSAGES, people as openPeople } from "../wire/_open_samples.ts";
import { domain, door, MESSAGES, people } from "../wire/_roster_samples.ts";
import type { Door, OpenDoor } from "./_door.ts";
import { hostileBytes, pick } from "./_mutate.ts";
import { changedTree, createWireFuzzer } from "./_wire.ts";

/** Datagrams and frames as they come from the network, signed anew where that is needed to get on. */
export const DATAGRAM_DOOR: Door = {
  name: "datagram",
  what: "gossip, full states, claims, sealing",
  suiteExecutions: 40_000,
  takenMin: 100,
  open(seed) {
    const fuzzer = createWireFuzzer(seed);
    return {
      run(execution) {
        const count = { executions: 1, opened: 0, accepted: 0 };
        fuzzer(execution, count);
        return count.accepted > 0 ? "taken" : "refused";
      },
      lastInput: () => "in the message",
    };
  },
};

/** Turns on a stream: prefixes that lie, frames cut off, turns that never end, in pieces of any size. What is taken is what was written. */
export const STREAM_DOOR: Door = {
  name: "stream",
  what: "framing of full states and large messages over TCP",
  suiteExecutions: 5_000,
  takenMin: 500,
  open(seed) {
    const prng = createPrng(seed);
    let last = new Uint8Array();
    return {
      async run() {
        const frames = Array.from(
          { length: prng.below(5) },
          () => new Uint8Array(1 + prng.below(300)).fill(prng.below(256)),
        );
        last = hostileTurn(encodeFrames(frames), prng);
        let read: readonly Uint8Array[];
        try {
          read = await readFrames(inPieces(last, prng));
        } catch (thrown) {
          if (/^(the stream ended early|frame of \d+ bytes)$/.test((thrown as Error).message)) {
            return "refused";
          }
          throw thrown;
        }
        const total = read.reduce((sum, frame) => sum + 4 + frame.length, 0);
        if (total > STREAM_BYTES_MAX) throw new Error(`${total} bytes of frames`);
        const again = encodeFrames(read);
        if (!equalBytes(again, last.subarray(0, again.length))) throw new Error("another turn");
        return "taken";
      },
      lastInput: () => hex(last.subarray(0, 2_000)),
    };
  },
};

function hostileTurn(turn: Uint8Array<ArrayBuffer>, prng: Prng): Uint8Array<ArrayBuffer> {
  switch (prng.below(6)) {
    case 0:
      return turn;
    case 1:
      return turn.slice(0, prng.below(turn.length));
    case 2: {
      // A length that promises more than comes, up to the largest there is.
      const lied = turn.slice();
      const most = [FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1, 2 ** 32 - 1, 2 ** 31, 65_536];
      new DataView(lied.buffer).setUint32(0, pick(prng, most));
      return lied;
    }
    case 3: {
      // More than a stream may carry, in frames that are allowed: only now and then, for its size.
      if (prng.below(64) > 0) return Uint8Array.from(noise(prng));
      const frame = new Uint8Array(FRAME_BYTES_MAX);
      return encodeFrames(Array.from({ length: 9 }, () => frame));
    }
    default:
      return Uint8Array.from(mutated(turn, prng));
  }
}

/** Gives bytes in pieces of random sizes. */
function inPieces(bytes: Uint8Array, prng: Prng): ByteSource {
  let at = 0;
  return {
    read(into) {
      if (at === bytes.length) return Promise.resolve(null);
      const most = Math.min(into.length, bytes.length - at);
      const count = most < 1_000 ? 1 + prng.below(most) : most;
      into.set(bytes.subarray(at, at + count));
      at += count;
      return Promise.resolve(count);
    },
  };
}

/** Bodies behind the envelope, without its signature. */
export const GOSSIP_DOOR: Door = {
  name: "gossip-bodies",
  what: "bodies of gossip and of full states",
  suiteExecutions: 10_000,
  takenMin: 500,
  open(seed) {
    const claims = claimsOfAlice();
    const reader = createClaimReader(CLUSTER);
    const gossip = messages(claims.slice(0, 2)).map((message) => {
      const frame = encodeGossip(alice, CLUSTER, bob.id, message);
      const expected = { cluster: CLUSTER, self: bob.id, bytesMax: frame.length };
      const opened = openEnvelope(frame, expected);
      assert(opened.ok, "own frames open");
      return { kind: opened.kind, body: opened.body };
    });
    const sync = encodeSync(claims).map((body) => ({ kind: SYNC_KIND as number, body }));
    return fuzzBodies(seed, [...gossip, ...sync], (kind, body) => {
      const context = { cluster: CLUSTER, claims: reader };
      if (kind === SYNC_KIND) return decodeSync(body, reader).ok ? "taken" : "refused";
      return decodeGossip({ sender: alice.id, kind, body }, context).ok ? "taken" : "refused";
    });
  },
};

/** Bodies of a roster's election messages. What is taken has one encoding, the one that came. */
export const ROSTER_DOOR: Door = {
  name: "roster-messages",
  what: "votes, heartbeats, acks, bundles, evidence of roster clusters",
  suiteExecutions: 6_000,
  takenMin: 300,
  open: (seed) =>
    fuzzBodies(seed, rosterSamples(), (kind, body) => {
      const decoded = decodeRosterMessage({ senderKey: people[0].publicKey, kind, body }, door);
      if (!decoded.ok) return "refused";
      return takenAs(encodeRosterMessage(decoded.message, door.roster.voters), body);
    }),
};

/** The same for open clusters, whose messages are others. */
export const OPEN_DOOR: Door = {
  name: "open-messages",
  what: "proposals, votes, bundles, certificates of open clusters",
  suiteExecutions: 6_000,
  takenMin: 300,
  open(seed) {
    const samples = OPEN_MESSAGES.map((message) => ({
      kind: ELECTION_KINDS[message.kind],
      body: encodeElection(message),
    }));
    const senderKey = openPeople[0].publicKey;
    return fuzzBodies(seed, samples, (kind, body) => {
      const decoded = decodeElection({ senderKey, kind, body }, domain);
      return decoded.ok ? takenAs(encodeElection(decoded.message), body) : "refused";
    });
  },
};

/** Evidence of enclave keys that members pass on. An envelope of evidence is JSON, so it may be written in several ways. */
export const KEY_DOOR: Door = {
  name: "key-messages",
  what: "questions for enclave keys, and keys with their evidence",
  suiteExecutions: 6_000,
  takenMin: 300,
  open(seed) {
    const jwk = { kty: "RSA", n: base64url(new Uint8Array(256).fill(0xaa)), e: "AQAB" } as const;
    const evidence = {
      platform: "nitro",
      document: new Uint8Array(900).fill(3),
      endorsements: [Uint8Array.of(2)],
      bound: Uint8Array.of(4),
    } as const;
    const messages: readonly KeyMessage[] = [
      { kind: "want-key", kid: base64url(new Uint8Array(32).fill(7)) },
      { kind: "key", jwk, evidence },
    ];
    const samples = messages.map((message) => ({
      kind: KEY_KINDS[message.kind],
      body: encodeKeyMessage(message),
    }));
    return fuzzBodies(seed, samples, (kind, body) => {
      const decoded = decodeKeyMessage({ kind, body });
      if (!decoded.ok) return "refused";
      const { message } = decoded;
      return message.kind === "want-key" ? takenAs(encodeKeyMessage(message), body) : "taken";
    });
  },
};

/** What was taken has one encoding, the one that came. */
function takenAs(again: Uint8Array, body: Uint8Array): "taken" {
  if (!equalBytes(again, body)) throw new Error(`${hex(body)} became ${hex(again)}`);
  return "taken";
}

interface Sample {
  readonly kind: number;
  readonly body: Uint8Array;
}

function rosterSamples(): Sample[] {
  return MESSAGES.map((message) => ({
    kind: ROSTER_KINDS[message.kind],
    body: encodeRosterMessage(message, door.roster.voters),
  }));
}

function fuzzBodies(
  seed: number,
  samples: readonly Sample[],
  feed: (kind: number, body: Uint8Array) => "taken" | "refused",
): OpenDoor {
  const prng = createPrng(seed);
  const trees = samples.map((sample) => ({ ...sample, tree: decodeCbor(sample.body)! }));
  let last = new Uint8Array();
  return {
    run(execution) {
      const { kind, body, tree } = pick(prng, trees);
      last = Uint8Array.from(
        execution % 4 === 0 ? hostileBytes(body, prng) : encodeCbor(changedTree(tree, prng, 0)),
      );
      return feed(prng.below(8) === 0 ? pick(prng, samples).kind : kind, last);
    },
    lastInput: () => hex(last),
  };
}
