/** What the common flags say of log lines. */
import type { LogLevel } from "../base/log.ts";
import type { Arguments, LogForm } from "./command.ts";

/** `--log-format` and `--log-level`, which are checked already. */
export function logFormOf(args: Arguments): LogForm {
  return {
    format: args.text("log-format") === "json" ? "json" : "text",
    level: (args.text("log-level") ?? "info") as LogLevel,
  };
}
