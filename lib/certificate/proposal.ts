/**
 * What a node sends to the election function: a proposal with its votes, signed by the caller. Texts (base64url) outside, bytes
 * inside; the rules are the enclave's own file.
 */
import {
  callMessage,
  type Domain,
  openProposalDigest,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, utf8 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import type { Identity } from "../crypto/ed25519.ts";
import type { Digest, Vote } from "./types.ts";

/** An open proposal in texts. */
export interface ProposalTexts {
  /** 1..2^53-1. */
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** Sorted by id bytes. `key` is the raw Ed25519 key, `id` its thumbprint. */
  readonly active: readonly {
    readonly id: string;
    readonly name: string;
    readonly key: string;
  }[];
}

/** The digest `D` of a proposal, 32 bytes. */
export function proposalDigest(domain: Domain, proposal: ProposalTexts): Uint8Array {
  return openProposalDigest(sha256, domain, {
    term: proposal.term,
    prev: bytes(proposal.prev),
    kid: bytes(proposal.kid),
    active: proposal.active.map(({ id, name }) => ({ id: bytes(id), name })),
  });
}

/** The input of the election function: the request as JSON. `caller` must be listed in the proposal. */
export function electRequest(
  caller: Identity,
  domain: Domain,
  proposal: ProposalTexts,
  votes: readonly Vote[],
): Uint8Array {
  const digest = proposalDigest(domain, proposal);
  const request = {
    cluster: domain.cluster,
    term: proposal.term,
    prev: proposal.prev,
    kid: proposal.kid,
    active: proposal.active.map(({ key, name }) => ({ key, name })),
    votes: votes.map(({ key, signature }) => ({ key, signature })),
    caller: {
      key: base64url(caller.publicKey),
      signature: base64url(caller.sign(callMessage(domain, digest))),
    },
  };
  return utf8(JSON.stringify({ elect: request }));
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "a proposal holds base64url");
  return decoded;
}
