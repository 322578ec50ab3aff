/** The doors of datagrams and frames: gossip and claims, the elections' messages. */
import { equalBytes, hex } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import { decodeElection, ELECTION_KINDS } from "../../lib/wire/election_messages.ts";
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
import { alice, bob, claimsOfAlice, CLUSTER, messages } from "../wire/_fixtures.ts";
import { door, MESSAGES, people } from "../wire/_roster_samples.ts";
import type { Door, OpenDoor } from "./_door.ts";
import { hostileBytes, pick } from "./_mutate.ts";
import { changedTree, createWireFuzzer } from "./_wire.ts";

/** Datagrams and frames as they come from the network, signed anew where that is needed to get on. */
export const DATAGRAM_DOOR: Door = {
  name: "datagram",
  what: "gossip, full states, claims, sealing",
  suiteExecutions: 4_000,
  takenMin: 200,
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

/** Bodies behind the envelope, without its signature: a hundred times as many inputs in the same time. */
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
      const again = encodeRosterMessage(decoded.message, door.roster.voters);
      if (!equalBytes(again, body)) throw new Error(`${hex(body)} became ${hex(again)}`);
      return "taken";
    }),
};

/** The same bodies at the door of open clusters, whose kinds are others. */
export const OPEN_DOOR: Door = {
  name: "open-messages",
  what: "votes, bundles, certificates of open clusters",
  suiteExecutions: 6_000,
  takenMin: 0,
  open: (seed) =>
    fuzzBodies(seed, rosterSamples(), (kind, body) => {
      const kinds = Object.values(ELECTION_KINDS);
      const opened = {
        sender: alice.id,
        senderKey: alice.publicKey,
        kind: kinds[kind % kinds.length],
        body,
      };
      return decodeElection(opened, door.domain).ok ? "taken" : "refused";
    }),
};

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
