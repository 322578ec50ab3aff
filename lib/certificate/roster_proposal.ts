/**
 * What a node of a roster cluster votes on and sends to the election function. Texts (base64url) outside, bytes inside;
 * the rules are the enclave's own file.
 */
import {
  type ClusterConfig,
  readClusterConfig as readWith,
} from "../../function/leader-election/cluster_config.ts";
import {
  bitmapOf,
  closingDigest,
  incumbencyAfter,
  rosterProposalDigest,
} from "../../function/leader-election/roster_rules.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../base/bytes.ts";
import { assert } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import { isPlausiblePublicKey } from "../crypto/ed25519.ts";
import type { Digest, VerifiedCertificate, Vote } from "./types.ts";

/** A proposal of a roster cluster in texts. */
export interface RosterProposalTexts {
  /** 1..2^53-1. */
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** Over the roster, see `RosterFacts`. */
  readonly bitmap: string;
  /** Leader of `prev`, or empty. */
  readonly incumbent: string;
  readonly tenure: number;
}

/** A proposal to hand over to another function. */
export interface ClosingTexts {
  readonly term: number;
  readonly prev: Digest;
  readonly kid: Digest;
  /** Checksum of the successor. */
  readonly successor: Digest;
}

/** Reads a package's `cluster.json`, or says in one line what is wrong with it. Never throws. */
export function readClusterConfig(file: Uint8Array): ClusterConfig | string {
  return readWith(file, { sha256, isEd25519Key: isPlausiblePublicKey });
}

/** A proposal as texts, from the ids of who is active. Ids that are not in the roster do not count. */
export function rosterProposalTexts(
  config: ClusterConfig,
  proposal: {
    readonly term: number;
    readonly prev: Digest;
    readonly kid: Digest;
    readonly active: readonly string[];
    readonly incumbent?: string;
    readonly tenure: number;
  },
): RosterProposalTexts {
  const { term, prev, kid, incumbent = "", tenure } = proposal;
  const active = new Set(proposal.active);
  const indexes = config.roster.keys().filter((i) => active.has(base64url(config.roster[i].id)));
  const bitmap = base64url(bitmapOf(config.roster.length, indexes));
  return { term, prev, kid, bitmap, incumbent, tenure };
}

/** The digest `D` of a proposal, 32 bytes. */
export function rosterDigest(domain: Domain, proposal: RosterProposalTexts): Uint8Array {
  return rosterProposalDigest(sha256, domain, {
    term: proposal.term,
    prev: bytes(proposal.prev),
    kid: bytes(proposal.kid),
    bitmap: bytes(proposal.bitmap),
    incumbent: bytes(proposal.incumbent),
    tenure: proposal.tenure,
  });
}

/** The digest `D` of a closing proposal, 32 bytes. */
export function closingProposalDigest(domain: Domain, closing: ClosingTexts): Uint8Array {
  const { term, prev, kid } = closing;
  const successor = bytes(closing.successor);
  return closingDigest(sha256, domain, term, bytes(prev), bytes(kid), successor);
}

/**
 * Incumbent and tenure of the proposal that follows a certificate; `undefined` stands for genesis. A certificate of an open cluster is
 * none that a roster follows.
 */
export function incumbencyOf(
  prev: VerifiedCertificate | undefined,
): { readonly incumbent: string; readonly tenure: number } {
  if (!prev || prev.roster?.kind === "closing") return { incumbent: "", tenure: 0 };
  assert(prev.roster, "a roster follows certificates of rosters");
  const { incumbent, tenure } = prev.roster;
  const next = incumbencyAfter(bytes(prev.leader), { incumbent: bytes(incumbent), tenure });
  return { incumbent: base64url(next.incumbent), tenure: next.tenure };
}

/** The input of the election function for a proposal. `previous` is the JWS of `prev`; left out at genesis. */
export function rosterElectRequest(
  proposal: RosterProposalTexts,
  votes: readonly Vote[],
  previous?: string,
): Uint8Array {
  const { term, prev, kid, bitmap, incumbent, tenure } = proposal;
  const fields = { term, prev, kid, bitmap, incumbent, tenure, votes: plain(votes), previous };
  return utf8(JSON.stringify({ elect: fields }));
}

/** The input of the election function that closes a cluster. `order` is the operator's signature of `successionMessage`, base64url. */
export function closeRequest(
  closing: ClosingTexts,
  order: string,
  votes: readonly Vote[],
  previous?: string,
): Uint8Array {
  const { term, prev, kid } = closing;
  const successor = hex(bytes(closing.successor));
  const fields = { term, prev, kid, successor, order, votes: plain(votes), previous };
  return utf8(JSON.stringify({ close: fields }));
}

function plain(votes: readonly Vote[]): Vote[] {
  return votes.map(({ key, signature }) => ({ key, signature }));
}

function bytes(text: string): Uint8Array {
  const decoded = fromBase64url(text);
  assert(decoded, "a proposal holds base64url");
  return decoded;
}
