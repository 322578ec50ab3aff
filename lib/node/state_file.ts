/**
 * The file of a node's state: the folder around it, its form, and how it is opened, brought up to date and locked.
 *
 * SQLite because a vote must be on disk before it is sent, at once and whole: one synchronous transaction with `synchronous=FULL`
 * gives that, and `locking_mode=EXCLUSIVE` makes a second process in the same folder fail instead of voting twice. Its write-ahead log needs
 * one sync a transaction where a rollback journal needs four, and syncs are most of the time that an election takes.
 *
 * The log of a process that was killed holds its last votes, so the file without it would be an older state, as a rolled-back folder is:
 * `session` says that the file is in use, and then the log has to be there.
 */
import { DatabaseSync } from "node:sqlite";
import { FumataError, messageOf } from "../base/errors.ts";
import { CHAIN_SCHEMA } from "./chain_store.ts";
import { generateIdentity, type Identity, identityFromPem } from "../crypto/ed25519.ts";

/** Marks a database as ours: "fuma" in ASCII (SQLite's application_id). */
const APPLICATION_ID = 0x66756d61;
const SCHEMA_VERSION = 4;
/** The file in a state folder. */
export const FILE_NAME = "node.db";
/** What SQLite keeps beside its file: the write-ahead log and its index, the journal of earlier formats; they belong to it. */
export const LOG_SUFFIXES: readonly string[] = ["-wal", "-shm", "-journal"];
/** What else a node's folder holds: SQLite's logs, where the HTTP interface is, and its token. They say that there was a state. */
const COMPANION_NAMES: readonly string[] = [
  ...LOG_SUFFIXES.map((suffix) => FILE_NAME + suffix),
  "http.json",
  "http-token",
];
/** States that were set aside stay beside it. */
export const SET_ASIDE_PREFIX = "node.db.reset-";

/** Whether a process has the file open, or was killed while it had. */
const SESSION_SCHEMA =
  "CREATE TABLE session (is_open INTEGER NOT NULL); INSERT INTO session VALUES (0);";
const MEMBER_SCHEMA = "CREATE TABLE member (subject TEXT NOT NULL UNIQUE, claim BLOB NOT NULL);";

const SCHEMA = `
CREATE TABLE identity (pem TEXT NOT NULL, incarnation INTEGER NOT NULL, made_s INTEGER NOT NULL);
CREATE TABLE history (
  checksum TEXT NOT NULL, cluster TEXT NOT NULL,
  vote_term INTEGER, vote_digest TEXT, head TEXT, roster TEXT,
  PRIMARY KEY (checksum, cluster)
);
CREATE TABLE enclave_key (checksum TEXT NOT NULL, kid TEXT NOT NULL, jwk TEXT NOT NULL, tee TEXT NOT NULL, description TEXT NOT NULL, evidence TEXT, PRIMARY KEY (checksum, kid));
${SESSION_SCHEMA}
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

/** Makes a state of version 3, which had a rollback journal, one of version 4. */
const FROM_VERSION_3 = `
${SESSION_SCHEMA}
PRAGMA user_version = 4;
`;

/** From the version of the same place, counted from 1, to the next. */
const CONVERSIONS: readonly string[] = [FROM_VERSION_1, FROM_VERSION_2, FROM_VERSION_3];

/** Opens or makes the file of a folder; `undefined` is a database in memory. `shown` is the folder in messages. Throws a {@linkcode FumataError}. */
export function openStateFile(folder: string | undefined, shown: string): DatabaseSync {
  return openDatabase(folder === undefined ? undefined : prepareFolder(folder), shown);
}

/** Closes it, so that everything is in the one file. */
export function closeStateFile(database: DatabaseSync): void {
  try {
    database.exec("UPDATE session SET is_open = 0");
  } catch { /* a full or damaged disk: then the log stays, and is read when it is opened next */ }
  database.close();
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

function openDatabase(path: string | undefined, folder: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    const hasLog = path !== undefined && isThere(`${path}-wal`);
    // The log gets the permissions of the file, so they are right before anything is in it.
    if (path !== undefined) {
      Deno.openSync(path, { append: true, create: true, mode: 0o600 }).close();
    }
    database = new DatabaseSync(path ?? ":memory:");
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL");
    database.exec("BEGIN EXCLUSIVE; COMMIT");
    const version = pragma(database, "user_version");
    if (version === 0 && isEmpty(database)) {
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    } else if (pragma(database, "application_id") !== APPLICATION_ID) {
      throw new FumataError(
        "failure",
        `Cannot use the state folder "${folder}": its ${FILE_NAME} is not a node's; ` +
          "name another folder with --state",
      );
    } else if (version >= 1 && version < SCHEMA_VERSION) {
      const steps = CONVERSIONS.slice(version - 1).join("");
      database.exec(`BEGIN IMMEDIATE; ${steps} COMMIT`);
    } else if (version !== SCHEMA_VERSION) {
      throw new FumataError(
        "failure",
        `Cannot use the state folder "${folder}": its format is ${version}, this fumata writes ` +
          `${SCHEMA_VERSION}; use the version that wrote it, or another folder with --state`,
      );
    }
    beginSession(database, hasLog, folder);
    return database;
  } catch (thrown) {
    database?.close();
    throw thrown instanceof FumataError ? thrown : openFailure(folder, thrown);
  }
}

/** From here on the log is needed: that is in the file itself before anything is saved. */
function beginSession(database: DatabaseSync, hasLog: boolean, folder: string): void {
  const isOpen = database.prepare("SELECT is_open FROM session").get()?.is_open === 1;
  if (isOpen && !hasLog) {
    throw new FumataError(
      "failure",
      `Cannot use the state folder "${folder}": its ${FILE_NAME}-wal is lost, which held the last votes ` +
        "of a node that was killed; put it back, or --reset-state goes on as a new node",
    );
  }
  database.exec("PRAGMA journal_mode = WAL; UPDATE session SET is_open = 1");
  database.exec("PRAGMA wal_checkpoint(FULL)");
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** Why a state folder cannot be opened, in words for people. */
export function openFailure(folder: string, thrown: unknown): FumataError {
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

/** The identity in the file; a new one when there is none. Throws a {@linkcode FumataError} for a damaged one. */
export function readIdentity(database: DatabaseSync, folder: string): Identity {
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

/** What a disk or SQLite refused, in words for people. */
export function diskWords(thrown: unknown): string {
  const text = messageOf(thrown);
  if (/disk is full|os error 28|ENOSPC/i.test(text)) return "the disk is full";
  if (/readonly|read-only|EROFS/i.test(text)) return "the disk or file is read-only";
  if (/os error 13|denied|unable to open/i.test(text)) return `no permission (${text})`;
  return text;
}
