/**
 * How evidence of enclave keys travels between nodes. An enclave that lost its key can show no evidence for it any more; the nodes that
 * attested it in time keep what it showed, and a node that was away meanwhile and is sent a certificate under that key asks whoever sent
 * it. What comes back is judged in full, as kept evidence at its own time (design §5): who passes it on need not be believed.
 *
 * Nothing is taken that was not asked for, and nothing is asked but for a certificate that waits. The node and the simulator run this
 * file. Pure: clocks and the judge of evidence come as arguments.
 */
import type { Evidence } from "../attestation/types.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";
import type { NodeId } from "../membership/types.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import type { CertificateDesk } from "./certificate_desk.ts";

/** Least time between two questions to one member, and between two answers to one, ms: an answer is judged at the cost of some signatures. */
const INTERVAL_MS = 250;
/** Members whose last question or answer is remembered: as many as can have a certificate waiting, several times over. */
const MEMBERS_MAX = 64;

/** What an exchange needs of its node. */
export interface KeyExchangeOptions {
  readonly desk: Pick<CertificateDesk, "keys" | "keyToPassOn" | "admitPassedOn">;
  /** Judges kept evidence in full: the key, when the evidence binds it under this very function; else what is wrong. */
  judge(jwk: RsaJwk, evidence: Evidence): RsaPublicKey | string;
  send(to: NodeId, message: KeyMessage): void;
  /** A key was taken: certificates that waited for it can be judged again. */
  taken(key: RsaPublicKey, from: NodeId, nowMs: number): void;
  /** Evidence that was asked for is not good enough, or of no use. */
  refused(kid: string, from: NodeId, reason: string): void;
}

interface Question {
  readonly kid: string;
  readonly atMs: number;
  /** Until it is answered. */
  readonly isOpen: boolean;
}

/** The exchange of one node. */
export class KeyExchange {
  readonly #options: KeyExchangeOptions;
  readonly #asked = new Map<NodeId, Question>();
  readonly #answeredMs = new Map<NodeId, number>();

  constructor(options: KeyExchangeOptions) {
    this.#options = options;
  }

  /** A member sent a certificate under a key that is not known here: it has evidence, or should not have accepted it. */
  ask(member: NodeId, kid: string, nowMs: number): void {
    const last = this.#asked.get(member);
    if (last && nowMs < last.atMs + INTERVAL_MS) return;
    remember(this.#asked, member, { kid, atMs: nowMs, isOpen: true });
    this.#options.send(member, { kind: "want-key", kid });
  }

  /** Takes a message; whoever sent it signed it. */
  hear(sender: NodeId, message: KeyMessage, nowMs: number): void {
    switch (message.kind) {
      case "want-key":
        return this.#answer(sender, message.kid, nowMs);
      case "key":
        return this.#judge(sender, message.jwk, message.evidence, nowMs);
      default:
        message satisfies never;
    }
  }

  #answer(member: NodeId, kid: string, nowMs: number): void {
    const known = this.#options.desk.keyToPassOn(kid);
    if (!known || nowMs < (this.#answeredMs.get(member) ?? -Infinity) + INTERVAL_MS) return;
    remember(this.#answeredMs, member, nowMs);
    const { key: { jwk }, evidence } = known;
    this.#options.send(member, { kind: "key", jwk, evidence });
  }

  #judge(sender: NodeId, jwk: RsaJwk, evidence: Evidence, nowMs: number): void {
    const { desk, judge, taken, refused } = this.#options;
    const asked = this.#asked.get(sender);
    // One answer to each question, so that judging costs no more than asking did.
    if (!asked?.isOpen) return;
    this.#asked.set(sender, { ...asked, isOpen: false });
    if (desk.keys.has(asked.kid)) return;
    const key = judge(jwk, evidence);
    if (typeof key === "string") return refused(asked.kid, sender, key);
    if (key.kid !== asked.kid) return refused(asked.kid, sender, `it is of the key ${key.kid}`);
    if (desk.admitPassedOn(key, evidence)) return taken(key, sender, nowMs);
    refused(asked.kid, sender, "no certificate that waits is genuine under it");
  }
}

/** The member that was there longest goes when there are too many. */
function remember<Value>(map: Map<NodeId, Value>, member: NodeId, value: Value): void {
  map.delete(member);
  if (map.size >= MEMBERS_MAX) map.delete(map.keys().next().value!);
  map.set(member, value);
}
