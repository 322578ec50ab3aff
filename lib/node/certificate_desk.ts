/**
 * Where certificates are judged before the core hears of them: the enclave keys for which this node has verified evidence, what the
 * function said of itself, and the certificates that wait for evidence of their key.
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import { fromUtf8, hex } from "../base/bytes.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import {
  type CertificateFailure,
  type CertificateVerdict,
  verifyCertificate,
} from "../certificate/verify.ts";
import { encodeEvidence } from "../attestation/mod.ts";
import { importRsaJwk, type RsaPublicKey } from "../crypto/rsa.ts";
import type { NodeId } from "../membership/types.ts";
import type { AttestedFunction } from "./enclave_link.ts";
import { type FunctionDescription, parseDescription } from "./function_description.ts";
import type { StateStore } from "./state_store.ts";

/** Certificates that wait for evidence of their key, one a sender. */
const WAITING_MAX = 16;

/** The part of a state folder that a desk needs. */
export type KeyStore = Pick<StateStore, "keys" | "saveKey">;

/** What is to be done with a document. */
export type DocumentJudgement =
  | { readonly kind: "genuine"; readonly certificate: VerifiedCertificate }
  /** Under a key of which this node has no evidence yet: it is kept, and the enclave is to be asked. */
  | { readonly kind: "waits" }
  | { readonly kind: "refused"; readonly failures: readonly CertificateFailure[] };

/** The desk of one node. */
export class CertificateDesk {
  readonly #domain: Domain;
  readonly #store: KeyStore;
  readonly #keys = new Map<string, RsaPublicKey>();
  /** The TEE whose evidence binds a key: what its certificates have to name. */
  readonly #tees = new Map<string, string>();
  readonly #waiting = new Map<NodeId, CertificateDocument>();
  #description?: FunctionDescription;

  /** Begins with what the state folder holds for this function; `description` serves where it holds nothing. */
  constructor(domain: Domain, store: KeyStore, description?: FunctionDescription) {
    this.#domain = domain;
    this.#store = store;
    this.#description = description;
    for (const stored of store.keys(hex(domain.checksum))) {
      const key = importRsaJwk(JSON.parse(stored.jwk));
      const description = parseDescription(stored.description);
      if (typeof key === "string" || typeof description === "string") continue;
      this.#keys.set(stored.kid, key);
      this.#tees.set(stored.kid, stored.tee);
      this.#description = description;
    }
  }

  /** What the function said of itself, now or in an earlier run. */
  get description(): FunctionDescription | undefined {
    return this.#description;
  }

  /** Thumbprints of the keys, the latest last. */
  get kids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** The keys as JWKs, for displays and files. */
  get keys(): ReadonlyMap<string, RsaPublicKey> {
    return this.#keys;
  }

  /** Evidence for a key was verified: it is remembered, on disk when this returns. */
  admit({ key, evidence, description }: AttestedFunction): void {
    const { platform: tee } = evidence;
    this.#store.saveKey(hex(this.#domain.checksum), {
      kid: key.kid,
      jwk: JSON.stringify(key.jwk),
      tee,
      description: description.text,
      evidence: fromUtf8(encodeEvidence(evidence))!,
    });
    this.#keys.delete(key.kid);
    this.#keys.set(key.kid, key);
    this.#tees.set(key.kid, tee);
    this.#description = description;
  }

  /** Verifies a document of unknown origin. */
  verify(document: unknown): CertificateVerdict {
    const description = this.#description;
    return verifyCertificate(document, {
      domain: this.#domain,
      keys: this.#keys,
      tees: this.#tees,
      ...(description && { policy: description.policy }),
      ...(description?.kind === "roster" && { config: description.config }),
    });
  }

  /** A certificate counts only after the whole of it was verified, whoever sent it; `from` is absent when this node's own call brought it. */
  judge(document: CertificateDocument, from: NodeId | undefined): DocumentJudgement {
    const verdict = this.verify(document);
    if (verdict.ok) return { kind: "genuine", certificate: verdict.certificate };
    const lacksKey = verdict.failures.every((failure) => failure.check === "key");
    if (from === undefined || !lacksKey) return { kind: "refused", failures: verdict.failures };
    this.#keep(document, from);
    return { kind: "waits" };
  }

  /** A certificate that this node stored itself; `undefined` when it does not verify (any more). */
  restore(text: string): VerifiedCertificate | undefined {
    const verdict = this.verify(JSON.parse(text));
    return verdict.ok ? verdict.certificate : undefined;
  }

  /** Keeps a document until evidence for its key is there. */
  #keep(document: CertificateDocument, from: NodeId): void {
    this.#waiting.delete(from);
    if (this.#waiting.size >= WAITING_MAX) {
      this.#waiting.delete(this.#waiting.keys().next().value!);
    }
    this.#waiting.set(from, document);
  }

  /** Takes out what waited. */
  takeWaiting(): [NodeId, CertificateDocument][] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }
}
