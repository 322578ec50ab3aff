/**
 * The digest `D` of an open proposal, as the rule that the enclave follows has it (`openProposalDigest`), for a node that needs it at
 * every change of a view of hundreds: each node of the list is encoded once and kept, and what stands before the list is what the rule
 * itself hashes for an empty one.
 */
import {
  ACTIVE_NODES_MAX,
  type Domain,
  openProposalDigest,
  type Sha256,
} from "../../function/leader-election/rules.ts";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { base64url, concat, fromBase64url } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Candidate, Proposal } from "../election/types.ts";

/** Encoded nodes that are kept: those of the largest view, and as many who came and went. Then all are forgotten. */
const ENCODED_MAX = 2 * ACTIVE_NODES_MAX;

const encodedById = new Map<string, { readonly name: string; readonly bytes: Uint8Array }>();

/** The digest of a proposal, base64url. */
export function openDigest(domain: Domain, { term, prev, kid, active }: Proposal): string {
  // As it is, and not hashed.
  const preimage: Sha256 = (bytes) => bytes;
  const emptyHeadBytes = 1;
  const before = openProposalDigest(preimage, domain, {
    term,
    prev: bytesOf(prev),
    kid: bytesOf(kid),
    active: [],
  }).subarray(0, -emptyHeadBytes);
  return base64url(sha256(concat(before, arrayHead(active.length), ...active.map(encoded))));
}

function encoded({ id, name }: Candidate): Uint8Array {
  const known = encodedById.get(id);
  if (known?.name === name) return known.bytes;
  if (encodedById.size >= ENCODED_MAX) encodedById.clear();
  const bytes = encodeCbor([bytesOf(id), name]);
  encodedById.set(id, { name, bytes });
  return bytes;
}

/** What an array of so many items begins with (RFC 8949, section 3). */
function arrayHead(items: number): Uint8Array {
  if (items < 24) return Uint8Array.of(0x80 | items);
  return items < 0x100 ? Uint8Array.of(0x98, items) : Uint8Array.of(0x99, items >> 8, items & 0xff);
}

/** Bytes of an id or a digest as the core has it. */
export function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64url(text);
  assert(bytes, "digests in the core are base64url");
  return bytes;
}
