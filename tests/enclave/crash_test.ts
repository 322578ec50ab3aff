/**
 * A kill at any moment leaves a store that opens. A disk that dies after its n-th step (or in the middle of it) is put under a host's store
 * for every n; then the folder is opened with a good disk: what was answered for is there, everything that is listed works.
 */
import { deepStrictEqual, ok } from "node:assert";
import { join } from "node:path";
import { utf8 } from "../../lib/base/bytes.ts";
import { ENCLAVE_LIMITS } from "../../lib/enclave/limits.ts";
import { DataFolder } from "../../lib/enclave/host/data_folder.ts";
import { type Disk, machineDisk } from "../../lib/enclave/host/disk.ts";
import { FunctionStore } from "../../lib/enclave/host/function_store.ts";
import { openHostKeys } from "../../lib/enclave/host/keys.ts";
import { SealedFolder } from "../../lib/enclave/host/sealed_folder.ts";
import { TokenStore } from "../../lib/enclave/host/tokens.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";

/** What a disk throws from its death on. */
class Died extends Error {}

/** Syncs are steps like others but cost nothing here: the machine does not really die. */
const quickDisk: Disk = { ...machineDisk, sync() {} };

/** A disk that does `stepsLeft` steps, the last of them by half when `byHalf`, and nothing more. */
function mortalDisk(stepsLeft: number, byHalf: boolean): Disk & { readonly steps: () => number } {
  let done = 0;
  const step = <T>(whole: () => T, half: () => void = () => {}): T => {
    if (done > stepsLeft) throw new Died();
    if (done++ < stepsLeft) return whole();
    if (byHalf) half();
    throw new Died();
  };
  const alive = <T>(look: () => T): T => {
    if (done > stepsLeft) throw new Died();
    return look();
  };
  return {
    steps: () => done,
    read: (path) => alive(() => machineDisk.read(path)),
    list: (path) => alive(() => machineDisk.list(path)),
    sync: (path) => step(() => quickDisk.sync(path)),
    makeFolder: (path) => step(() => machineDisk.makeFolder(path)),
    rename: (from, to) => step(() => machineDisk.rename(from, to)),
    write: (path, bytes) =>
      step(
        () => machineDisk.write(path, bytes),
        () => machineDisk.write(path, bytes.subarray(0, bytes.length >> 1)),
      ),
    remove: (path) =>
      step(() => machineDisk.remove(path), () => {
        const inside = machineDisk.list(path);
        for (const { name } of inside.slice(0, Math.ceil(inside.length / 2))) {
          machineDisk.remove(join(path, name));
        }
      }),
  };
}

const { zip } = packFiles(
  "f",
  new Map([["app.js", utf8("export const cape_handler = () => '';")]]),
);
const NOW = new Date("2030-01-01T00:00:00Z");

/** A host's store without the host. Its keys are always the same one, because making one takes long. */
async function openStore(path: string, disk: Disk, tee: Parameters<typeof SealedFolder.open>[1]) {
  const folder = DataFolder.open(path, disk);
  try {
    const lines: string[] = [];
    const sealed = await SealedFolder.open(folder, tee, (line) => void lines.push(line));
    const makeKey = () => Promise.resolve(CERTIFICATE_PEM);
    const keys = await openHostKeys(sealed, makeKey);
    const sandbox = { fault: () => Promise.resolve(undefined) };
    const functions = new FunctionStore(sealed, sandbox, ENCLAVE_LIMITS, makeKey);
    const tokens = new TokenStore(sealed, keys.tokenSecret, ENCLAVE_LIMITS, {
      forget: keys.tokenSecretIsNew,
    });
    return { functions, tokens, lines, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  } catch (thrown) {
    folder[Symbol.dispose]();
    throw thrown;
  }
}

/** What a host does in its life; notes what it has answered for. */
async function live(store: Awaited<ReturnType<typeof openStore>>, answered: Answered) {
  const deploy = async (name: string) => {
    const record = await store.functions.deploy(zip, name, false, NOW);
    ok(typeof record !== "string");
    answered.functions.set(record.id, "there");
    return record.id;
  };
  const makeToken = (name: string) => {
    const made = store.tokens.create({ name, description: "" }, NOW);
    ok(typeof made !== "string");
    answered.tokens.set(made.record.id, "there");
    return made.record.id;
  };
  const remove = (kind: keyof Answered, id: string, act: () => void) => {
    answered[kind].set(id, "either");
    act();
    answered[kind].set(id, "gone");
  };
  const [one, first] = [await deploy("one"), makeToken("first")];
  const two = await deploy("two");
  remove("functions", one, () => store.functions.delete(one));
  makeToken("second");
  remove("tokens", first, () => store.tokens.delete(first));
  remove("functions", two, () => store.functions.delete(two));
  await deploy("three");
}

type Fate = "there" | "gone" | "either";
type Answered = Record<"functions" | "tokens", Map<string, Fate>>;

Deno.test("a kill at any moment leaves a store that opens and has what was answered for", async () => {
  const parent = await Deno.makeTempDir({ prefix: "fumata-test-" });
  const tee = await openSimulatedTee({ folder: join(parent, "tee"), version: "test" });
  let moments = 0;
  for (const byHalf of [false, true]) {
    for (let steps = 0;; steps++) {
      const path = join(parent, `${byHalf}-${steps}`);
      const answered: Answered = { functions: new Map(), tokens: new Map() };
      const disk = mortalDisk(steps, byHalf);
      const died = await (async () => {
        using store = await openStore(path, disk, tee);
        await live(store, answered);
        return false;
      })().catch(() => true);

      using store = await openStore(path, quickDisk, tee);
      const at = `after ${steps} steps${byHalf ? " and a half" : ""}`;
      deepStrictEqual(store.lines, [], at);
      const there = {
        functions: new Set(store.functions.list().map(({ id }) => id)),
        tokens: new Set(store.tokens.list().map(({ id }) => id)),
      };
      for (const kind of ["functions", "tokens"] as const) {
        for (const [id, fate] of answered[kind]) {
          ok(fate === "either" || there[kind].has(id) === (fate === "there"), `${at}: ${kind}`);
        }
      }
      for (const record of store.functions.list()) await store.functions.load(record);
      const left = [...Deno.readDirSync(path)].map(({ name }) => name);
      ok(left.every((name) => !name.endsWith(".tmp")), `${at}: ${left}`);
      moments++;
      if (!died) break;
    }
  }
  ok(moments > 80, `${moments} moments`);
  await Deno.remove(parent, { recursive: true });
});
