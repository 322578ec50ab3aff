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
import type { ApiRequest, Route } from "../types.ts";
import type { KeysView } from "../views.ts";

/** The entries. */
export const KEY_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/cluster-keys",
    needsToken: true,
    handle: ({ node }) => ({ json: keysView(requireKeyring(node)) }),
  },
  {
    method: "POST",
    path: "/v1/cluster-keys/add",
    needsToken: true,
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
    handle: (request) => change(request, withPrimary),
  },
  {
    method: "POST",
    path: "/v1/cluster-keys/remove",
    needsToken: true,
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
