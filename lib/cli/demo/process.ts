/**
 * One child process of the demo: a run of this same program whose log lines (one JSON object a line on stdout) come as records, and
 * whose last lines are kept for the case that it fails. However it ends, it is ended: asked first, killed after a grace.
 */
import type { SelfCommand } from "../self.ts";
import { printable } from "../view/text.ts";
import { eachLine } from "./lines.ts";

/** A log line of a child. */
export interface LogRecord {
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Lines of a child that are kept, and their greatest length in UTF-16 units (certificates are long and say nothing to people). */
const LAST_LINES_MAX = 8;
const LAST_LINE_CHARACTERS_MAX = 300;

/** How long a child may take to end by itself, ms, before it is killed. */
const END_GRACE_MS = 3_000;

/** A running child. */
export class ChildProcess implements AsyncDisposable {
  readonly name: string;
  /** Resolves when the process is gone and all that it printed has been read. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Its last lines, for people. */
  readonly lastLines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #endGraceMs: number;
  #output = "";

  /** Starts this program with the given words. Without `onRecord` stdout is kept as `output`; `endGraceMs` is how long it may take to end. */
  constructor(
    name: string,
    self: SelfCommand,
    words: readonly string[],
    onRecord?: (record: LogRecord) => void,
    endGraceMs = END_GRACE_MS,
  ) {
    this.name = name;
    this.#endGraceMs = endGraceMs;
    this.#process = new Deno.Command(self.program, {
      args: [...self.words, ...words],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const onLine = (line: string) => {
      const record = onRecord && parseRecord(line);
      if (!onRecord) this.#output += line + "\n";
      else this.#keep(record && record.level !== "debug" ? record.message : record ? "" : line);
      if (record) onRecord?.(record);
    };
    this.ended = Promise.all([
      this.#process.status,
      eachLine(this.#process.stdout, onLine),
      eachLine(this.#process.stderr, (line) => this.#keep(line)),
    ]).then(([status]) => status);
  }

  /** What it printed on stdout, when no records were asked for. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal; a process that is gone already takes none. */
  signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch { /* it has ended in between, which is what signals are for here */ }
  }

  /** Ends it: wakes it if it is paused, asks it to stop, and kills it when it does not within the grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGTERM");
    this.signal("SIGCONT");
    const timer = setTimeout(() => this.signal("SIGKILL"), this.#endGraceMs);
    try {
      await this.ended.catch(() => {});
    } finally {
      clearTimeout(timer);
    }
  }

  #keep(line: string): void {
    if (line === "") return;
    this.lastLines.push(printable(line.slice(0, LAST_LINE_CHARACTERS_MAX), true));
    if (this.lastLines.length > LAST_LINES_MAX) this.lastLines.shift();
  }
}

/** A line as a record, or `undefined` for a line that is none. */
export function parseRecord(line: string): LogRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { level, event, message, time: _time, ...fields } = value as Record<string, unknown>;
  if (typeof level !== "string" || typeof event !== "string" || typeof message !== "string") {
    return undefined;
  }
  return { level, event, message, fields };
}
