/**
 * Where certificates are judged before the core hears of them: the enclave keys for which this node has verified evidence, what the
 * function said of itself, and the certificates that wait for evidence of their key.
 *
 * Two ways lead to a key. This node attested an enclave, with its own nonce: such a key is good for everything. Or another node passed on the
 * evidence that it had kept (`key_exchange.ts`): that proves that an enclave under this very checksum held the key once, which is good
 * for verifying certificates, but not that it holds it still, so that nobody votes for a new key on such evidence (design §4.4).
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import { hex, utf8 } from "../base/bytes.ts";
import { decodeUnverified } from "../certificate/format.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import {
  type CertificateFailure,
  type CertificateVerdict,
  verifyCertificate,
} from "../certificate/verify.ts";
import { decodeEvidence, type Evidence } from "../attestation/mod.ts";
import { assert, FumataError } from "../base/errors.ts";
import { importRsaJwk, type RsaPublicKey } from "../crypto/rsa.ts";
import type { NodeId } from "../membership/types.ts";
import type { AttestedFunction } from "./enclave_link.ts";
import {
  type FunctionDescription,
  isSameFunction,
  parseDescription,
} from "./function_description.ts";
import { type KeyStore, KnownKeys } from "./known_keys.ts";

/** Certificates that wait for evidence of their key, one a sender. */
const WAITING_MAX = 16;

/** What is to be done with a document. */
export type DocumentJudgement =
  | { readonly kind: "genuine"; readonly certificate: VerifiedCertificate }
  /** Under a key of which this node has no evidence yet: it is kept, and the enclave is to be asked. */
  | { readonly kind: "waits"; readonly kid: string }
  | { readonly kind: "refused"; readonly failures: readonly CertificateFailure[] };

interface Waiting {
  readonly kid: string;
  readonly document: CertificateDocument;
}

/** The desk of one node. */
export class CertificateDesk {
  readonly #domain: Domain;
  readonly #known: KnownKeys;
  readonly #waiting = new Map<NodeId, Waiting>();
  #description?: FunctionDescription;

  /** Begins with what the state folder holds for this function; `description` serves where it holds nothing. `importKey` reads its keys. */
  constructor(
    domain: Domain,
    store: KeyStore,
    description?: FunctionDescription,
    importKey: (jwk: unknown) => RsaPublicKey | string = importRsaJwk,
  ) {
    this.#domain = domain;
    this.#known = new KnownKeys(hex(domain.checksum), store);
    this.#description = description;
    for (const stored of store.keys(hex(domain.checksum))) {
      const key = importKey(JSON.parse(stored.jwk));
      if (typeof key === "string") continue;
      const evidence = decodeEvidence(utf8(stored.evidence ?? ""));
      const description = this.#read(stored.description);
      const isAttested = typeof description !== "string";
      // Neither attested nor passed on with its evidence: somebody vouched for it in a command, and only for that.
      if (!isAttested && typeof evidence === "string") continue;
      this.#known.restore({
        key,
        tee: stored.tee,
        ...(typeof evidence !== "string" && { evidence }),
        ...(isAttested && { description: stored.description }),
      });
      if (isAttested) this.#description = description;
    }
  }

  /** Of one function nearly all keys come with one and the same text. */
  #read(description: string): FunctionDescription | string {
    const known = this.#description;
    return known?.text === description ? known : parseDescription(description);
  }

  /** What the function said of itself, now or in an earlier run. */
  get description(): FunctionDescription | undefined {
    return this.#description;
  }

  /** Thumbprints of the keys that this node attested itself, the latest last: what it may vote for as new. */
  get kids(): readonly string[] {
    return this.#known.attested;
  }

  /** The keys that certificates are verified with, by kid. */
  get keys(): ReadonlyMap<string, RsaPublicKey> {
    return this.#known.keys;
  }

  /** Says which key the highest certificate of this node has: that one is not forgotten, however many come. */
  goBy(kid: string): void {
    this.#known.headKid = kid;
  }

  /**
   * Throws a `FumataError` when the function says something else than before: under one checksum that is a broken enclave, and who believed it
   * would let it change the electorate, on which everything rests that a broken enclave cannot do alone (design §4.6).
   */
  requireSameFunction({ description }: AttestedFunction): void {
    if (!this.#description || isSameFunction(this.#description, description)) return;
    throw new FumataError(
      "refused",
      "Cannot use the enclave: its function says something else of its cluster than it said " +
        "before, which under one checksum it never does; do not trust this enclave",
    );
  }

  /** Evidence for a key was verified: it is remembered, on disk when this returns. */
  admit({ key, evidence, description }: AttestedFunction): void {
    this.#known.save({ key, tee: evidence.platform, evidence, description: description.text });
    this.#description = description;
  }

  /**
   * Takes a key that another node passed on, whose evidence was judged in full as kept evidence; on disk when this returns. Only when a
   * certificate that waits here is genuine under it, which takes a quorum of votes for that key: else whoever runs many enclaves
   * could fill this folder. Whether it did.
   */
  admitPassedOn(key: RsaPublicKey, evidence: Evidence): boolean {
    if (this.keys.has(key.kid)) return false;
    const keys = new Map([[key.kid, key]]);
    const tees = new Map([[key.kid, evidence.platform]]);
    const isUsed = [...this.#waiting.values()]
      .some(({ document }) => this.#verifyWith(document, keys, tees).ok);
    // Without a description: this node never asked the enclave that holds it.
    if (isUsed) this.#known.save({ key, tee: evidence.platform, evidence });
    return isUsed;
  }

  /** A key and its evidence, for another node that asks for it. */
  keyToPassOn(
    kid: string,
  ): { readonly key: RsaPublicKey; readonly evidence: Evidence } | undefined {
    const { key, evidence } = this.#known.get(kid) ?? {};
    return key && evidence && { key, evidence };
  }

  /** Verifies a document of unknown origin. */
  verify(document: unknown): CertificateVerdict {
    return this.#verifyWith(document, this.keys, this.#known.tees);
  }

  #verifyWith(
    document: unknown,
    keys: ReadonlyMap<string, RsaPublicKey>,
    tees: ReadonlyMap<string, string>,
  ): CertificateVerdict {
    const description = this.#description;
    return verifyCertificate(document, {
      domain: this.#domain,
      keys,
      tees,
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
    const decoded = decodeUnverified(document.certificate);
    assert(typeof decoded !== "string", "what lacks nothing but its key was decoded");
    this.#keep({ kid: decoded.kid, document }, from);
    return { kind: "waits", kid: decoded.kid };
  }

  /** The highest certificate, which this node stored itself; `undefined` when it does not verify (any more). */
  restore(text: string): VerifiedCertificate | undefined {
    const verdict = this.verify(JSON.parse(text));
    if (!verdict.ok) return undefined;
    this.goBy(verdict.certificate.kid);
    return verdict.certificate;
  }

  /** Keeps a document until evidence for its key is there. */
  #keep(waiting: Waiting, from: NodeId): void {
    this.#waiting.delete(from);
    if (this.#waiting.size >= WAITING_MAX) {
      this.#waiting.delete(this.#waiting.keys().next().value!);
    }
    this.#waiting.set(from, waiting);
  }

  /** Takes out what waited for a key that is there now. */
  takeWaiting(): [NodeId, CertificateDocument][] {
    const ready = [...this.#waiting].filter(([, { kid }]) => this.keys.has(kid));
    for (const [from] of ready) this.#waiting.delete(from);
    return ready.map(([from, { document }]) => [from, document]);
  }
}
