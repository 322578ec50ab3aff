/**
 * What a node remembers across restarts, in one SQLite file of its state folder: its identity key, its incarnation, its last vote and
 * highest certificate, the chain of certificates, the enclave keys that it verified and their evidence, and the members that it knew.
 *
 * Each save is one synchronous transaction (`state_file.ts`). Votes and certificates are kept by (checksum, cluster), so that another
 * function starts its own history under the same identity.
 */
import type { DatabaseSync } from "node:sqlite";
import { FumataError } from "../base/errors.ts";
import { ChainStore } from "./chain_store.ts";
import type { Identity } from "../crypto/ed25519.ts";
import { MEMBERS_MAX } from "../membership/limits.ts";
import type { AliveClaim, NodeId } from "../membership/types.ts";
import {
  closeStateFile,
  diskWords,
  openFailure,
  openStateFile,
  readIdentity,
} from "./state_file.ts";

/** What one function and cluster left behind. */
export interface History {
  readonly lastVote?: { readonly term: number; readonly digest: string };
  /** JSON of the highest certificate's document. */
  readonly head?: string;
}

/** An enclave key whose evidence this node verified earlier. */
export interface StoredKey {
  readonly kid: string;
  /** JSON of the public JWK. */
  readonly jwk: string;
  /** The TEE whose evidence binds it. */
  readonly tee: string;
  /** What the function said of itself, JSON. */
  readonly description: string;
  /** The evidence, as an envelope (JSON); absent when the key is from a state that did not keep it. */
  readonly evidence?: string;
}

/** The opened state of one node. Every `save` is on disk when it returns, and throws when it is not. */
export class StateStore implements Disposable {
  readonly identity: Identity;
  readonly folder: string;
  /** The certificates of roster clusters. */
  readonly chain: ChainStore;
  readonly #database: DatabaseSync;
  #keysVersion = 0;

  private constructor(folder: string, database: DatabaseSync, identity: Identity) {
    this.folder = folder;
    this.#database = database;
    this.identity = identity;
    this.chain = new ChainStore(database, (work) => this.#transaction(work));
  }

  /** Opens or makes the state of a folder. `undefined` keeps everything in memory, for tests and throw-away nodes. */
  static open(folder: string | undefined): StateStore {
    const shown = folder ?? "memory";
    const database = openStateFile(folder, shown);
    try {
      return new StateStore(shown, database, readIdentity(database, shown));
    } catch (thrown) {
      closeStateFile(database);
      throw thrown instanceof FumataError ? thrown : openFailure(shown, thrown);
    }
  }

  /** The incarnation that was stored last, -1 for a new identity; the next one must be greater. */
  get incarnation(): number {
    const row = this.#database.prepare("SELECT incarnation FROM identity").get();
    return Number(row?.incarnation ?? -1);
  }

  saveIncarnation(incarnation: number): void {
    this.#run("UPDATE identity SET incarnation = ?", incarnation);
  }

  history(checksum: string, cluster: string): History {
    const row = this.#database
      .prepare(
        "SELECT vote_term, vote_digest, head FROM history WHERE checksum = ? AND cluster = ?",
      )
      .get(checksum, cluster);
    if (!row) return {};
    const lastVote = row.vote_term === null
      ? undefined
      : { term: Number(row.vote_term), digest: String(row.vote_digest) };
    return { lastVote, head: row.head === null ? undefined : String(row.head) };
  }

  saveVote(checksum: string, cluster: string, term: number, digest: string): void {
    this.#run(
      `INSERT INTO history (checksum, cluster, vote_term, vote_digest) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET vote_term = excluded.vote_term, vote_digest = excluded.vote_digest`,
      checksum,
      cluster,
      term,
      digest,
    );
  }

  saveHead(checksum: string, cluster: string, head: string): void {
    this.#run(
      `INSERT INTO history (checksum, cluster, head) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET head = excluded.head`,
      checksum,
      cluster,
      head,
    );
  }

  /** What the elections of rosters of this cluster are to remember, JSON, by function. */
  rosters(cluster: string): { readonly checksum: string; readonly memory: string }[] {
    return this.#database
      .prepare("SELECT checksum, roster FROM history WHERE cluster = ? AND roster IS NOT NULL")
      .all(cluster)
      .map((row) => ({ checksum: String(row.checksum), memory: String(row.roster) }));
  }

  /** Whole or not at all. */
  saveRoster(checksum: string, cluster: string, memory: string): void {
    this.#run(
      `INSERT INTO history (checksum, cluster, roster) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET roster = excluded.roster`,
      checksum,
      cluster,
      memory,
    );
  }

  /** Grows with every change of the keys, within this run. */
  get keysVersion(): number {
    return this.#keysVersion;
  }

  /** The enclave keys of a function; the one saved last comes last. */
  keys(checksum: string): StoredKey[] {
    const rows = this.#database
      .prepare(
        "SELECT kid, jwk, tee, description, evidence FROM enclave_key WHERE checksum = ? ORDER BY rowid",
      ).all(checksum);
    return rows.map((row) => ({
      kid: String(row.kid),
      jwk: String(row.jwk),
      tee: String(row.tee),
      description: String(row.description),
      ...(row.evidence !== null && { evidence: String(row.evidence) }),
    }));
  }

  /** Saves a key as the latest one, and forgets the `outdated` ones (kids) of the same function. */
  saveKey(checksum: string, key: StoredKey, outdated: readonly string[] = []): void {
    this.#keysVersion++;
    this.#transaction(() => {
      this.#run(
        "INSERT OR REPLACE INTO enclave_key (checksum, kid, jwk, tee, description, evidence) VALUES (?, ?, ?, ?, ?, ?)",
        checksum,
        key.kid,
        key.jwk,
        key.tee,
        key.description,
        key.evidence ?? null,
      );
      for (const kid of outdated) {
        this.#run("DELETE FROM enclave_key WHERE checksum = ? AND kid = ?", checksum, kid);
      }
    });
  }

  /** When the identity was made, whole seconds since 1970 by the clock of then. */
  get keyMadeS(): number {
    return Number(this.#database.prepare("SELECT made_s FROM identity").get()?.made_s);
  }

  /** Signed alive claims of the members that were known, as they travel; the last written first. */
  memberClaims(): Uint8Array[] {
    return this.#database.prepare("SELECT claim FROM member ORDER BY rowid DESC").all()
      .map((row) => row.claim as Uint8Array);
  }

  /** Remembers these claims and forgets those subjects. Of more than {@linkcode MEMBERS_MAX} the ones written longest ago go. */
  saveMembers(claims: readonly AliveClaim[], gone: readonly NodeId[]): void {
    this.#transaction(() => {
      const forget = this.#database.prepare("DELETE FROM member WHERE subject = ?");
      for (const subject of gone) forget.run(subject);
      const save = this.#database.prepare("INSERT OR REPLACE INTO member VALUES (?, ?)");
      for (const { subject, encoded } of claims) save.run(subject, encoded);
      this.#database.prepare(
        "DELETE FROM member WHERE rowid IN (SELECT rowid FROM member ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
      ).run(MEMBERS_MAX);
    });
  }

  [Symbol.dispose](): void {
    closeStateFile(this.#database);
  }

  /** Saves what the work saves in one transaction: whole or not at all, and for the price of one. */
  atOnce(work: () => void): void {
    this.#transaction(work);
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#transaction(() => this.#database.prepare(sql).run(...values));
  }

  #transaction(work: () => void): void {
    if (this.#database.isTransaction) return work();
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      work();
      this.#database.exec("COMMIT");
    } catch (thrown) {
      try {
        this.#database.exec("ROLLBACK");
      } catch { /* the transaction is gone already */ }
      throw new FumataError(
        "failure",
        `Cannot save to the state folder "${this.folder}": ${diskWords(thrown)}; ` +
          "a node that cannot remember its votes must not vote, so it stops",
        { cause: thrown },
      );
    }
  }
}
