/**
 * The settings of a command from all their places: a file (`--config`, else `FUMATA_CONFIG`), over it the environment (`FUMATA_` and the flag in capitals), over
 * both the flags. A list is taken whole from the highest place that has it. A list in the environment has one value a line.
 *
 * Commands that run beside a node, and often in its environment, have variables of their own, with the command in the name
 * (`FUMATA_ENCLAVE_PORT`, `FUMATA_LOCK_CONFIG`): the port of a node must not become that of an enclave host.
 */
import { COMMON_FLAGS } from "../arguments.ts";
import type { Arguments, CommandContext, Flag } from "../command.ts";
import { FumataError } from "../../base/errors.ts";
import { FLAG_ONLY, readConfigFile, readValues, type Settings } from "./config_file.ts";
import { INLINE_SECRET_NAMES, refuseInlineSecret } from "./secrets.ts";

/** `--config`. */
export const CONFIG_FLAG: Flag = {
  name: "config",
  type: "string",
  placeholder: "FILE",
  help:
    "JSON file with these flags as keys (else $FUMATA_CONFIG); FUMATA_… variables and flags win over it",
};

/** `--config` of a command with variables of its own. */
export function configFlagOf(command: string): Flag {
  const help = `JSON file with these flags as keys (else $${variableOf("config", command)}); ` +
    `${variableOf("", command)}… variables and flags win over it`;
  return { ...CONFIG_FLAG, help };
}

/** Where a value comes from. */
export type Origin = "file" | "environment" | "flag" | "default";

/** One setting as it is in force. */
export interface EffectiveSetting {
  readonly name: string;
  readonly values: readonly string[];
  readonly origin: Origin;
  /** The file, the variable or the flag. */
  readonly place: string;
}

/** All settings of a command in force. */
export interface Layered {
  /** As if all of them had been flags. */
  readonly args: Arguments;
  readonly settings: readonly EffectiveSetting[];
}

/** `FUMATA_HTTP_TOKEN_FILE` of `http-token-file`, `FUMATA_ENCLAVE_PORT` of the command `enclave`'s own `port`. */
export function variableOf(flag: string, command?: string): string {
  const name = command === undefined ? flag : `${command}-${flag}`;
  return `FUMATA_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** What has settings: its flags, and its name when its variables carry that. */
export interface Configured {
  readonly flags: readonly Flag[];
  readonly variablesOf?: string;
}

/** Puts the places over each other. Throws a usage error for what is wrong in any of them. */
export async function layer(
  args: Arguments,
  configured: Configured,
  context: Pick<CommandContext, "env">,
): Promise<Layered> {
  const flags = [...configured.flags, ...COMMON_FLAGS];
  const variableOfFlag = (name: string) => variableOf(name, configured.variablesOf);
  const path = args.text("config") ?? context.env(variableOfFlag("config"));
  const file: Settings = path === undefined ? new Map() : await readConfigFile(path, flags);
  for (const name of INLINE_SECRET_NAMES) {
    const variable = variableOfFlag(name);
    if (context.env(variable) !== undefined) refuseInlineSecret(name, variable);
  }
  const settings = flags.flatMap((flag): EffectiveSetting[] => {
    const { name } = flag;
    const given = flag.type === "boolean" ? (args.has(name) ? ["true"] : []) : args.list(name);
    if (given.length > 0) return [{ name, values: given, origin: "flag", place: `--${name}` }];
    if (FLAG_ONLY.has(name)) return [];
    const variable = variableOfFlag(name);
    const text = context.env(variable);
    if (text !== undefined && text !== "") {
      const values = readVariable(text, flag, variable);
      return [{ name, values, origin: "environment", place: variable }];
    }
    const stored = file.get(name);
    if (stored) return [{ name, values: stored, origin: "file", place: path! }];
    if (flag.default === undefined) return [];
    return [{ name, values: [flag.default], origin: "default", place: "" }];
  });
  // What commands apply themselves stays theirs.
  const set = settings.filter(({ origin }) => origin !== "default");
  const inForce = new Map(set.map(({ name, values }) => [name, values]));
  const one = (name: string) => inForce.get(name)?.at(-1);
  return {
    settings,
    args: {
      positional: args.positional,
      after: args.after,
      text: one,
      number: (name) => one(name) === undefined ? undefined : Number(one(name)),
      has: (name) => one(name) === "true",
      list: (name) => inForce.get(name) ?? [],
    },
  };
}

function readVariable(text: string, flag: Flag, variable: string): readonly string[] {
  if (flag.type !== "boolean") {
    const values = flag.type === "list" ? text.split("\n").filter((line) => line !== "") : text;
    return readValues(values, flag, variable);
  }
  if (text === "1" || text === "true") return ["true"];
  if (text === "0" || text === "false") return ["false"];
  throw new FumataError("usage", `Cannot use ${variable} "${text}": true or false is wanted`);
}
