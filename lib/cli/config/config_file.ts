/**
 * A configuration file: one JSON object whose keys are the long flags of the command, so that there is one vocabulary. JSON, because it is
 * what every tool can write and no parser of ours has to be trusted with it; lists are arrays.
 *
 * ```json
 * {"port": 5000, "neighbor": ["10.0.0.8:5000", "10.0.0.9:5000"], "function-json": "/etc/fumata/vote.json", "log-format": "json"}
 * ```
 */
import { FumataError } from "../../base/errors.ts";
import { checkValue } from "../arguments.ts";
import type { Flag } from "../command.ts";
import { readJson } from "../profile.ts";
import { closest } from "../suggestion.ts";
import { refuseInlineSecret, refuseSecretAsFile } from "./secrets.ts";

/** Values by flag. */
export type Settings = ReadonlyMap<string, readonly string[]>;

/** Only as flags: they say what to do once, not how to be. */
export const FLAG_ONLY: ReadonlySet<string> = new Set(["config", "help", "verbose", "reset-state"]);

/** Reads and checks the file. Throws a usage error that says which key is wrong and what may be meant. */
export async function readConfigFile(path: string, flags: readonly Flag[]): Promise<Settings> {
  const settings = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(await readJson(path, "configuration"))) {
    const where = `"${key}" of "${path}"`;
    const flag = flags.find(({ name }) => name === key);
    if (!flag) {
      refuseInlineSecret(key, where);
      const near = closest(key, flags.map(({ name }) => name));
      const hint = near ? `; did you mean "${near}"?` : "; its keys are the long flags";
      throw usage(`Cannot use ${where}: there is no such setting${hint}`);
    }
    if (FLAG_ONLY.has(key)) {
      throw usage(`Cannot use ${where}: it is for a single start; give it as --${key}`);
    }
    settings.set(key, readValues(value, flag, where));
  }
  return settings;
}

/** Values of one setting, checked. `where` says where it stands. */
export function readValues(value: unknown, flag: Flag, where: string): readonly string[] {
  if (flag.type === "boolean") {
    if (typeof value === "boolean") return [String(value)];
    throw usage(`Cannot use ${where}: true or false is wanted`);
  }
  const values = Array.isArray(value) ? value : [value];
  if (flag.type !== "list" && Array.isArray(value)) {
    throw usage(`Cannot use ${where}: one value is wanted, not a list`);
  }
  return values.map((value) => {
    const isRight = typeof value === "string" ||
      typeof value === "number" && Number.isFinite(value);
    if (!isRight) throw usage(`Cannot use ${where}: a text or a number is wanted`);
    refuseSecretAsFile(flag.name, String(value), where);
    checkValue(String(value), flag, where);
    return String(value);
  });
}

function usage(message: string): FumataError {
  return new FumataError("usage", message);
}
