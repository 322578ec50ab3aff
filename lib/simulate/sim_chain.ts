/** The chain of certificates in the folder of a simulated node; what the real one keeps in a table (`lib/node/chain_store.ts`), without its limit. */
import type { CertificateDocument, Digest, VerifiedCertificate } from "../certificate/types.ts";
import type { ChainTable } from "../node/chain_store.ts";

interface Kept {
  readonly checksum: string;
  readonly term: number;
  readonly prev: Digest;
  readonly document: CertificateDocument;
}

/** The table; all nodes of a run are of one cluster. */
export class SimChain implements ChainTable {
  readonly #kept = new Map<Digest, Kept>();

  save(checksum: string, _cluster: string, certificate: VerifiedCertificate): void {
    const { id, term, prev, document } = certificate;
    if (!this.#kept.has(id)) this.#kept.set(id, { checksum, term, prev, document });
  }

  has(_cluster: string, id: Digest): boolean {
    return this.#kept.has(id);
  }

  get(_cluster: string, id: Digest): CertificateDocument | undefined {
    return this.#kept.get(id)?.document;
  }

  gaps(checksum: string, _cluster: string): Digest[] {
    const missed = [...this.#kept.values()]
      .filter((kept) => kept.checksum === checksum && !this.#kept.has(kept.prev))
      .sort((a, b) => b.term - a.term);
    return [...new Set(missed.map(({ prev }) => prev))];
  }
}
