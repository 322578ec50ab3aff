/**
 * The enclave keys of one function for which a node has evidence, in memory and in its state folder, and how many of them there may be.
 *
 * There are two kinds, and neither pushes the other out: keys that this node attested itself, and keys whose evidence another node passed on. The
 * second kind is what strangers can fill in an open cluster: whoever runs hosts of this very function can lose one key after the other, and elect
 * itself alone under each. When there are too many of a kind the one that was saved longest ago goes; should a certificate under it come
 * again, its evidence is asked for again. The key of the highest certificate stays: without it a node could not read its own memory.
 */
import type { Evidence } from "../attestation/mod.ts";
import { encodeEvidence } from "../attestation/mod.ts";
import { fromUtf8 } from "../base/bytes.ts";
import { EXTRAS_MAX } from "../certificate/certificate_document.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import type { StateStore } from "./state_store.ts";

/** Keys that this node attested: as many as a file for audits can hold. Those of living hosts are among the latest. */
export const ATTESTED_KEYS_MAX = EXTRAS_MAX;

/** Keys that were passed on: more than can have a certificate waiting. With the longest evidence, 128 KiB, these take 4 MiB. */
export const PASSED_ON_KEYS_MAX = 32;

/** The part of a state folder that keys need. */
export type KeyStore = Pick<StateStore, "keys" | "saveKey">;

/** One key. */
export interface KnownKey {
  readonly key: RsaPublicKey;
  /** The TEE whose evidence binds it. */
  readonly tee: string;
  /** Absent when it is from a state that did not keep it. */
  readonly evidence?: Evidence;
  /** Whether this node attested it itself, in this run or earlier, and what the function said of itself then, JSON. */
  readonly description?: string;
}

/** The keys of one function. */
export class KnownKeys {
  /** The key of the highest certificate, which stays whatever comes. */
  headKid?: string;
  readonly #checksum: string;
  readonly #store: KeyStore;
  /** By kid, in the order in which they were saved. */
  readonly #known = new Map<string, KnownKey>();
  readonly #keys = new Map<string, RsaPublicKey>();
  readonly #tees = new Map<string, string>();

  /** `checksum` in hex. Nothing is read from the store. */
  constructor(checksum: string, store: KeyStore) {
    this.#checksum = checksum;
    this.#store = store;
  }

  /** What certificates are verified with, by kid. */
  get keys(): ReadonlyMap<string, RsaPublicKey> {
    return this.#keys;
  }

  /** The TEE of each key: what its certificates have to name. */
  get tees(): ReadonlyMap<string, string> {
    return this.#tees;
  }

  /** Thumbprints of the keys that this node attested itself, the latest last. */
  get attested(): readonly string[] {
    return [...this.#known.values()].filter(isAttested).map(({ key }) => key.kid);
  }

  /** A key with what is known of it. */
  get(kid: string): KnownKey | undefined {
    return this.#known.get(kid);
  }

  /** Takes a key over that the store has, in the store's order. */
  restore(known: KnownKey): void {
    const { key, tee } = known;
    this.#known.delete(key.kid);
    this.#known.set(key.kid, known);
    this.#keys.set(key.kid, key);
    this.#tees.set(key.kid, tee);
  }

  /** Remembers a key, on disk when this returns, and forgets what there is no room for any more. */
  save(known: KnownKey & { readonly evidence: Evidence }): void {
    const { key, tee, evidence, description = "" } = known;
    const { kid } = key;
    const jwk = JSON.stringify(key.jwk);
    const forgotten = this.#outdatedBy(known);
    this.#store.saveKey(
      this.#checksum,
      { kid, jwk, tee, description, evidence: fromUtf8(encodeEvidence(evidence))! },
      forgotten,
    );
    this.restore(known);
    for (const kid of forgotten) {
      for (const map of [this.#known, this.#keys, this.#tees]) map.delete(kid);
    }
  }

  #outdatedBy(next: KnownKey): string[] {
    const max = isAttested(next) ? ATTESTED_KEYS_MAX : PASSED_ON_KEYS_MAX;
    const before = [...this.#known.values()]
      .filter((known) => isAttested(known) === isAttested(next))
      .map(({ key }) => key.kid)
      .filter((kid) => kid !== next.key.kid);
    return before.filter((kid) => kid !== this.headKid)
      .slice(0, Math.max(0, before.length + 1 - max));
  }
}

function isAttested({ description }: KnownKey): boolean {
  return description !== undefined;
}
