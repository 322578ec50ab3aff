/**
 * The chain of a cluster's certificates in the state database: what `fumata audit` walks. Beside the election's memory, which holds only the
 * highest certificate: nothing that a vote depends on is here, so a lost entry costs an auditor and nobody else.
 */
import type { DatabaseSync } from "node:sqlite";
import type { CertificateDocument, Digest, VerifiedCertificate } from "../certificate/types.ts";

/** Its table. `bytes` stands before the document, so that adding them up reads no documents. */
export const CHAIN_SCHEMA = `
CREATE TABLE chain (
  cluster TEXT NOT NULL, id TEXT NOT NULL, checksum TEXT NOT NULL, term INTEGER NOT NULL, prev TEXT NOT NULL, kid TEXT NOT NULL,
  bytes INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (cluster, id)
);`;

/**
 * Most bytes of documents of one cluster; the oldest go first. Half of what `fumata audit` reads from a file, so that keys and evidence have
 * the other half: some 2,500 elections of five voters, three months of one an hour. Whoever audits more seldom keeps copies.
 */
export const CHAIN_BYTES_MAX = 8 * 1024 * 1024;

/** A certificate of the chain. */
export interface StoredCertificate {
  /** Hex, of the function that issued it. */
  readonly checksum: string;
  readonly id: Digest;
  readonly term: number;
  readonly prev: Digest;
  readonly kid: string;
  /** JSON of the document. */
  readonly text: string;
}

/** What the keeper of a chain needs of it. */
export type ChainTable = Pick<ChainStore, "save" | "has" | "get" | "gaps">;

/** The chains in one database. */
export class ChainStore {
  readonly #database: DatabaseSync;
  readonly #run: (work: () => void) => void;
  readonly #bytesMax: number;
  #version = 0;

  /** `transaction` runs work whole or not at all; `bytesMax` is for tests. */
  constructor(
    database: DatabaseSync,
    transaction: (work: () => void) => void,
    bytesMax = CHAIN_BYTES_MAX,
  ) {
    this.#database = database;
    this.#run = transaction;
    this.#bytesMax = bytesMax;
  }

  /** Grows with every change, within this run. */
  get version(): number {
    return this.#version;
  }

  /** Keeps a verified certificate, on disk when this returns, and drops the oldest ones when there are too many bytes. */
  save(checksum: string, cluster: string, certificate: VerifiedCertificate): void {
    const { id, term, prev, kid } = certificate;
    const document = JSON.stringify(certificate.document);
    this.#version++;
    this.#run(() => {
      this.#database.prepare(
        "INSERT OR IGNORE INTO chain (cluster, id, checksum, term, prev, kid, bytes, document) " +
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ).run(cluster, id, checksum, term, prev, kid, document.length, document);
      this.#prune(cluster);
    });
  }

  has(cluster: string, id: Digest): boolean {
    return this.#database.prepare("SELECT 1 FROM chain WHERE cluster = ? AND id = ?")
      .get(cluster, id) !== undefined;
  }

  get(cluster: string, id: Digest): CertificateDocument | undefined {
    const row = this.#database
      .prepare("SELECT document FROM chain WHERE cluster = ? AND id = ?").get(cluster, id);
    return row && JSON.parse(String(row.document));
  }

  /** What is followed by a certificate of this function and is not there, newest first. */
  gaps(checksum: string, cluster: string): Digest[] {
    return this.#database.prepare(
      "SELECT DISTINCT prev FROM chain WHERE cluster = ?1 AND checksum = ?2 " +
        "AND prev NOT IN (SELECT id FROM chain WHERE cluster = ?1) ORDER BY term DESC",
    ).all(cluster, checksum).map((row) => String(row.prev));
  }

  /** All of a cluster, through its successions, oldest first. */
  all(cluster: string): StoredCertificate[] {
    return this.#database.prepare("SELECT * FROM chain WHERE cluster = ? ORDER BY term").all(
      cluster,
    ).map((row) => ({
      checksum: String(row.checksum),
      id: String(row.id),
      term: Number(row.term),
      prev: String(row.prev),
      kid: String(row.kid),
      text: String(row.document),
    }));
  }

  #prune(cluster: string): void {
    const total = this.#database.prepare("SELECT sum(bytes) AS bytes FROM chain WHERE cluster = ?");
    const oldest = this.#database.prepare(
      "DELETE FROM chain WHERE cluster = ?1 AND id = (SELECT id FROM chain WHERE cluster = ?1 ORDER BY term LIMIT 1)",
    );
    while (Number(total.get(cluster)?.bytes ?? 0) > this.#bytesMax) oldest.run(cluster);
  }
}
