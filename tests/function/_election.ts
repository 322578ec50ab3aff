/** Requests for the election function, made with real signatures. */
import {
  callMessage,
  compareIds,
  type Domain,
  genesisId,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, utf8 } from "../../lib/base/bytes.ts";
import { proposalDigest, type ProposalTexts, type Vote } from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { Identity } from "../../lib/crypto/ed25519.ts";
import { certificateKey, testIdentity } from "./_world.ts";

/** A node of a test. */
export interface TestNode {
  readonly identity: Identity;
  readonly name: string;
}

/** Nodes with names `127.0.0.1:5000` and up, sorted by id. */
export function testNodes(count: number): TestNode[] {
  return Array.from({ length: count }, (_, i) => ({
    identity: testIdentity(i),
    name: `127.0.0.1:${5000 + i}`,
  })).sort((a, b) => compareIds(fromBase64url(a.identity.id)!, fromBase64url(b.identity.id)!));
}

/** A proposal of the first term. */
export function firstProposal(domain: Domain, nodes: readonly TestNode[]): ProposalTexts {
  return {
    term: 1,
    prev: base64url(genesisId(sha256, domain)),
    kid: certificateKey().kid,
    active: nodes.map(({ identity, name }) => ({
      id: identity.id,
      name,
      key: base64url(identity.publicKey),
    })),
  };
}

/** Votes of these nodes. */
export function votesOf(
  domain: Domain,
  proposal: ProposalTexts,
  voters: readonly TestNode[],
): Vote[] {
  const message = voteMessage(domain, proposal.term, proposalDigest(domain, proposal));
  return voters.map(({ identity }) => ({
    key: base64url(identity.publicKey),
    signature: base64url(identity.sign(message)),
  }));
}

/** The fields of a request, so that a test can break one. */
// deno-lint-ignore no-explicit-any -- tests put anything into it
export type ElectFields = Record<string, any>;

/** A request by the first node with votes of the least majority. */
export function electFields(domain: Domain, nodes: readonly TestNode[]): ElectFields {
  const proposal = firstProposal(domain, nodes);
  const voters = nodes.slice(0, Math.floor(nodes.length / 2) + 1);
  return signedFields(domain, proposal, votesOf(domain, proposal, voters), nodes[0].identity);
}

/** The fields of a request for any proposal. */
export function signedFields(
  domain: Domain,
  proposal: ProposalTexts,
  votes: readonly Vote[],
  caller: Identity,
): ElectFields {
  return {
    cluster: domain.cluster,
    term: proposal.term,
    prev: proposal.prev,
    kid: proposal.kid,
    active: proposal.active.map(({ key, name }) => ({ key, name })),
    votes: [...votes],
    caller: {
      key: base64url(caller.publicKey),
      signature: base64url(caller.sign(callMessage(domain, proposalDigest(domain, proposal)))),
    },
  };
}

/** The text of a JWS part. */
export function partOf(jws: string, index: number): string {
  return new TextDecoder().decode(fromBase64url(jws.split(".")[index])!);
}

/** A signature of the right size that nobody made. */
export const NO_SIGNATURE = base64url(utf8("x".repeat(64)));
