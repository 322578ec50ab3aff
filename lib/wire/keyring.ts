/**
 * The cluster keys of one node: all of them open, the first one (the primary) seals. So a key is changed without downtime: add the new one
 * everywhere, then use it everywhere, then remove the old one everywhere. Keys are shown by their ids only.
 */
import { concat, equalBytes, hex, utf8 } from "../base/bytes.ts";
import { AES_KEY_BYTES } from "../crypto/aes_gcm.ts";
import { sha256 } from "../crypto/digest.ts";

/** Bytes of a cluster key. */
export const CLUSTER_KEY_BYTES = AES_KEY_BYTES;

/** Bytes of a key id, as it stands before everything sealed. */
export const KEY_ID_BYTES = 4;

/** Keys of one node: a change of keys needs two at a time. */
export const KEYS_MAX = 16;

/** One key with its id. */
export interface ClusterKey {
  /** First bytes of the key's hash, hex, 8 characters: public. */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Keys, the primary first; never empty and no two of one id. */
export type Keyring = readonly [ClusterKey, ...ClusterKey[]];

/** A key with its id. `secret` has 32 bytes. */
export function clusterKey(secret: Uint8Array): ClusterKey {
  const digest = sha256(concat(utf8("fumata-cluster-key-v1\0"), secret));
  return { id: hex(digest.subarray(0, KEY_ID_BYTES)), secret };
}

/** A change of a keyring, or in words why it can't be made. */
export type KeyringChange = Keyring | { readonly refused: string };

/** With one more key, which opens and does not seal yet. Adding a key that is there changes nothing. */
export function withKey(keyring: Keyring, secret: Uint8Array): KeyringChange {
  const key = clusterKey(secret);
  const same = keyring.find(({ id }) => id === key.id);
  if (same && equalBytes(same.secret, secret)) return keyring;
  if (same) return { refused: `another key has the same id ${key.id}; make a new one` };
  if (keyring.length >= KEYS_MAX) {
    return { refused: `there are ${KEYS_MAX} keys already; remove one that is not used any more` };
  }
  return [...keyring, key];
}

/** With this key as the primary. */
export function withPrimary(keyring: Keyring, id: string): KeyringChange {
  const key = keyring.find((key) => key.id === id);
  if (!key) return unknown(id);
  return [key, ...keyring.filter((other) => other !== key)];
}

/** Without this key. The primary stays, for it seals. */
export function withoutKey(keyring: Keyring, id: string): KeyringChange {
  const [primary, ...others] = keyring;
  if (primary.id === id) {
    return { refused: `${id} seals what this node sends; use another key first` };
  }
  if (!others.some((key) => key.id === id)) return unknown(id);
  return [primary, ...others.filter((key) => key.id !== id)];
}

function unknown(id: string): KeyringChange {
  return { refused: `there is no key with the id ${id}; "fumata keys list" shows them` };
}
