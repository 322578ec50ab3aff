/**
 * The program as a user runs it: a child process of `deno run main.ts`, or of the compiled executable when FUMATA_EXECUTABLE names one.
 * Waiting is always for a line of output, never for time; a child that says nothing for too long fails the test.
 */
import { seedHost } from "../enclave/_seeded.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** The longest that any awaited line may take: a fresh RSA-4096 key takes up to 10 s on a slow core, and a busy one has many other things to do. */
const LINE_MS_MAX = 240_000;

/** A scratch folder with its own home, so that no test sees the user's files. Programs that still run when it goes are ended. */
export class Sandbox implements AsyncDisposable {
  /** Further variables of the environment. */
  moreEnv: Readonly<Record<string, string>> = {};
  readonly #programs: Program[] = [];

  private constructor(readonly folder: string) {}

  /** An enclave host in its default folder begins with the account key of the tests; one in another folder makes its own. */
  static async create(): Promise<Sandbox> {
    const sandbox = new Sandbox(await Deno.makeTempDir({ prefix: "fumata-e2e-" }));
    await Deno.mkdir(sandbox.temporary);
    await seedHost(`${sandbox.env.XDG_DATA_HOME}/fumata/enclave`);
    return sandbox;
  }

  /** Where programs make their temporary files. */
  get temporary(): string {
    return `${this.folder}/tmp`;
  }

  /** The program with these words, as one command line. */
  command(...words: string[]): string[] {
    const executable = Deno.env.get("FUMATA_EXECUTABLE");
    const program = executable ? [executable] : [Deno.execPath(), "run", "-A", "--no-prompt", MAIN];
    return [...program, ...words];
  }

  /** The environment of programs, in addition to that of the tests. */
  get env(): Record<string, string> {
    return {
      XDG_CONFIG_HOME: `${this.folder}/config`,
      XDG_DATA_HOME: `${this.folder}/data`,
      XDG_STATE_HOME: `${this.folder}/state`,
      TMPDIR: this.temporary,
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      ...this.moreEnv,
    };
  }

  start(...words: string[]): Program {
    const program = new Program(this, words);
    this.#programs.push(program);
    return program;
  }

  /** Runs to the end. */
  async run(...words: string[]): Promise<Finished> {
    return await this.start(...words).finished();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One running program. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #wakers = new Set<() => void>();
  readonly #done: Promise<Finished>;
  #ended = false;
  #seen = 0;

  constructor(sandbox: Sandbox, words: readonly string[]) {
    const [command, ...args] = sandbox.command(...words);
    this.#child = new Deno.Command(command, {
      args,
      cwd: sandbox.folder,
      env: sandbox.env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const out = this.#read(this.#child.stdout);
    const err = this.#read(this.#child.stderr);
    this.#done = Promise.all([this.#child.status, out, err]).then(([status, out, err]) => {
      this.#ended = true;
      this.#wake();
      return { code: status.code, out, err };
    });
  }

  /** Waits for a line (of stdout or stderr) that matches, beginning behind the last one found. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const timer = AbortSignal.timeout(LINE_MS_MAX);
    for (;;) {
      while (this.#seen < this.#lines.length) {
        const match = pattern.exec(this.#lines[this.#seen++]);
        if (match) return match;
      }
      if (this.#ended || timer.aborted) {
        const why = this.#ended ? "the program ended" : "time ran out";
        throw new Error(`no line matches ${pattern} (${why}):\n${this.#lines.join("\n")}`);
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wakers.delete(wake);
          timer.removeEventListener("abort", wake);
          resolve();
        };
        this.#wakers.add(wake);
        timer.addEventListener("abort", wake);
      });
    }
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  finished(): Promise<Finished> {
    return this.#done;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      try {
        this.#child.kill("SIGKILL");
      } catch { /* it ended in this moment */ }
    }
    await this.#done;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<string> {
    let text = "";
    let rest = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      this.#lines.push(...parts);
      this.#wake();
    }
    if (rest !== "") this.#lines.push(rest);
    return text;
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }
}
