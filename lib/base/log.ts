/**
 * Log lines as an interface: a stable event name, a level and structured fields, as text for people or as one JSON object a
 * line for programs. Only the program logs; libraries return values and emit events. Messages and fields may quote strangers: a line is one
 * line, and holds nothing that a terminal obeys.
 */
import { plainJson, plainLine } from "./plain_text.ts";

/** Levels, least urgent first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Values that a field may have. Secrets never become fields. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one line for one event. `message` is for people; `event` and `fields` are for programs. */
export interface Logger {
  log(level: LogLevel, event: string, message: string, fields?: LogFields): void;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger that gives finished lines (without newline) to `write`. `wallNow` is in ms since 1970. */
export function createLogger(options: {
  format: "text" | "json";
  level: LogLevel;
  write: (line: string) => void;
  wallNow: () => number;
  colour?: boolean;
}): Logger {
  return {
    log(level, event, message, fields = {}) {
      if (RANK[level] < RANK[options.level]) return;
      const time = new Date(options.wallNow()).toISOString();
      options.write(
        options.format === "json"
          ? plainJson({ time, level, event, message, ...fields })
          : textLine(time, level, plainLine(message), options.colour ?? false),
      );
    },
  };
}

/** A logger that drops everything. */
export const silentLogger: Logger = { log() {} };

function textLine(time: string, level: LogLevel, message: string, colour: boolean): string {
  const clock = time.slice(11, 23);
  if (level !== "warn" && level !== "error") return `${clock}  ${message}`;
  const mark = level === "warn" ? "warning:" : "error:";
  return colour
    ? `${clock}  \x1b[${level === "warn" ? 33 : 31}m${mark}\x1b[0m ${message}`
    : `${clock}  ${mark} ${message}`;
}
