/**
 * Random input for everything that turns bytes of strangers into values. Most of it is noise and frames whose header is damaged, as strangers
 * send it: that dies before a signature is looked at, so there can be much of it. The rest knows the structure: the tree of a valid frame
 * was changed and signed again when the fuzzer was made, so that what lies behind the signatures is reached too.
 *
 * What must hold: nothing throws, and what is accepted has exactly one encoding, the one that came.
 */
import { equalBytes, hex } from "../../lib/base/bytes.ts";
import { assert } from "../../lib/base/errors.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import { DATAGRAM_BYTES_MAX, SEAL_BYTES_MAX } from "../../lib/membership/limits.ts";
import { decodeCbor } from "../../lib/wire/cbor_decode.ts";
import { createClaimReader } from "../../lib/wire/claims.ts";
import { decodeElection } from "../../lib/wire/election_messages.ts";
import { openEnvelope, sealEnvelope } from "../../lib/wire/envelope.ts";
import { decodeGossip, encodeGossip, GOSSIP_KINDS } from "../../lib/wire/gossip_messages.ts";
import { clusterKey } from "../../lib/wire/keyring.ts";
import { createSealer } from "../../lib/wire/sealing.ts";
import { decodeSync, encodeSync, SYNC_KIND } from "../../lib/wire/sync_messages.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { alice, bob, claimsOfAlice, CLUSTER, messages, mutated, noise } from "../wire/_fixtures.ts";

/** How far a run got. */
export interface FuzzCount {
  readonly executions: number;
  /** Frames whose envelope opened, and bodies that were accepted as a whole. */
  opened: number;
  accepted: number;
}

const BYTES_MAX = DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX;
const DOMAIN = { checksum: new Uint8Array(32).fill(9), cluster: CLUSTER };
/** Version, flags, kind and the cluster's tag (`lib/wire/envelope.ts`). */
const HEADER_BYTES = 7;
/** Frames with hostile bodies that are signed beforehand. */
const SIGNED_FRAMES = 1_024;
/** One input in so many costs a signature check or more. */
const CHEAP_IN_A_ROW = 32;
const KINDS = [
  ...Object.values(GOSSIP_KINDS),
  SYNC_KIND,
  ...Array.from({ length: 24 }, (_, i) => 32 + i),
];

/** Runs so many executions from a seed. Throws at the first finding, with the input that shows it. */
export function fuzzWire(seed: number, executions: number, from = 0): FuzzCount {
  const fuzzer = createWireFuzzer(seed);
  const count = { executions, opened: 0, accepted: 0 };
  for (let i = from; i < from + executions; i++) fuzzer(i, count);
  return count;
}

/** A fuzzer of frames: one execution at a time, counted. Throws with the input at a finding. */
export function createWireFuzzer(seed: number): (execution: number, count: FuzzCount) => void {
  const prng = createPrng(seed);
  const claims = claimsOfAlice();
  const frames = messages(claims.slice(0, 2)).map((message) =>
    encodeGossip(alice, CLUSTER, bob.id, message)
  );
  const bodies = [
    ...frames.map(openOwn),
    ...encodeSync(claims).map((body) => ({ kind: SYNC_KIND as number, body })),
  ];
  const reader = createClaimReader(CLUSTER);
  // Only the bodies of these are hostile. Signing is slow, so they are made once.
  const signed = Array.from({ length: SIGNED_FRAMES }, () => {
    const { kind, body } = pick(prng, bodies);
    const hostile = encodeCbor(changedTree(decodeCbor(body)!, prng, 0));
    const said = prng.below(8) === 0 ? pick(prng, KINDS) : kind;
    return sealEnvelope(alice, CLUSTER, said, bob.id, hostile);
  });
  const sealer = createSealer(CLUSTER, [clusterKey(new Uint8Array(32).fill(1))]);
  const sealed = sealer.seal("datagram", frames[0]);

  function input(execution: number): Uint8Array {
    switch (execution % CHEAP_IN_A_ROW) {
      case 0:
        return pick(prng, signed);
      case 1:
        return noise(prng);
      case 2:
        return pick(prng, frames).subarray(0, prng.below(HEADER_BYTES + 64));
      case 3:
        return execution % 128 < CHEAP_IN_A_ROW
          ? mutated(pick(prng, frames), prng)
          : withBadHeader(pick(prng, frames), prng);
      default:
        return withBadHeader(pick(prng, frames), prng);
    }
  }

  function run(bytes: Uint8Array, count: FuzzCount): void {
    const opened = openEnvelope(bytes, { cluster: CLUSTER, self: bob.id, bytesMax: 4 * BYTES_MAX });
    if (!opened.ok) return;
    count.opened++;
    const { kind, body } = opened;
    decodeElection(opened, DOMAIN);
    if (decodeSync(body, reader).ok) count.accepted++;
    const gossip = decodeGossip(opened, { cluster: CLUSTER, claims: reader });
    if (!gossip.ok || bytes.length > BYTES_MAX) return;
    count.accepted++;
    const again = encodeGossip(alice, CLUSTER, bob.id, gossip.message);
    const second = openOwn(again).body;
    // An ack by proxy names its subject only by the proof, so the same bytes come out in any case.
    if (!equalBytes(second, body)) {
      throw new Error(`kind ${kind}: ${hex(body)} became ${hex(second)}`);
    }
  }

  return (execution, count) => {
    const bytes = input(execution);
    try {
      run(bytes, count);
      if (execution % CHEAP_IN_A_ROW !== 0) return;
      reader.read(mutated(pick(prng, claims).encoded, prng));
      sealer.open("datagram", prng.below(2) === 0 ? mutated(sealed, prng) : bytes);
    } catch (thrown) {
      throw new Error(`seed ${seed}, execution ${execution}, input ${hex(bytes)}`, {
        cause: thrown,
      });
    }
  };
}

/** A frame with a header that can't be right: nothing behind it has to be looked at. */
function withBadHeader(frame: Uint8Array, prng: Prng): Uint8Array {
  const copy = frame.slice();
  const at = prng.below(HEADER_BYTES);
  // Another kind is a matter of the signature, and so are the flags that are known.
  if (at === 1) copy[at] = 8 + prng.below(248);
  else if (at === 2) return copy.subarray(0, prng.below(HEADER_BYTES + 96));
  else copy[at] ^= 1 + prng.below(255);
  return copy;
}

/** The inside of a frame that this file has made. */
function openOwn(frame: Uint8Array): { readonly kind: number; readonly body: Uint8Array } {
  const opened = openEnvelope(frame, { cluster: CLUSTER, self: bob.id, bytesMax: frame.length });
  assert(opened.ok, "own frames open");
  return opened;
}

/** A copy of a tree with some random change somewhere. */
export function changedTree(value: Cbor, prng: Prng, depth: number): Cbor {
  if (!Array.isArray(value) || prng.below(4) === 0 || value.length === 0) {
    return changed(value, prng, depth);
  }
  const copy = [...value];
  const at = prng.below(copy.length);
  const kind = prng.below(8);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, copy[prng.below(copy.length)]);
  else if (kind === 2) copy[at] = copy[prng.below(copy.length)];
  else copy[at] = changedTree(copy[at], prng, depth + 1);
  return copy;
}

function changed(value: Cbor, prng: Prng, depth: number): Cbor {
  const kind = prng.below(6);
  if (value instanceof Uint8Array && value.length > 0 && kind < 4) {
    return kind === 3 ? value.slice(0, prng.below(value.length)) : mutated(value, prng);
  }
  if (typeof value === "number" && kind < 3) {
    return pick(prng, [
      0,
      1,
      value + 1,
      23,
      24,
      255,
      256,
      2 ** 32,
      2 ** 40,
      Number.MAX_SAFE_INTEGER,
    ]);
  }
  if (kind === 4 && depth < 3) return [value, value];
  return pick<Cbor>(prng, [
    0,
    Number.MAX_SAFE_INTEGER,
    "",
    "text",
    new Uint8Array(0),
    new Uint8Array(64),
    [],
  ]);
}

function pick<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.below(items.length)];
}
