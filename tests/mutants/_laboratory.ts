/** A copy of the source tree in which one mutant at a time is put in, tried, and taken out again. */
import type { Mutant } from "./_types.ts";

/** What is copied: all that tests import. */
const COPIED = ["deno.json", "deno.lock", "main.ts", "lib", "function", "tests"];
const ROOT = new URL("../../", import.meta.url).pathname;

/** A suite takes seconds, on a busy machine minutes; a mutant that makes it last this long does not come to an end, which is a way to be caught. */
const SUITE_MS_MAX = 600_000;

/** How a mutant fared. */
export type Fate =
  | { readonly what: "caught"; readonly by: string; readonly seconds: number }
  | { readonly what: "survived"; readonly seconds: number };

/** The copy. */
export class Laboratory implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<Laboratory> {
    const folder = await Deno.makeTempDir({ prefix: "fumata-mutants-" });
    for (const name of COPIED) await copy(`${ROOT}${name}`, `${folder}/${name}`);
    return new Laboratory(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** Tries suites on a mutant, one after the other, until a test fails. */
  async try(mutant: Mutant, suites: readonly (readonly string[])[]): Promise<Fate> {
    const path = `${this.#folder}/${mutant.file}`;
    const original = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, mutated(original, mutant));
    const startedMs = performance.now();
    const seconds = () => (performance.now() - startedMs) / 1_000;
    try {
      for (const suite of suites) {
        const failed = await this.#firstFailure(suite);
        if (failed !== undefined) return { what: "caught", by: failed, seconds: seconds() };
      }
      return { what: "survived", seconds: seconds() };
    } finally {
      await Deno.writeTextFile(path, original);
    }
  }

  /** Whether the mutants type-check: as many at a time as do not touch each other. Gives what the compiler says against them. */
  async typeFaults(mutants: readonly Mutant[]): Promise<string[]> {
    const faults: string[] = [];
    const texts = new Map<string, string>();
    for (const { file } of mutants) {
      if (!texts.has(file)) texts.set(file, await Deno.readTextFile(`${this.#folder}/${file}`));
    }
    for (const batch of batchesOf(mutants, texts)) {
      const originals = new Map<string, string>();
      for (const mutant of batch) {
        const path = `${this.#folder}/${mutant.file}`;
        const text = await Deno.readTextFile(path);
        if (!originals.has(path)) originals.set(path, text);
        await Deno.writeTextFile(path, mutated(text, mutant));
      }
      const { success, output } = await this.#deno(["check", ...originals.keys()]);
      if (!success) faults.push(output);
      for (const [path, text] of originals) await Deno.writeTextFile(path, text);
    }
    return faults;
  }

  /** The first test of a suite that fails. Throws when no test ran at all: that says nothing about the mutant. */
  async #firstFailure(suite: readonly string[]): Promise<string | undefined> {
    const options = ["-A", "--no-check", "--fail-fast", "--reporter=tap", "--no-prompt"];
    const there = suite.filter((path) => exists(`${this.#folder}/${path}`));
    if (there.length === 0) return undefined;
    const { success, output, isTimeout } = await this.#deno(["test", ...options, ...there]);
    if (isTimeout) return `${there[0]}: does not end`;
    if (success) return undefined;
    const failed = /^not ok \d+ - (.*)$/m.exec(output)?.[1];
    if (failed === undefined) throw new Error(`Cannot run ${there.join(", ")}: ${output}`);
    return failed;
  }

  async #deno(
    args: string[],
  ): Promise<{ success: boolean; output: string; isTimeout: boolean }> {
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd: this.#folder,
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    let isTimeout = false;
    const timer = setTimeout(() => {
      isTimeout = true;
      child.kill("SIGKILL");
    }, SUITE_MS_MAX);
    const { success, stdout, stderr } = await child.output();
    clearTimeout(timer);
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { success, output: decode(stdout) + decode(stderr), isTimeout };
  }
}

/** Why a mutant can't be put in: its text has to stand exactly once in its file. */
export async function matchFault(mutant: Mutant): Promise<string | undefined> {
  const text = await Deno.readTextFile(`${ROOT}${mutant.file}`);
  const found = text.split(mutant.find).length - 1;
  return found === 1 ? undefined : `${mutant.id}: its text is ${found} times in ${mutant.file}`;
}

function mutated(text: string, { find, replace, id, file }: Mutant): string {
  if (text.split(find).length !== 2) throw new Error(`Cannot apply "${id}" to ${file}`);
  return text.replace(find, () => replace);
}

/** Mutants of one line, or of whose text another makes one more, never share a batch. */
function batchesOf(mutants: readonly Mutant[], texts: ReadonlyMap<string, string>): Mutant[][] {
  const batches: Mutant[][] = [];
  for (const mutant of mutants) {
    const free = batches.find((batch) => !batch.some((other) => touches(other, mutant, texts)));
    if (free) free.push(mutant);
    else batches.push([mutant]);
  }
  return batches;
}

function touches(a: Mutant, b: Mutant, texts: ReadonlyMap<string, string>): boolean {
  if (a.file !== b.file) return false;
  const text = texts.get(a.file)!;
  const [one, other] = [a, b].map(({ find }) => linesOf(text, find));
  return one.begin < other.end && other.begin < one.end ||
    a.replace.includes(b.find) || b.replace.includes(a.find);
}

/** Where the lines begin and end in which a text stands. */
function linesOf(text: string, find: string): { readonly begin: number; readonly end: number } {
  const at = text.indexOf(find);
  const last = at + find.length - 1;
  return {
    begin: text.lastIndexOf("\n", at - 1) + 1,
    end: (text.indexOf("\n", last) + 1) || text.length,
  };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}
