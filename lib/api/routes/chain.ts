/**
 * What an auditor wants to take away: the chain of certificates, and the enclave's keys with the evidence that names them, in the forms that
 * `fumata audit`, `fumata verify` and `--keys` read. Whoever takes it judges the evidence; a node's word makes no key trustworthy.
 */
import { hex } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import type { Node } from "../../node/node.ts";
import { text } from "../schema.ts";
import type { ApiAnswer, ApiRequest, Route } from "../types.ts";
import { ATTESTATION_SCHEMA, CHAIN_SCHEMA, ENCLAVE_KEYS_SCHEMA } from "../view_schemas.ts";
import { chainAnswer, extrasOf } from "./_chain_answer.ts";

/** The entries. */
export const CHAIN_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/chain",
    needsToken: false,
    isLong: true,
    doc: {
      summary:
        "Every certificate that this node keeps, with the keys and their evidence, for audits.",
      answers: {
        200: {
          means: "The chain, oldest first; the tag stands for its contents.",
          schema: CHAIN_SCHEMA,
        },
        404: { means: "No certificate has come yet." },
        409: { means: "The cluster is open, and its certificates are no chain." },
      },
    },
    handle: ({ node }) => chain(node),
  },
  {
    method: "GET",
    path: "/v1/keys",
    needsToken: false,
    doc: {
      summary:
        "The enclave keys for which this node has verified evidence. A node's word makes no key " +
        "trustworthy: judge the evidence.",
      answers: {
        200: {
          means: "The keys, the latest last.",
          schema: ENCLAVE_KEYS_SCHEMA,
        },
      },
    },
    handle: ({ node }) => ({ json: { keys: extrasOf(ownKeys(node)).keys } }),
  },
  {
    method: "GET",
    path: "/v1/attestation",
    needsToken: false,
    doc: {
      summary: "The enclave keys with the evidence that names them.",
      query: { kid: text("Thumbprint of the one key that is wanted.") },
      answers: {
        200: {
          means: "Keys and evidence, the latest last.",
          schema: ATTESTATION_SCHEMA,
        },
      },
    },
    handle: attestation,
  },
];

/** Every certificate that the node keeps, with the keys that signed them and their evidence. */
function chain(node: Node): ApiAnswer {
  if (node.kind === "open") {
    const why = "this cluster is open, and its certificates are no chain";
    throw new FumataError("failure", `Cannot give the chain: ${why}`);
  }
  const answer = chainAnswer(node);
  if (answer) return answer;
  throw new FumataError("no-leader", "Cannot give the chain: no certificate has come yet");
}

/** The keys of the node's own function with their evidence; with `?kid=` only that one. */
function attestation({ node, query }: ApiRequest) {
  const wanted = query.get("kid");
  return { json: extrasOf(ownKeys(node).filter(({ kid }) => wanted === null || kid === wanted)) };
}

function ownKeys(node: Node) {
  return node.enclaveKeys(hex(node.checksum));
}
