/**
 * Cluster keys of the running node. A key enters in the body of a request and never leaves; it is taken from this machine itself only, even
 * by a node that serves HTTP elsewhere too.
 */
import { fromBase64 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import type { Node } from "../../node/node.ts";
import {
  CLUSTER_KEY_BYTES,
  type Keyring,
  withKey,
  withoutKey,
  withPrimary,
} from "../../wire/keyring.ts";
import { record, text } from "../schema.ts";
import type { ApiRequest, Route } from "../types.ts";
import { KEYS_SCHEMA } from "../view_schemas.ts";
import type { KeysView } from "../views.ts";

const KEY_CHOICE = record<{ id: string }>("ClusterKeyChoice", { id: text("Id of a key.") });

/** The entries. */
export const KEY_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/cluster-keys",
    needsToken: true,
    doc: {
      summary: "The keys that seal the gossip, by their ids.",
      answers: { 200: { means: "The keys.", schema: KEYS_SCHEMA } },
    },
    handle: ({ node }) => ({ json: keysView(requireKeyring(node)) }),
  },
  {
    method: "POST",
    path: "/v1/cluster-keys/add",
    needsToken: true,
    doc: {
      summary: "Adds a key that opens; taken from this very machine only.",
      takes: record<{ key: string }>("NewClusterKey", { key: text("32 bytes, base64.") }),
      answers: { 200: { means: "The keys by then.", schema: KEYS_SCHEMA } },
    },
    handle({ node, body, isLocal }) {
      if (!isLocal) {
        const why = "a key must not cross a network in the clear";
        throw new FumataError(
          "refused",
          `Cannot add the cluster key: ${why}; do it on the machine itself`,
        );
      }
      const text = (body as { key?: unknown } | undefined)?.key;
      const secret = typeof text === "string" ? fromBase64(text) : undefined;
      if (secret?.length !== CLUSTER_KEY_BYTES) {
        const wanted = `"key" has to be base64 of ${CLUSTER_KEY_BYTES} bytes`;
        throw new FumataError("usage", `Cannot add the cluster key: ${wanted}`);
      }
      return { json: keysView(node.changeKeyring((keyring) => withKey(keyring, secret))) };
    },
  },
  {
    method: "POST",
    path: "/v1/cluster-keys/use",
    needsToken: true,
    doc: {
      summary: "Seals with this key from now on.",
      takes: KEY_CHOICE,
      answers: { 200: { means: "The keys by then.", schema: KEYS_SCHEMA } },
    },
    handle: (request) => change(request, withPrimary),
  },
  {
    method: "POST",
    path: "/v1/cluster-keys/remove",
    needsToken: true,
    doc: {
      summary: "Removes a key; the primary cannot be.",
      takes: KEY_CHOICE,
      answers: { 200: { means: "The keys by then.", schema: KEYS_SCHEMA } },
    },
    handle: (request) => change(request, withoutKey),
  },
];

function change({ node, body }: ApiRequest, make: typeof withPrimary) {
  const id = (body as { id?: unknown } | undefined)?.id;
  if (typeof id !== "string") {
    throw new FumataError("usage", 'Cannot change the cluster keys: "id" is missing');
  }
  return { json: keysView(node.changeKeyring((keyring) => make(keyring, id))) };
}

function requireKeyring(node: Node): Keyring {
  if (node.keyring) return node.keyring;
  throw new FumataError("usage", "this node has no cluster keys; start it with --encrypt FILE");
}

function keysView(keyring: Keyring): KeysView {
  return { primary: keyring[0].id, keys: keyring.map((key) => key.id) };
}
