/**
 * Keeps a roster's chain whole. A node that was away learns only the highest certificate; what that follows, and what that one follows, it
 * asks of the other voters by id, one at a time and at a bounded rate, until it arrives at what it has or at the beginning. Everything
 * that it keeps was verified in full, so it matters nothing who answers.
 */
import type { CertificateDocument, Digest, VerifiedCertificate } from "../certificate/types.ts";
import { CatchUp } from "../election/roster/catch_up.ts";
import type { NodeId } from "../membership/types.ts";
import type { ChainTable } from "./chain_store.ts";

/** How often each other voter is asked for one certificate before it is given up until the next one comes: it may be nowhere any more. */
const ROUNDS_MAX = 3;

/** The keeper of one node. */
export class ChainKeeper {
  readonly #store: ChainTable;
  readonly #checksum: string;
  readonly #cluster: string;
  readonly #others: readonly NodeId[];
  /** What the first certificate follows: nothing is there before it. */
  readonly #origin: Digest;
  readonly #catchUp: CatchUp;
  readonly #intervalMs: number;
  #wanted?: Digest;
  #asked = 0;
  #nextAskMs = -Infinity;

  /** `checksum` in hex; `intervalMs` is the least time between two questions, and between two answers to one member. */
  constructor(options: {
    readonly store: ChainTable;
    readonly checksum: string;
    readonly cluster: string;
    readonly others: readonly NodeId[];
    readonly origin: Digest;
    readonly intervalMs: number;
  }) {
    this.#store = options.store;
    this.#checksum = options.checksum;
    this.#cluster = options.cluster;
    this.#others = options.others;
    this.#origin = options.origin;
    this.#intervalMs = options.intervalMs;
    this.#catchUp = new CatchUp(options.intervalMs);
    this.#look();
  }

  /** A certificate that was verified just now, of this function or, by its `checksum`, of an earlier one; whether it was not there before. */
  keep(certificate: VerifiedCertificate, checksum = this.#checksum): boolean {
    if (this.#store.has(this.#cluster, certificate.id)) return false;
    this.#store.save(checksum, this.#cluster, certificate);
    // One that went at once, because it is older than what there is room for, leads no further.
    if (this.#store.has(this.#cluster, certificate.id)) this.#look();
    else this.#wanted = undefined;
    return true;
  }

  /** Whom to ask for what now, if anything is missing and it is time. */
  question(nowMs: number): { readonly to: NodeId; readonly id: Digest } | undefined {
    const { length } = this.#others;
    if (this.#wanted === undefined || nowMs < this.#nextAskMs) return undefined;
    if (this.#asked >= ROUNDS_MAX * length) return undefined;
    this.#nextAskMs = nowMs + this.#intervalMs;
    return { to: this.#others[this.#asked++ % length], id: this.#wanted };
  }

  /** The certificate that a member asks for, if it is kept here and that member has not asked too often. */
  answer(member: NodeId, id: Digest, nowMs: number): CertificateDocument | undefined {
    const document = this.#store.get(this.#cluster, id);
    return document && this.#catchUp.mayAnswer(member, nowMs) ? document : undefined;
  }

  #look(): void {
    this.#wanted = this.#store.gaps(this.#checksum, this.#cluster)
      .find((id) => id !== this.#origin);
    this.#asked = 0;
  }
}
