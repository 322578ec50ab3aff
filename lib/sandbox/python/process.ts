/**
 * One function in one process of its own: starts it, hands it the package and inputs over pipes, and ends it. The process is a
 * stranger from its first byte on: it has deadlines for every answer, and whatever it does, `end` leaves nothing of it behind.
 */
import { concat, fromUtf8 } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { plainLine } from "../../base/plain_text.ts";
import { ERROR_CHARACTERS_MAX } from "../limits.ts";
import { REPLY_KEY_BYTES, sealedOutcome } from "../reply.ts";
import type { CallOutcome, SandboxLimits } from "../types.ts";
import { AnswerReader, inputFrame, packageFrame, type RunnerAnswer, STATUS } from "./frames.ts";
import { type IsolatedCommand, OWN_FOLDER, type PythonInstallation } from "./isolation.ts";
import { KILL_MS, type PythonLimits } from "./limits.ts";
import { RUNNER, type RunnerSettings } from "./runner.ts";

/** What a process is made of. */
export interface ProcessParts {
  readonly python: PythonInstallation;
  readonly command: IsolatedCommand;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly limits: SandboxLimits;
  readonly pythonLimits: PythonLimits;
}

type Failure = Extract<CallOutcome, { ok: false }>;

/** Bytes that a log and its last line may have beyond the limit, and that an error text has at most in UTF-8. */
const LOG_SLACK_BYTES = 64;
const ERROR_BYTES_MAX = 8 * ERROR_CHARACTERS_MAX;

/** What is kept of the interpreter's own words when it dies. */
const LAST_WORDS_BYTES_MAX = 2048;

/** The files and folders of a package take one entry each; this many folders for each file are more than any has. */
const ENTRIES_PER_FILE = 4;

/** A page of memory, which the smallest file takes. */
const PAGE_BYTES = 4096;

/** A process with a loaded function. After a failed call it is ended. */
export class PythonProcess {
  /** Whether system calls are filtered; known once the function is loaded. */
  filtersSystemCalls = false;
  readonly #parts: ProcessParts;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AnswerReader;
  readonly #lastWords: Promise<string>;
  /** Where there is no root of its own: its folder on the machine. */
  readonly #temporaryFolder: string | undefined;
  #ended: Promise<void> | undefined;

  private constructor(parts: ProcessParts, temporaryFolder: string | undefined) {
    this.#parts = parts;
    this.#temporaryFolder = temporaryFolder;
    const { python, command, limits } = parts;
    const settings = JSON.stringify(settingsOf(parts, temporaryFolder));
    const interpreter = [python.executable, "-I", "-S", "-X", "utf8", "-c", RUNNER, settings];
    const words = command.wrapper.length === 0
      ? interpreter
      : [command.program, ...command.wrapper, ...interpreter];
    this.#child = new Deno.Command(words[0], {
      args: words.slice(1),
      cwd: "/",
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#answers = new AnswerReader(this.#child.stdout, {
      log: limits.logBytes + LOG_SLACK_BYTES,
      output: Math.max(REPLY_KEY_BYTES + limits.outputBytes, ERROR_BYTES_MAX),
    });
    this.#lastWords = readStart(this.#child.stderr, LAST_WORDS_BYTES_MAX);
  }

  /** Starts a process and loads the function in it. */
  static async open(parts: ProcessParts): Promise<PythonProcess | Failure> {
    let process: PythonProcess;
    let temporaryFolder: string | undefined;
    try {
      if (parts.command.settings.isolation === "limits") {
        temporaryFolder = await Deno.makeTempDir({ prefix: "fumata-python-" });
      }
      process = new PythonProcess(parts, temporaryFolder);
    } catch (thrown) {
      if (temporaryFolder) await Deno.remove(temporaryFolder, { recursive: true }).catch(() => {});
      return failure("load", `Cannot start Python for the function: ${messageOf(thrown)}`);
    }
    const { limits } = parts;
    const outcome = await process.#exchange(packageFrame(parts.files), limits.loadMs);
    if (outcome.ok) {
      process.filtersSystemCalls = fromUtf8(outcome.output) === "filtered";
      return process;
    }
    await process.end();
    return { ...outcome, reason: "load", error: `Cannot load the function: ${outcome.error}` };
  }

  /** Calls the handler once. */
  async call(input: Uint8Array): Promise<CallOutcome> {
    const outcome = await this.#exchange(inputFrame(input), this.#parts.limits.callMs);
    if (!outcome.ok) await this.end();
    return outcome;
  }

  /** Ends the process and all that it may have started; resolves when nothing of it is left. */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #exchange(frame: Uint8Array, timeoutMs: number): Promise<CallOutcome> {
    if (this.#ended) return failure("threw", "the session was closed");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), timeoutMs);
    });
    const exchange = async () => {
      // A process that died or does not read: the answer, or its lack, says so.
      this.#stdin.write(frame).catch(() => {});
      return await this.#answers.next();
    };
    const answer = await Promise.race([exchange(), late]);
    clearTimeout(timer);
    if (answer === "late") {
      return failure("time", `the function ran for longer than ${timeoutMs} ms`);
    }
    return answer ? this.#outcomeOf(answer) : await this.#deathOutcome();
  }

  #outcomeOf(answer: RunnerAnswer): CallOutcome {
    const { pythonLimits } = this.#parts;
    const log = new TextDecoder().decode(answer.log);
    const text = () => plainLine(new TextDecoder().decode(answer.output), ERROR_CHARACTERS_MAX);
    switch (answer.status) {
      case STATUS.ok:
        return this.#given(answer.output, log);
      case STATUS.reply: {
        const outcome = this.#given(answer.output.subarray(REPLY_KEY_BYTES), log);
        const key = answer.output.subarray(0, REPLY_KEY_BYTES);
        return outcome.ok ? sealedOutcome(outcome, key) : outcome;
      }
      case STATUS.load:
        return failure("load", text(), log);
      case STATUS.threw:
        return failure("threw", text(), log);
      case STATUS.memory:
        return failure(
          "memory",
          `the function used more than ${pythonLimits.memoryBytes} bytes of memory`,
          log,
        );
      case STATUS.recursion:
        return failure("memory", "the function recursed too deeply", log);
      case STATUS.output:
        return this.#tooMuch(log);
      case STATUS.isolation:
        return failure("load", `its process could not be locked in: ${text()}`);
      default:
        return failure("threw", "the process of the function sent garbage");
    }
  }

  #given(output: Uint8Array, log: string): CallOutcome {
    return output.length <= this.#parts.limits.outputBytes
      ? { ok: true, output, log }
      : this.#tooMuch(log);
  }

  #tooMuch(log: string): Failure {
    const { outputBytes } = this.#parts.limits;
    return failure("output", `the function returned more than ${outputBytes} bytes`, log);
  }

  async #deathOutcome(): Promise<Failure> {
    await this.end();
    const lastLine = (await this.#lastWords).trim().split("\n").at(-1) ?? "";
    const words = plainLine(lastLine, ERROR_CHARACTERS_MAX);
    return failure("threw", `the process of the function ended${words && `: ${words}`}`);
  }

  async #end(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* it has ended by itself */ }
    this.#stdin.abort().catch(() => {});
    // The output ends when the last process that holds it is gone: not only the outer one, which is waited for as well.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, KILL_MS));
    await Promise.race([Promise.all([this.#answers.end(), this.#lastWords]), late]);
    clearTimeout(timer);
    await this.#child.status;
    if (this.#temporaryFolder) {
      await Deno.remove(this.#temporaryFolder, { recursive: true }).catch(() => {});
    }
  }
}

function settingsOf(parts: ProcessParts, temporaryFolder: string | undefined): RunnerSettings {
  const { files, limits, pythonLimits, command } = parts;
  const contentBytes = [...files.values()]
    .reduce((sum, bytes) => sum + bytes.length + PAGE_BYTES, 0);
  return {
    ...command.settings,
    folder: temporaryFolder ?? OWN_FOLDER,
    folderBytes: contentBytes + pythonLimits.scratchBytes,
    folderFiles: ENTRIES_PER_FILE * files.size + pythonLimits.scratchFiles,
    memoryBytes: pythonLimits.memoryBytes,
    cpuSeconds: pythonLimits.cpuSeconds,
    fileBytes: pythonLimits.scratchBytes,
    openFiles: pythonLimits.openFiles,
    threads: pythonLimits.threads,
    outputBytes: limits.outputBytes,
    logBytes: limits.logBytes,
    errorCharacters: ERROR_CHARACTERS_MAX,
  };
}

function failure(reason: Failure["reason"], error: string, log = ""): Failure {
  return { ok: false, reason, error, log };
}

/** Reads a stream to its end and keeps the beginning. */
async function readStart(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<string> {
  let kept = new Uint8Array();
  try {
    for await (const part of stream) {
      if (kept.length < bytesMax) kept = concat(kept, part.subarray(0, bytesMax - kept.length));
    }
  } catch { /* what came before it broke is enough */ }
  return new TextDecoder().decode(kept);
}
