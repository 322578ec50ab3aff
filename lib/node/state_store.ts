/**
 * What a node remembers across restarts, in one SQLite file of its state folder: its identity key, its incarnation, its last vote and
 * highest certificate, the chain of certificates, the enclave keys that it verified and their evidence, and the members that it knew.
 *
 * SQLite because a vote must be on disk before it is sent, at once and whole: one synchronous transaction with `synchronous=FULL`
 * gives that, and `locking_mode=EXCLUSIVE` makes a second process in the same folder fail instead of voting twice. Votes and
 * certificates are kept by (checksum, cluster), so that another function starts its own history under the same identity.
 */
import { DatabaseSync } from "node:sqlite";
import { FumataError, messageOf } from "../base/errors.ts";
import { CHAIN_SCHEMA, ChainStore } from "./chain_store.ts";
import { generateIdentity, type Identity, identityFromPem } from "../crypto/ed25519.ts";
import { MEMBERS_MAX } from "../membership/limits.ts";
import type { AliveClaim, NodeId } from "../membership/types.ts";

/** Marks a database as ours: "fuma" in ASCII (SQLite's application_id). */
const APPLICATION_ID = 0x66756d61;
const SCHEMA_VERSION = 3;
const FILE_NAME = "node.db";
/** What else a node's folder holds: SQLite's journal, where the HTTP interface is, and its token. They say that there was a state. */
const COMPANION_NAMES: readonly string[] = [`${FILE_NAME}-journal`, "http.json", "http-token"];
/** States that were set aside stay beside it. */
const SET_ASIDE_PREFIX = "node.db.reset-";

const MEMBER_SCHEMA = "CREATE TABLE member (subject TEXT NOT NULL UNIQUE, claim BLOB NOT NULL);";

const SCHEMA = `
CREATE TABLE identity (pem TEXT NOT NULL, incarnation INTEGER NOT NULL, made_s INTEGER NOT NULL);
CREATE TABLE history (
  checksum TEXT NOT NULL, cluster TEXT NOT NULL,
  vote_term INTEGER, vote_digest TEXT, head TEXT, roster TEXT,
  PRIMARY KEY (checksum, cluster)
);
CREATE TABLE enclave_key (checksum TEXT NOT NULL, kid TEXT NOT NULL, jwk TEXT NOT NULL, tee TEXT NOT NULL, description TEXT NOT NULL, evidence TEXT, PRIMARY KEY (checksum, kid));
${MEMBER_SCHEMA}
${CHAIN_SCHEMA}
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Makes a state of version 1, which had neither chain nor evidence, one of version 2. */
const FROM_VERSION_1 = `
ALTER TABLE enclave_key ADD COLUMN evidence TEXT;
${CHAIN_SCHEMA}
PRAGMA user_version = 2;
`;

/** Makes a state of version 2 one of version 3: its key counts as made now, for when it was is not known; members have to be heard again. */
const FROM_VERSION_2 = `
ALTER TABLE identity ADD COLUMN made_s INTEGER NOT NULL DEFAULT 0;
UPDATE identity SET made_s = CAST(strftime('%s', 'now') AS INTEGER);
DROP TABLE member;
${MEMBER_SCHEMA}
PRAGMA user_version = 3;
`;

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

  private constructor(folder: string, database: DatabaseSync, identity: Identity) {
    this.folder = folder;
    this.#database = database;
    this.identity = identity;
    this.chain = new ChainStore(database, (work) => this.#transaction(work));
  }

  /** Opens or makes the state of a folder. `undefined` keeps everything in memory, for tests and throw-away nodes. */
  static open(folder: string | undefined): StateStore {
    const path = folder === undefined ? ":memory:" : prepareFolder(folder);
    const shown = folder ?? "memory";
    const database = openDatabase(path, shown);
    try {
      return new StateStore(shown, database, readIdentity(database, shown));
    } catch (thrown) {
      database.close();
      throw thrown instanceof FumataError ? thrown : openFailure(shown, thrown);
    }
  }

  /**
   * Sets the state of a folder aside, under names that no node reads, so that a new identity can start there; gives the new name of its
   * file, if there was one. No state is deleted. Throws a {@linkcode FumataError} while a node is running in it.
   */
  static reset(folder: string, wallNow: number): string | undefined {
    const path = `${folder}/${FILE_NAME}`;
    const stamp = new Date(wallNow).toISOString().replaceAll(/[^\dTZ]/g, "");
    const aside = `${folder}/${SET_ASIDE_PREFIX}${stamp}`;
    try {
      refuseRunning(path, folder);
      // The journal goes with its file: applied to another one it would damage that.
      renameIfThere(`${path}-journal`, `${aside}-journal`);
      for (const name of ["http.json", "http-token"]) removeIfThere(`${folder}/${name}`);
      return renameIfThere(path, aside) ? aside : undefined;
    } catch (thrown) {
      if (thrown instanceof FumataError) throw thrown;
      throw new FumataError(
        "failure",
        `Cannot reset the state folder "${folder}": ${diskWords(thrown)}`,
        { cause: thrown },
      );
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

  keys(checksum: string): StoredKey[] {
    const rows = this.#database
      .prepare(
        "SELECT kid, jwk, tee, description, evidence FROM enclave_key WHERE checksum = ?",
      ).all(checksum);
    return rows.map((row) => ({
      kid: String(row.kid),
      jwk: String(row.jwk),
      tee: String(row.tee),
      description: String(row.description),
      ...(row.evidence !== null && { evidence: String(row.evidence) }),
    }));
  }

  saveKey(checksum: string, key: StoredKey): void {
    this.#run(
      "INSERT OR REPLACE INTO enclave_key (checksum, kid, jwk, tee, description, evidence) VALUES (?, ?, ?, ?, ?, ?)",
      checksum,
      key.kid,
      key.jwk,
      key.tee,
      key.description,
      key.evidence ?? null,
    );
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
    this.#database.close();
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#transaction(() => this.#database.prepare(sql).run(...values));
  }

  #transaction(work: () => void): void {
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

function renameIfThere(from: string, to: string): boolean {
  try {
    Deno.renameSync(from, to);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/** A running node holds its file locked; a damaged one can't be locked at all, and that is no reason to keep it. */
function refuseRunning(path: string, folder: string): void {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true });
    database.exec("PRAGMA busy_timeout = 0");
    database.prepare("SELECT count(*) FROM sqlite_master").get();
  } catch (thrown) {
    const failure = openFailure(folder, thrown);
    if (failure.message.includes("another node is running")) throw failure;
  } finally {
    database?.close();
  }
}

function prepareFolder(folder: string): string {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name)
      .filter((name) => !name.startsWith(SET_ASIDE_PREFIX));
    if (names.length > 0 && !names.includes(FILE_NAME)) {
      if (names.every((name) => COMPANION_NAMES.includes(name))) {
        throw new FumataError(
          "failure",
          `Cannot use the state folder "${folder}": its ${FILE_NAME} is lost, and with it the node's ` +
            "identity and votes; --reset-state goes on as a new node",
        );
      }
      throw new FumataError(
        "failure",
        `Cannot use the state folder "${folder}": it holds other files (${names[0]}, …) and no ` +
          `${FILE_NAME}; name an empty or a new folder with --state`,
      );
    }
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError(
      "failure",
      `Cannot use the state folder "${folder}": ${diskWords(thrown)}; name another with --state`,
      { cause: thrown },
    );
  }
  return `${folder}/${FILE_NAME}`;
}

function openDatabase(path: string, folder: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE");
    database.exec("PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT");
    const version = pragma(database, "user_version");
    if (version === 0 && isEmpty(database)) {
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
      if (path !== ":memory:") Deno.chmodSync(path, 0o600);
    } else if (pragma(database, "application_id") !== APPLICATION_ID) {
      throw new FumataError(
        "failure",
        `Cannot use the state folder "${folder}": its ${FILE_NAME} is not a node's; ` +
          "name another folder with --state",
      );
    } else if (version === 1 || version === 2) {
      const steps = version === 1 ? FROM_VERSION_1 + FROM_VERSION_2 : FROM_VERSION_2;
      database.exec(`BEGIN IMMEDIATE; ${steps} COMMIT`);
    } else if (version !== SCHEMA_VERSION) {
      throw new FumataError(
        "failure",
        `Cannot use the state folder "${folder}": its format is ${version}, this fumata writes ` +
          `${SCHEMA_VERSION}; use the version that wrote it, or another folder with --state`,
      );
    }
    return database;
  } catch (thrown) {
    database?.close();
    throw thrown instanceof FumataError ? thrown : openFailure(folder, thrown);
  }
}

function openFailure(folder: string, thrown: unknown): FumataError {
  const text = messageOf(thrown);
  if (/locked|busy/i.test(text)) {
    return new FumataError(
      "failure",
      `Cannot use the state folder "${folder}": another node is running in it; ` +
        "stop that one or name another folder with --state",
    );
  }
  if (/not a database|malformed|corrupt/i.test(text)) {
    return new FumataError(
      "failure",
      `Cannot use the state folder "${folder}": ${FILE_NAME} is damaged (${text}); with it the ` +
        "node's identity is lost: --reset-state sets it aside and goes on as a new node",
    );
  }
  return new FumataError(
    "failure",
    `Cannot use the state folder "${folder}": ${diskWords(thrown)}; name another with --state`,
    { cause: thrown },
  );
}

function readIdentity(database: DatabaseSync, folder: string): Identity {
  const row = database.prepare("SELECT pem FROM identity").get();
  if (row) {
    const identity = identityFromPem(String(row.pem));
    if (identity) return identity;
    throw new FumataError(
      "failure",
      `Cannot use the state folder "${folder}": its identity key is damaged; ` +
        "--reset-state sets it aside and goes on as a new node",
    );
  }
  const identity = generateIdentity();
  database.prepare("INSERT INTO identity (pem, incarnation, made_s) VALUES (?, -1, ?)")
    .run(identity.exportPem(), Math.floor(Date.now() / 1000));
  return identity;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master LIMIT 1").get() === undefined;
}

function diskWords(thrown: unknown): string {
  const text = messageOf(thrown);
  if (/disk is full|os error 28|ENOSPC/i.test(text)) return "the disk is full";
  if (/readonly|read-only|EROFS/i.test(text)) return "the disk or file is read-only";
  if (/os error 13|denied|unable to open/i.test(text)) return `no permission (${text})`;
  return text;
}
