/**
 * A resource that obeys the leader and nobody else: a table in SQLite that takes a row only together with an election certificate whose term is
 * not lower than any that it has seen. A leader that was paused and wakes up with an old certificate is refused, however sure it is
 * that it still leads (Kleppmann, "How to do distributed locking", 2016, section "Making the lock safe with fencing").
 *
 * The term is compared, remembered and the row written in one transaction: between them nothing can come.
 */
import { DatabaseSync } from "node:sqlite";
import {
  fenceFault,
  verifyCertificate,
} from "../../../lib/certificate/standalone/fumata_verify.js";

/** What the ledger must know from somewhere that it trusts: never from who writes to it. */
export interface Pins {
  /** Checksum of the election function, 64 hex digits. */
  readonly checksum: string;
  /** The package's `cluster.json`, byte for byte. */
  readonly clusterJson: string;
  /** Public keys of the enclave, as JWK. */
  readonly keys: readonly object[];
}

/** What was remembered last, as the table has it. */
type Stored = Parameters<typeof fenceFault>[1];

/** The ledger in one file. */
export class FencedLedger implements Disposable {
  readonly #database: DatabaseSync;
  readonly #pins: Pins;

  constructor(path: string, pins: Pins) {
    this.#database = new DatabaseSync(path);
    this.#pins = pins;
    // A term that was obeyed has to be on disk before the answer is out.
    this.#database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS fence (
        only INTEGER PRIMARY KEY CHECK (only = 1), cluster TEXT, term INTEGER, id TEXT);
      CREATE TABLE IF NOT EXISTS entries (
        number INTEGER PRIMARY KEY, term INTEGER NOT NULL, leader TEXT NOT NULL, text TEXT NOT NULL);
    `);
  }

  /** Writes a row, or says in one line why not. `document` is what a node's `GET /v1/certificate` answers. */
  async write(document: unknown, text: string): Promise<string | undefined> {
    const verdict = await verifyCertificate(document, this.#pins);
    if (!verdict.ok) return verdict.failures.map(({ message }) => message).join("; ");
    const { cluster, term, id, leaderName } = verdict.certificate;
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const stored = this.#database.prepare("SELECT cluster, term, id FROM fence").get() as Stored;
      const fault = fenceFault(verdict.certificate, stored);
      if (fault === undefined) {
        this.#database.prepare("REPLACE INTO fence VALUES (1, ?, ?, ?)").run(cluster, term, id);
        this.#database.prepare("INSERT INTO entries (term, leader, text) VALUES (?, ?, ?)")
          .run(term, leaderName, text);
      }
      this.#database.exec("COMMIT");
      return fault;
    } catch (thrown) {
      this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  /** All rows, oldest first. */
  entries(): { term: number; leader: string; text: string }[] {
    return this.#database.prepare("SELECT term, leader, text FROM entries ORDER BY number").all()
      .map(({ term, leader, text }) => ({
        term: Number(term),
        leader: String(leader),
        text: String(text),
      }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
