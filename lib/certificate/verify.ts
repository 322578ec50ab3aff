/**
 * Verifies a certificate offline (design §4.6, §5): whatever the enclave signed, it counts only with a majority of genuine votes of the
 * nodes that it lists, and only when the draw can be recomputed.
 *
 * Three layers that never mix. Structure: bytes to fields; the first fault ends it. Signature: is each signature in it (certificate,
 * beacon, votes) valid for what the certificate itself says. Policy: does it say what follows from the rules, and is it about the
 * cluster and function that this verifier asked for. The last layer reached reports every fault.
 */
import {
  beaconInput,
  certificateId,
  type Domain,
  drawLeader,
  openProposalDigest,
  openVotesNeeded,
  type Policy,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, equalBytes, fromBase64url, hex } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { verifyEd25519 } from "../crypto/ed25519.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { ed25519Jwk, nodeId, thumbprint } from "../crypto/thumbprint.ts";
import { readDocument } from "./certificate_document.ts";
import { type Claims, decodeUnverified, type UnverifiedCertificate } from "./format.ts";
import type { CertificateDocument, VerifiedCertificate, Vote } from "./types.ts";

/** What the verifier demands. */
export interface CertificatePins {
  /** The function's checksum and the cluster's name. */
  readonly domain: Domain;
  /** Enclave keys by kid, each from evidence that this verifier accepted; a list that a node gives is no trust root. */
  readonly keys: ReadonlyMap<string, RsaPublicKey>;
  /** How leaders must be drawn; any way that the rules know when it is left out. */
  readonly policy?: Policy;
  /** Whether certificates of open clusters will do; default true. They are no fencing tokens: a partition may have two leaders. */
  readonly allowOpen?: boolean;
}

/** What was checked. */
export type CertificateCheck =
  | "document"
  | "certificate"
  | "key"
  | "signature"
  | "beacon"
  | "vote"
  | "checksum"
  | "cluster"
  | "kind"
  | "policy"
  | "digest"
  | "leader"
  | "draw"
  | "id"
  | "voter"
  | "quorum";

/** One thing that is wrong with a certificate. */
export interface CertificateFailure {
  readonly layer: "structure" | "signature" | "policy";
  readonly check: CertificateCheck;
  /** What was expected and what came, in one line. */
  readonly message: string;
}

/** What verification found. */
export type CertificateVerdict =
  | { readonly ok: true; readonly certificate: VerifiedCertificate; readonly claims: Claims }
  | { readonly ok: false; readonly failures: readonly CertificateFailure[] };

/** Verifies a document of unknown origin. Never throws. */
export function verifyCertificate(value: unknown, pins: CertificatePins): CertificateVerdict {
  const refuse = (layer: CertificateFailure["layer"], found: readonly Finding[]) => ({
    ok: false as const,
    failures: found.map(([check, message]) => ({ layer, check, message })),
  });
  const document = readDocument(value);
  if (typeof document === "string") return refuse("structure", [["document", document]]);
  const decoded = decodeUnverified(document.certificate);
  if (typeof decoded === "string") return refuse("structure", [["certificate", decoded]]);
  const votes = document.bundle.map(readVote);
  const brokenVote = votes.findIndex((vote) => vote === undefined);
  if (brokenVote >= 0) {
    const message = `bundle[${brokenVote}] is not a key of 32 bytes and a signature of 64`;
    return refuse("structure", [["document", message]]);
  }
  const bundle = votes as ReadVote[];

  const forged = [...checkSignatures(decoded, bundle, pins)];
  if (forged.length > 0) return refuse("signature", forged);
  const unwanted = [...checkPins(decoded.claims, pins), ...checkRules(decoded, bundle)];
  if (unwanted.length > 0) return refuse("policy", unwanted);
  return { ok: true, certificate: verified(decoded, document), claims: decoded.claims };
}

type Finding = readonly [check: CertificateCheck, message: string];

interface ReadVote {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  /** Node id of the voter. */
  readonly voter: string;
}

function readVote(vote: Vote): ReadVote | undefined {
  if (vote.key.length !== 43 || vote.signature.length !== 86) return undefined;
  const [key, signature] = [fromBase64url(vote.key), fromBase64url(vote.signature)];
  return key && signature ? { key, signature, voter: nodeId(key) } : undefined;
}

function* checkSignatures(
  { kid, claims, signedBytes, signature }: UnverifiedCertificate,
  bundle: readonly ReadVote[],
  pins: CertificatePins,
): Generator<Finding> {
  const domain = domainOf(claims);
  const key = pins.keys.get(kid);
  if (!key || key.kid !== kid) {
    yield ["key", `the key ${kid} is not among the ${pins.keys.size} keys that are trusted`];
  } else {
    if (!key.verify(signedBytes, signature)) {
      yield ["signature", "the certificate's signature is not valid"];
    }
    if (!key.verify(beaconInput(domain, claims.prev), claims.beaconSignature)) {
      yield ["beacon", "the beacon's signature is not valid"];
    }
  }
  const message = voteMessage(domain, claims.term, claims.digest);
  for (const [i, vote] of bundle.entries()) {
    if (!verifyEd25519(vote.key, message, vote.signature)) {
      yield ["vote", `bundle[${i}] is no valid vote of ${vote.voter} for this term and digest`];
    }
  }
}

function* checkPins(claims: Claims, pins: CertificatePins): Generator<Finding> {
  if (!equalBytes(claims.checksum, pins.domain.checksum)) {
    const [wanted, came] = [hex(pins.domain.checksum), hex(claims.checksum)];
    yield ["checksum", `the function checksum is ${came}; ${wanted} is wanted`];
  }
  if (claims.cluster !== pins.domain.cluster) {
    yield ["cluster", `the cluster is "${claims.cluster}"; "${pins.domain.cluster}" is wanted`];
  }
  if (pins.policy !== undefined && claims.policy !== pins.policy) {
    yield ["policy", `the policy is "${claims.policy}"; "${pins.policy}" is wanted`];
  }
  if (pins.allowOpen === false) {
    yield ["kind", "it is of an open cluster: no fencing token, a partition may have two leaders"];
  }
}

function* checkRules(
  { kid, claims }: UnverifiedCertificate,
  bundle: readonly ReadVote[],
): Generator<Finding> {
  const domain = domainOf(claims);
  const { term, prev, digest, active, policy, leader } = claims;
  const kidBytes = fromBase64url(kid)!;
  const proposal = { term, prev, kid: kidBytes, active };
  if (!equalBytes(digest, openProposalDigest(sha256, domain, proposal))) {
    yield ["digest", "the digest is not that of term, prev, kid and active nodes"];
  }
  if (!equalBytes(leader, thumbprint(ed25519Jwk(claims.leaderKey)))) {
    yield ["leader", "the leader's id is not the thumbprint of the leader's key"];
  }
  const beacon = sha256(claims.beaconSignature);
  const drawn = drawLeader(sha256, domain, policy, beacon, active);
  if (!equalBytes(leader, drawn.id) || claims.leaderName !== drawn.name) {
    const [wanted, came] = [base64url(drawn.id), base64url(leader)];
    yield [
      "draw",
      `the leader is ${claims.leaderName} (${came}); ${drawn.name} (${wanted}) was drawn`,
    ];
  }
  const said = { term, digest, kid: kidBytes, beacon, leader };
  if (!equalBytes(claims.id, certificateId(sha256, domain, said))) {
    yield ["id", "the certificate id is not the hash of what it says"];
  }
  yield* checkBundle(claims, bundle);
}

function* checkBundle(claims: Claims, bundle: readonly ReadVote[]): Generator<Finding> {
  const listed = new Set(claims.active.map((node) => base64url(node.id)));
  const voters = new Set<string>();
  for (const [i, { voter }] of bundle.entries()) {
    if (!listed.has(voter)) yield ["voter", `bundle[${i}] is by ${voter}, who is not active`];
    else if (voters.has(voter)) yield ["voter", `bundle[${i}] is a second vote by ${voter}`];
    else voters.add(voter);
  }
  const needed = openVotesNeeded(claims.active.length);
  if (voters.size < needed) {
    yield ["quorum", `${voters.size} of ${claims.active.length} nodes voted; ${needed} are needed`];
  }
}

function domainOf(claims: Claims): Domain {
  return { checksum: claims.checksum, cluster: claims.cluster };
}

function verified(
  { kid, claims }: UnverifiedCertificate,
  document: CertificateDocument,
): VerifiedCertificate {
  return {
    id: base64url(claims.id),
    term: claims.term,
    prev: base64url(claims.prev),
    kid,
    digest: base64url(claims.digest),
    leader: base64url(claims.leader),
    leaderName: claims.leaderName,
    active: claims.active.map((node) => base64url(node.id)),
    document,
  };
}
