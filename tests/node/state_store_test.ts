import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { DatabaseSync } from "node:sqlite";
import { MEMBERS_MAX } from "../../lib/membership/limits.ts";
import type { AliveClaim } from "../../lib/membership/types.ts";
import { closeStateFile, openStateFile } from "../../lib/node/state_file.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { resetStateFolder } from "../../lib/node/state_reset.ts";

/** A claim as the store sees it; what is encoded is not its business. */
function claimOf(subject: string, byte: number): AliveClaim {
  const address = { host: "h", port: 1 };
  const facts = { incarnation: 0, address, name: "n", tags: {}, keyMadeS: 0 };
  const [publicKey, encoded] = [new Uint8Array(32), Uint8Array.of(byte)];
  return { type: "alive", subject, publicKey, ...facts, encoded };
}

async function inFolder(work: (folder: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    work(`${folder}/state`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a node keeps its identity, votes, head and keys across restarts", () =>
  inFolder((folder) => {
    let id: string;
    {
      using store = StateStore.open(folder);
      id = store.identity.id;
      store.saveIncarnation(7);
      store.saveVote("c", "k", 3, "D3");
      store.saveHead("c", "k", "{}");
      store.saveVote("c", "k", 4, "D4");
      store.saveHead("c", "k", "{}");
      store.saveKey("c", { kid: "K", jwk: "{}", tee: "nitro", description: "{}" });
      store.saveMembers([claimOf("a", 1), claimOf("b", 2), claimOf("c", 3)], []);
      store.saveMembers([claimOf("a", 4)], ["b", "nobody"]);
    }
    using store = StateStore.open(folder);
    strictEqual(store.identity.id, id);
    strictEqual(store.incarnation, 7);
    deepStrictEqual(store.history("c", "k"), {
      lastVote: { term: 4, digest: "D4" },
      head: "{}",
    });
    deepStrictEqual(store.history("other", "k"), {});
    deepStrictEqual(store.keys("c"), [{ kid: "K", jwk: "{}", tee: "nitro", description: "{}" }]);
    deepStrictEqual(store.memberClaims(), [Uint8Array.of(4), Uint8Array.of(3)]);
    strictEqual(Deno.statSync(`${folder}/node.db`).mode! & 0o777, 0o600);
  }));

Deno.test("what is saved is waited for until the disk has it", () =>
  inFolder((folder) => {
    const database = openStateFile(folder, folder);
    // 2 is FULL: the promises and votes that were stored before a power cut bind after it.
    strictEqual(Number(database.prepare("PRAGMA synchronous").get()?.synchronous), 2);
    closeStateFile(database);
  }));

Deno.test("no more members are remembered than a view holds, and the ones written last", () => {
  using store = StateStore.open(undefined);
  const claims = Array.from({ length: MEMBERS_MAX + 5 }, (_, i) => claimOf(`m${i}`, i % 256));
  store.saveMembers(claims, []);
  const kept = store.memberClaims();
  strictEqual(kept.length, MEMBERS_MAX);
  deepStrictEqual(kept[0], claims[claims.length - 1].encoded);
});

Deno.test("the age of the key is kept across restarts", () =>
  inFolder((folder) => {
    const before = Math.floor(Date.now() / 1000);
    let madeS: number;
    {
      using store = StateStore.open(folder);
      madeS = store.keyMadeS;
      ok(madeS >= before && madeS <= Date.now() / 1000);
    }
    const database = new DatabaseSync(`${folder}/node.db`);
    database.exec("UPDATE identity SET made_s = made_s - 1000");
    database.close();
    using store = StateStore.open(folder);
    strictEqual(store.keyMadeS, madeS - 1000);
  }));

Deno.test("a second node in the same folder is refused", () =>
  inFolder((folder) => {
    using _first = StateStore.open(folder);
    throws(() => StateStore.open(folder), /another node is running in it/);
  }));

Deno.test("a folder with other files is refused and left alone", () =>
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/thesis.txt`, "x");
    throws(() => StateStore.open(folder), /it holds other files \(thesis.txt/);
    deepStrictEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["thesis.txt"]);
  }));

Deno.test("somebody else's database is refused", () =>
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    const other = new DatabaseSync(`${folder}/node.db`);
    other.exec("CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1");
    other.close();
    throws(() => StateStore.open(folder), /is not a node's/);
  }));

Deno.test("a file that is damaged behind an intact head is refused with what to do", () =>
  inFolder((folder) => {
    StateStore.open(folder)[Symbol.dispose]();
    const bytes = Deno.readFileSync(`${folder}/node.db`);
    Deno.writeFileSync(`${folder}/node.db`, bytes.fill(0xff, 4096));
    throws(() => StateStore.open(folder), /is damaged .* --reset-state sets it aside/);
  }));

Deno.test("a damaged file is refused with what to do", () =>
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    Deno.writeFileSync(`${folder}/node.db`, crypto.getRandomValues(new Uint8Array(4096)));
    throws(() => StateStore.open(folder), /is damaged .* --reset-state sets it aside/);
  }));

Deno.test("a state of the format before keeps its identity, whose key counts as made when it was converted", () =>
  inFolder((folder) => {
    let id: string;
    {
      using store = StateStore.open(folder);
      id = store.identity.id;
      store.saveIncarnation(3);
    }
    const old = new DatabaseSync(`${folder}/node.db`);
    old.exec("ALTER TABLE identity DROP COLUMN made_s; DROP TABLE member; DROP TABLE session");
    old.exec("CREATE TABLE member (claim BLOB NOT NULL); PRAGMA user_version = 2");
    old.close();
    const before = Math.floor(Date.now() / 1000);
    using store = StateStore.open(folder);
    strictEqual(store.identity.id, id);
    strictEqual(store.incarnation, 3);
    ok(store.keyMadeS >= before);
    store.saveMembers([claimOf("a", 1)], []);
  }));

Deno.test("a state of a later format is refused", () =>
  inFolder((folder) => {
    StateStore.open(folder)[Symbol.dispose]();
    const later = new DatabaseSync(`${folder}/node.db`);
    later.exec("PRAGMA user_version = 99");
    later.close();
    throws(() => StateStore.open(folder), /its format is 99, this fumata writes 4/);
  }));

Deno.test("a folder that cannot be made is refused in one line", () =>
  inFolder((folder) => {
    Deno.writeTextFileSync(folder, "a file");
    throws(() => StateStore.open(folder), (error: Error) => {
      ok(error.message.startsWith(`Cannot use the state folder "${folder}"`));
      ok(!error.message.includes("\n"));
      return true;
    });
  }));

Deno.test("a folder that lost its file is refused, and goes on as a new node after a reset", () =>
  inFolder((folder) => {
    StateStore.open(folder)[Symbol.dispose]();
    Deno.writeTextFileSync(`${folder}/http-token`, "x");
    Deno.removeSync(`${folder}/node.db`);
    throws(() => StateStore.open(folder), /its node.db is lost.* --reset-state/);
    strictEqual(resetStateFolder(folder, 0), undefined);
    StateStore.open(folder)[Symbol.dispose]();
  }));

Deno.test("a damaged state is set aside whole, and the folder serves a new node", () =>
  inFolder((folder) => {
    Deno.mkdirSync(folder);
    const damaged = crypto.getRandomValues(new Uint8Array(4096));
    Deno.writeFileSync(`${folder}/node.db`, damaged);
    Deno.writeFileSync(`${folder}/node.db-journal`, Uint8Array.of(1));
    const aside = resetStateFolder(folder, Date.UTC(2030, 0, 2, 3, 4, 5));
    strictEqual(aside, `${folder}/node.db.reset-20300102T030405000Z`);
    deepStrictEqual(Deno.readFileSync(aside!), damaged);
    StateStore.open(folder)[Symbol.dispose]();
    // A second start finds its own state and does not mind the old one.
    StateStore.open(folder)[Symbol.dispose]();
  }));

Deno.test("the state of a running node is not reset", () =>
  inFolder((folder) => {
    using store = StateStore.open(folder);
    throws(() => resetStateFolder(folder, 0), /another node is running in it/);
    store.saveIncarnation(3);
  }));

Deno.test("a reset of a folder that is not there does nothing", () =>
  inFolder((folder) => strictEqual(resetStateFolder(folder, 0), undefined)));

/** What a killed process leaves behind of the state in a folder. */
function leaveBehind(folder: string, names: readonly string[]): string {
  const copy = `${folder}-killed`;
  Deno.mkdirSync(copy);
  for (const name of names) Deno.copyFileSync(`${folder}/${name}`, `${copy}/${name}`);
  return copy;
}

Deno.test("a node that was killed finds its last vote, and after it ended all is in one file", () =>
  inFolder((folder) => {
    using store = StateStore.open(folder);
    store.saveVote("00", "test", 7, "d");
    const copy = leaveBehind(folder, ["node.db", "node.db-wal"]);
    try {
      {
        using again = StateStore.open(copy);
        strictEqual(again.identity.id, store.identity.id);
        deepStrictEqual(again.history("00", "test").lastVote, { term: 7, digest: "d" });
      }
      deepStrictEqual([...Deno.readDirSync(copy)].map(({ name }) => name), ["node.db"]);
      using last = StateStore.open(copy);
      deepStrictEqual(last.history("00", "test").lastVote, { term: 7, digest: "d" });
    } finally {
      Deno.removeSync(copy, { recursive: true });
    }
  }));

Deno.test("the file of a node that was killed is refused without its log: the last votes are in that", () =>
  inFolder((folder) => {
    using store = StateStore.open(folder);
    store.saveVote("00", "test", 7, "d");
    const copy = leaveBehind(folder, ["node.db"]);
    try {
      for (let i = 0; i < 2; i++) {
        throws(() => StateStore.open(copy), /its node.db-wal is lost, .* --reset-state/);
      }
      ok(resetStateFolder(copy, 0) !== undefined);
      StateStore.open(copy)[Symbol.dispose]();
    } finally {
      Deno.removeSync(copy, { recursive: true });
    }
  }));

Deno.test("nobody but its owner may read the state and its log", () =>
  inFolder((folder) => {
    using _store = StateStore.open(folder);
    for (const name of ["node.db", "node.db-wal"]) {
      strictEqual(Deno.statSync(`${folder}/${name}`).mode! & 0o077, 0);
    }
  }));

Deno.test("what is saved at once is there whole or not at all", () =>
  inFolder((folder) => {
    using store = StateStore.open(folder);
    store.atOnce(() => {
      store.saveIncarnation(3);
      store.saveVote("00", "test", 7, "d");
    });
    strictEqual(store.incarnation, 3);
    throws(() =>
      store.atOnce(() => {
        store.saveIncarnation(4);
        throw new Error("in between");
      }), /in between/);
    strictEqual(store.incarnation, 3);
  }));
