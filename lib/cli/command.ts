/**
 * What a command is: one table entry with its flags, from which parsing, errors, help and completions follow. Commands decide;
 * rooms below compute. Data goes to stdout, prose to stderr.
 */
import type { Logger, LogLevel } from "../base/log.ts";

/** One flag. Long names have two dashes, short ones one; `-fh` is the seeds' spelling of the checksum and a case of its own. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** Other long names that are taken as well, for those who are used to them; neither help nor completions show them. */
  readonly aliases?: readonly string[];
  /** `list` may be given several times. */
  readonly type: "string" | "number" | "boolean" | "list";
  /** What stands for the value in the help: PORT, DIR, … */
  readonly placeholder?: string;
  readonly help: string;
  /** For numbers: the inclusive range. */
  readonly range?: readonly [number, number];
  /** For texts: the only values allowed. */
  readonly choices?: readonly string[];
  /** Shown in the help; the command applies it. */
  readonly default?: string;
}

/** Flag values by long name, and what was left over. `after` is what stood behind `--`. */
export interface Arguments {
  readonly positional: readonly string[];
  readonly after: readonly string[];
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  has(name: string): boolean;
  list(name: string): readonly string[];
}

/** How log lines are written; the level may be changed while they are. */
export interface LogForm {
  readonly format: "text" | "json";
  level: LogLevel;
}

/** What a command works with; all of the outside world that it touches beside files and sockets. */
export interface CommandContext {
  /** Writes data to stdout; the newline is not added. */
  out(text: string): void;
  /** Writes bytes to stdout as they are; absent where only text is taken. */
  outBytes?(bytes: Uint8Array): void;
  /** Writes a line of prose to stderr. */
  say(line: string): void;
  /** Shows a line on stderr in place of the one shown before; an empty one takes it away. Absent where stderr is no terminal. */
  status?(line: string): void;
  env(name: string): string | undefined;
  readonly stdoutIsTerminal: boolean;
  readonly stdinIsTerminal: boolean;
  readonly verbose: boolean;
  /** Makes the logger of a long-running command, as `--log-format` and `--log-level` say, or as `form` does. */
  logger(form?: LogForm): Logger;
  /** Resolves at the first SIGINT or SIGTERM. */
  readonly interrupted: Promise<void>;
}

/** One command. Throws {@linkcode FumataError} for what people can mend; returns the exit code. */
export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Left out of the list of commands: a part of another command, which nobody types. */
  readonly isHidden?: boolean;
  /** Names of positional arguments as the usage line shows them, such as `FOLDER` or `[FILE]`. */
  readonly positional?: string;
  /** How many positional arguments are allowed: at least, at most. */
  readonly arity?: readonly [number, number];
  /** Whether arguments behind `--` are allowed. */
  readonly takesRest?: boolean;
  /** Shown first in the help; each line runs as it stands. */
  readonly examples: readonly string[];
  readonly flags: readonly Flag[];
  run(args: Arguments, context: CommandContext): Promise<number>;
}
