/**
 * Where certificates are judged, by the function that they are of: this node's own, and the one that it succeeds, of which others hold
 * certificates that this node has missed (design §4.11). Each court has its desk and asks members for evidence of keys that it lacks. The
 * node and the simulator run this file. Pure: the clock, the judge of evidence and what becomes of a certificate come as arguments.
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import type { Evidence } from "../attestation/types.ts";
import { hex } from "../base/bytes.ts";
import { claimedChecksum } from "../certificate/audit.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";
import type { NodeId } from "../membership/types.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import type { CertificateDesk, DocumentJudgement } from "./certificate_desk.ts";
import { KeyExchange } from "./key_exchange.ts";

/** A function and the desk that judges its certificates. */
export interface Jurisdiction {
  readonly domain: Domain;
  readonly desk: CertificateDesk;
}

/** What the courts need of their node. */
export interface CourtsShell {
  /** Judges kept evidence in full: the key, when the evidence binds it under the function of this domain; else what is wrong. */
  judgeKey(jwk: RsaJwk, evidence: Evidence, domain: Domain): RsaPublicKey | string;
  send(to: NodeId, message: KeyMessage): void;
  /** A key was taken, whose evidence a member passed on. */
  keyTaken(key: RsaPublicKey, from: NodeId): void;
  /** Evidence that was asked for is not good enough, or of no use. */
  keyRefused(kid: string, from: NodeId, reason: string): void;
  /** A certificate is genuine; `from` is absent when this node's own call brought it. */
  certified(certificate: VerifiedCertificate, from: NodeId | undefined): void;
  /** One of the function that this one succeeds is. */
  certifiedEarlier(certificate: VerifiedCertificate): void;
  /** One waits for evidence of its key, for which its sender is about to be asked; the enclave may have it by now, when it is of this node's own function. */
  waits(from: NodeId, isOwn: boolean): void;
  /** One was refused; `kid` is the key of the enclave that answered with it. */
  refused(
    judgement: Extract<DocumentJudgement, { kind: "refused" }>,
    from: NodeId | undefined,
    kid: string | undefined,
  ): void;
}

interface Court extends Jurisdiction {
  readonly exchange: KeyExchange;
}

/** The courts of one node. */
export class Courts {
  readonly #shell: CourtsShell;
  readonly #own: Court;
  readonly #earlier?: Court;

  /** `earlier` is the function that this one succeeds, if it does. */
  constructor(own: Jurisdiction, earlier: Jurisdiction | undefined, shell: CourtsShell) {
    this.#shell = shell;
    this.#own = this.#open(own, earlier);
    if (earlier) this.#earlier = this.#open(earlier, undefined);
  }

  /** Whether this node knows the roster of the function that this one succeeds, because it attested that. */
  get canJudgePredecessor(): boolean {
    return this.#earlier?.desk.description?.kind === "roster";
  }

  /** Verifies a document and passes it on when it holds; whether it does. One that is `from` no member is the answer of the enclave that holds the key `kid`. */
  receive(
    document: CertificateDocument,
    from: NodeId | undefined,
    nowMs: number,
    kid?: string,
  ): boolean {
    const court = this.#courtFor(document);
    if (!court) return false;
    const isOwn = court === this.#own;
    const judgement = court.desk.judge(document, from);
    switch (judgement.kind) {
      case "genuine":
        if (isOwn) this.#shell.certified(judgement.certificate, from);
        else this.#shell.certifiedEarlier(judgement.certificate);
        return true;
      case "waits":
        this.#shell.waits(from!, isOwn);
        court.exchange.ask(from!, judgement.kid, nowMs);
        return false;
      case "refused":
        this.#shell.refused(judgement, from, kid);
        return false;
    }
  }

  /** Takes a message about keys; taking a key writes to the disk. */
  hearKey(sender: NodeId, message: KeyMessage, nowMs: number): void {
    this.#own.exchange.hear(sender, message, nowMs);
    // Questions are answered once, answers are to whoever asked.
    if (message.kind === "key") this.#earlier?.exchange.hear(sender, message, nowMs);
  }

  /** A key of this node's own function is known by now: what waited for it is judged. */
  judgeWaiting(nowMs: number): void {
    this.#judgeWaiting(this.#own.desk, nowMs);
  }

  #judgeWaiting(desk: CertificateDesk, nowMs: number): void {
    for (const [from, document] of desk.takeWaiting()) this.receive(document, from, nowMs);
  }

  /** Nobody but the enclave says what the predecessor's roster was, and whoever never asked it has nothing to judge by. */
  #courtFor(document: CertificateDocument): Court | undefined {
    const earlier = this.#earlier;
    if (!earlier || claimedChecksum(document) !== hex(earlier.domain.checksum)) return this.#own;
    return this.canJudgePredecessor ? earlier : undefined;
  }

  #open({ domain, desk }: Jurisdiction, before: Jurisdiction | undefined): Court {
    const shell = this.#shell;
    const exchange = new KeyExchange({
      desk: {
        keys: desk.keys,
        // A voter that missed the predecessor's end may miss a key of it.
        keyToPassOn: (kid) => desk.keyToPassOn(kid) ?? before?.desk.keyToPassOn(kid),
        admitPassedOn: (key, evidence) => desk.admitPassedOn(key, evidence),
      },
      judge: (jwk, evidence) => shell.judgeKey(jwk, evidence, domain),
      send: (to, message) => shell.send(to, message),
      taken: (key, from, nowMs) => {
        shell.keyTaken(key, from);
        this.#judgeWaiting(desk, nowMs);
      },
      refused: (kid, from, reason) => shell.keyRefused(kid, from, reason),
    });
    return { domain, desk, exchange };
  }
}
