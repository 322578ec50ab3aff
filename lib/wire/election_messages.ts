/**
 * Bodies of election messages: deterministic CBOR arrays, one kind number each, decoded into verified values.
 *
 * | kind | number | body |
 * |---|---|---|
 * | proposal | 32 | [term, prev, kid, digest] |
 * | vote | 33 | [term, digest, signature] of the sender |
 * | refusal | 34 | [digest, reason, head term, head id] |
 * | gave-up | 35 | [prev, term, [[key, signature], …]] |
 * | bundle | 36 | [term, prev, kid, [[key, name], …], [[key, signature], …]] |
 * | want-certificate | 37 | [id] |
 * | certificate | 38 | [JWS, [[key, signature], …]] |
 *
 * Votes and gave-up statements are signatures of their own (see the rules), because they are passed on; they are checked here. A
 * certificate leaves here as a document: verifying it is the work of `lib/certificate`.
 */
import {
  ACTIVE_NODES_MAX,
  type Domain,
  gaveUpMessage,
  isName,
  openProposalDigest,
  openVotesNeeded,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { type Cbor, encodeCbor } from "../../function/leader-election/cbor.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import type { CertificateDocument, Vote } from "../certificate/types.ts";
import { sha256 } from "../crypto/digest.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verifyEd25519 } from "../crypto/ed25519.ts";
import { nodeId } from "../crypto/thumbprint.ts";
import type {
  Candidate,
  ElectionMessage,
  GaveUp,
  Proposal,
  RefusalReason,
} from "../election/types.ts";
import { decodeCbor } from "./cbor_decode.ts";
import { type Dropped, dropped, isBytes } from "./envelope.ts";

/** Numbers of the kinds in the envelope. */
export const ELECTION_KINDS = {
  "proposal": 32,
  "vote": 33,
  "refusal": 34,
  "gave-up": 35,
  "bundle": 36,
  "want-certificate": 37,
  "certificate": 38,
} as const satisfies Record<ElectionMessage["kind"], number>;

/** Largest body: a certificate of the most active nodes (130 bytes each in base64url) and its votes, with room to spare. */
export const ELECTION_BODY_BYTES_MAX = 256 * 1024;

/** Longest JWS: 512 nodes of 120 characters each and the fixed claims, in base64url. */
const JWS_CHARACTERS_MAX = 128 * 1024;
const DIGEST_BYTES = 32;

const REASONS: readonly RefusalReason[] = [
  "prev",
  "term-over",
  "term-not-open",
  "view",
  "collector",
  "kid",
  "voted",
];

/** Encodes a body; the envelope takes `ELECTION_KINDS[message.kind]`. */
export function encodeElection(message: ElectionMessage): Uint8Array<ArrayBuffer> {
  return encodeCbor(bodyOf(message));
}

/** Decodes the body of an opened envelope and checks every signature in it but the certificate's. Never throws. */
export function decodeElection(
  opened: { readonly senderKey: Uint8Array; readonly kind: number; readonly body: Uint8Array },
  domain: Domain,
): { readonly ok: true; readonly message: ElectionMessage } | Dropped {
  if (opened.body.length > ELECTION_BODY_BYTES_MAX) return dropped("too-long");
  const kind = (Object.keys(ELECTION_KINDS) as ElectionMessage["kind"][])
    .find((name) => ELECTION_KINDS[name] === opened.kind);
  if (!kind) return dropped("kind");
  const body = decodeCbor(opened.body);
  if (!Array.isArray(body)) return dropped("body");
  const message = DECODERS[kind](body, opened.senderKey, domain);
  return message ? { ok: true, message } : dropped("body");
}

function bodyOf(message: ElectionMessage): Cbor {
  switch (message.kind) {
    case "proposal": {
      const { term, prev, kid, digest } = message.proposal;
      return [term, bytes(prev), bytes(kid), bytes(digest)];
    }
    case "vote":
      return [message.term, bytes(message.digest), bytes(message.vote.signature)];
    case "refusal":
      return [
        bytes(message.digest),
        REASONS.indexOf(message.reason),
        message.head.term,
        bytes(message.head.id),
      ];
    case "gave-up": {
      const [{ prev, term }] = message.statements;
      return [bytes(prev), term, message.statements.map(signed)];
    }
    case "bundle": {
      const { term, prev, kid, active } = message.proposal;
      const nodes = active.map((node): Cbor => [bytes(node.key), node.name]);
      return [term, bytes(prev), bytes(kid), nodes, message.votes.map(signed)];
    }
    case "want-certificate":
      return [bytes(message.id)];
    case "certificate":
      return [message.document.certificate, message.document.bundle.map(signed)];
  }
}

type Decoder = (
  body: readonly Cbor[],
  senderKey: Uint8Array,
  domain: Domain,
) => ElectionMessage | undefined;

const DECODERS: Record<ElectionMessage["kind"], Decoder> = {
  "proposal": (body) => {
    const [term, prev, kid, digest] = body;
    if (body.length !== 4 || !isTerm(term)) return undefined;
    if (!isDigest(prev) || !isDigest(kid) || !isDigest(digest)) return undefined;
    return {
      kind: "proposal",
      proposal: {
        term,
        prev: base64url(prev),
        kid: base64url(kid),
        digest: base64url(digest),
      },
    };
  },
  "vote": (body, senderKey, domain) => {
    const [term, digest, signature] = body;
    if (body.length !== 3 || !isTerm(term) || !isDigest(digest)) return undefined;
    if (!isBytes(signature, SIGNATURE_BYTES)) return undefined;
    if (!verifyEd25519(senderKey, voteMessage(domain, term, digest), signature)) return undefined;
    const vote = { key: base64url(senderKey), signature: base64url(signature) };
    return { kind: "vote", term, digest: base64url(digest), vote };
  },
  "refusal": (body) => {
    const [digest, reason, headTerm, headId] = body;
    if (body.length !== 4 || !isDigest(digest) || !isDigest(headId)) return undefined;
    if (typeof reason !== "number" || typeof headTerm !== "number") return undefined;
    const word = REASONS[reason];
    if (!word) return undefined;
    return {
      kind: "refusal",
      digest: base64url(digest),
      reason: word,
      head: { term: headTerm, id: base64url(headId) },
    };
  },
  "gave-up": (body, _senderKey, domain) => {
    const [prev, term, list] = body;
    if (body.length !== 3 || !isDigest(prev) || !isTerm(term)) return undefined;
    const pairs = readSigned(list);
    if (!pairs || pairs.length === 0) return undefined;
    const said = gaveUpMessage(domain, prev, term);
    if (!pairs.every(([key, signature]) => verifyEd25519(key, said, signature))) return undefined;
    const statements = pairs.map(([key, signature]): GaveUp => ({
      prev: base64url(prev),
      term,
      voter: nodeId(key),
      key: base64url(key),
      signature: base64url(signature),
    }));
    return { kind: "gave-up", statements };
  },
  "bundle": (body, _senderKey, domain) => {
    const [term, prev, kid, nodes, list] = body;
    if (body.length !== 5 || !isTerm(term) || !isDigest(prev) || !isDigest(kid)) return undefined;
    const active = readCandidates(nodes);
    const pairs = readSigned(list);
    if (!active || !pairs || pairs.length < openVotesNeeded(active.length)) return undefined;
    const ids = new Set(active.map((node) => node.key));
    const voters = new Set(pairs.map(([key]) => base64url(key)));
    if (voters.size !== pairs.length || ![...voters].every((key) => ids.has(key))) return undefined;
    const digest = openProposalDigest(sha256, domain, {
      term,
      prev,
      kid,
      active: active.map((node) => ({ id: bytes(node.id), name: node.name })),
    });
    const said = voteMessage(domain, term, digest);
    if (!pairs.every(([key, signature]) => verifyEd25519(key, said, signature))) return undefined;
    const proposal: Proposal = { term, prev: base64url(prev), kid: base64url(kid), active };
    return { kind: "bundle", proposal, votes: pairs.map(toVote) };
  },
  "want-certificate": (body) =>
    body.length === 1 && isDigest(body[0])
      ? { kind: "want-certificate", id: base64url(body[0]) }
      : undefined,
  "certificate": (body) => {
    const [certificate, list] = body;
    const pairs = readSigned(list);
    if (body.length !== 2 || typeof certificate !== "string" || !pairs) return undefined;
    if (certificate.length > JWS_CHARACTERS_MAX) return undefined;
    const document: CertificateDocument = { certificate, bundle: pairs.map(toVote) };
    return { kind: "certificate", document };
  },
};

type Signed = readonly [key: Uint8Array, signature: Uint8Array];

function readSigned(list: Cbor): Signed[] | undefined {
  if (!Array.isArray(list) || list.length > ACTIVE_NODES_MAX) return undefined;
  const pairs: Signed[] = [];
  for (const item of list) {
    if (!Array.isArray(item) || item.length !== 2) return undefined;
    const [key, signature] = item;
    if (!isBytes(key, PUBLIC_KEY_BYTES) || !isBytes(signature, SIGNATURE_BYTES)) return undefined;
    pairs.push([key, signature]);
  }
  return pairs;
}

function readCandidates(list: Cbor): Candidate[] | undefined {
  if (!Array.isArray(list) || list.length === 0 || list.length > ACTIVE_NODES_MAX) return undefined;
  const candidates: Candidate[] = [];
  for (const item of list) {
    if (!Array.isArray(item) || item.length !== 2) return undefined;
    const [key, name] = item;
    if (!isBytes(key, PUBLIC_KEY_BYTES) || !isName(name)) return undefined;
    candidates.push({ id: nodeId(key), name, key: base64url(key) });
  }
  return candidates;
}

function toVote([key, signature]: Signed): Vote {
  return { key: base64url(key), signature: base64url(signature) };
}

function signed(said: { readonly key: string; readonly signature: string }): Cbor {
  return [bytes(said.key), bytes(said.signature)];
}

function isTerm(value: Cbor): value is number {
  return typeof value === "number" && value >= 1;
}

function isDigest(value: Cbor): value is Uint8Array {
  return isBytes(value, DIGEST_BYTES);
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "digests and keys in the core are base64url");
  return decoded;
}
