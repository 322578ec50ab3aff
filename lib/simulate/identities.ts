/**
 * Keys and rules of simulated nodes, from their places alone, so that a run repeats and keys are made only once.
 *
 * How much is really signed depends on who takes part. Votes always are, for the election function and the verifier check them. Where nobody
 * lies and nothing is encoded, the signatures of heartbeats, acks, statements and claims would be checked by nobody: a text stands in for
 * them, and a virtual hour costs seconds. Where somebody does, they are made when they are first read: most never become bytes.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, concat, fromHex, utf8 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import { sha256 } from "../crypto/digest.ts";
import { type Identity, identityFromPem } from "../crypto/ed25519.ts";
import type { Digest } from "../certificate/types.ts";
import type { RosterProposal, RosterRules } from "../election/roster/types.ts";
import type { SignAck, SignClaim } from "../membership/types.ts";
import { rosterRules } from "../node/roster_cluster.ts";

/** PKCS#8 of an Ed25519 key up to its 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420")!;
/** Bytes that a real claim has on average, so that datagrams fill as they do. */
const CLAIM_BYTES = 130;

const identities = new Map<number, Identity>();

/** The identity of the node at a place: insecure, for anyone can make it. */
export function insecureIdentity(place: number): Identity {
  const known = identities.get(place);
  if (known) return known;
  const der = concat(PKCS8_PREFIX, sha256(utf8(`fumata simulated node ${place}`)));
  const text = btoa(String.fromCharCode(...der));
  const identity = identityFromPem(
    `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`,
  );
  assert(identity, "any 32 bytes are an Ed25519 key");
  identities.set(place, identity);
  return identity;
}

/** The name of the node at a place: a, b, … z, n26, n27, … */
export function nameOf(place: number): string {
  return place < 26 ? String.fromCharCode(97 + place) : `n${place}`;
}

/** Random bytes as base64url that repeat from the seed. */
export function randomText(prng: Prng, bytes: number): string {
  return base64url(randomBytes(prng, bytes));
}

/** Random bytes that repeat from the seed. */
export function randomBytes(prng: Prng, bytes: number): Uint8Array {
  const drawn = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) drawn[i] = prng.below(256);
  return drawn;
}

/** Collectors, by what they follow from: all nodes of a run ask for the same ones, again and again. */
export type CollectorCache = Map<string, string>;

/** The collector that a text stands for, found only once. */
export function collectorIn(collectors: CollectorCache, key: string, find: () => string): string {
  const known = collectors.get(key);
  if (known !== undefined) return known;
  const found = find();
  collectors.set(key, found);
  return found;
}

/** Digests of proposals that were made or opened: all who are shown one ask for it, and nobody changes one. */
export type DigestCache = WeakMap<RosterProposal, Digest>;

function digestIn(digests: DigestCache, proposal: RosterProposal, find: () => Digest): Digest {
  const known = digests.get(proposal);
  if (known !== undefined) return known;
  const found = find();
  digests.set(proposal, found);
  return found;
}

/** The rules of a voter. Unless `signs`, only votes are signed; heartbeats, acks and statements are signed when they are first read. */
export function simulatedRules(
  identity: Identity,
  domain: Domain,
  config: ClusterConfig,
  shared: {
    readonly prng: Prng;
    readonly collectors: CollectorCache;
    readonly digests: DigestCache;
    readonly signs: boolean;
  },
): RosterRules {
  const { prng, collectors, digests, signs } = shared;
  const real = rosterRules(identity, domain, config, () => randomText(prng, 16));
  const collector = (prev: string, term: number) =>
    collectorIn(collectors, `${term} ${prev}`, () => real.collector(prev, term));
  const digest = (proposal: RosterProposal) =>
    digestIn(digests, proposal, () => real.digest(proposal));
  const { id } = identity;
  const signed = <Unsigned extends object>(unsigned: Unsigned, sign: () => Signed) =>
    signs ? signedLate(unsigned, sign) : { ...unsigned, signature: id };
  return {
    ...real,
    collector,
    digest,
    signGaveUp: (prev, term) =>
      signed({ prev, term, voter: id }, () => real.signGaveUp(prev, term)),
    signHeartbeat: (heartbeat) => signed(heartbeat, () => real.signHeartbeat(heartbeat)),
    signAck: (certificateId, nonce) =>
      signed({ certificateId, nonce, voter: id }, () => real.signAck(certificateId, nonce)),
    signStepDown: (certificateId) =>
      signed({ certificateId, leader: id }, () => real.signStepDown(certificateId)),
    ...(!signs && { nonce: () => String(prng.uint32()) }),
  };
}

interface Signed {
  readonly signature: string;
}

/** Signed when somebody reads the signature, which is the same whenever it is made (RFC 8032). */
function signedLate<Unsigned extends object>(
  unsigned: Unsigned,
  sign: () => Signed,
): Unsigned & Signed {
  let signature: string | undefined;
  return {
    ...unsigned,
    get signature() {
      return signature ??= sign().signature;
    },
  };
}

/** Claims and acks that nobody checks; as long as real ones. */
export function unsignedClaims(
  { id, publicKey }: Pick<Identity, "id" | "publicKey">,
): { readonly signClaim: SignClaim; readonly signAck: SignAck } {
  const proof = new Uint8Array(64);
  return {
    signClaim(unsigned) {
      const encoded = utf8(JSON.stringify([id, unsigned]).padEnd(CLAIM_BYTES));
      switch (unsigned.type) {
        case "alive":
          return { ...unsigned, subject: id, publicKey, encoded };
        case "left":
          return { ...unsigned, subject: id, publicKey, encoded };
        case "suspect":
        case "dead":
          return { ...unsigned, accuser: id, accuserKey: publicKey, encoded };
        default:
          return unsigned satisfies never;
      }
    },
    signAck: () => proof,
  };
}
