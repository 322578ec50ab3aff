/** `fumata list` and `fumata delete`: the account's functions. */
import { FumataError } from "../../base/errors.ts";
import { isBase58Id } from "../../base/base58.ts";
import { deleteFunction, type ListedFunction, listFunctions } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";
import { withProgress } from "../progress.ts";

const LIMIT_MAX = 1000;

/** `fumata list`. */
export const listCommand: Command = {
  name: "list",
  summary: "list the functions of the account",
  examples: ["fumata list", "fumata list --limit 10 --offset 20 -o json"],
  flags: [
    {
      name: "limit",
      type: "number",
      range: [1, LIMIT_MAX],
      placeholder: "N",
      default: "50",
      help: "at most so many",
    },
    {
      name: "offset",
      type: "number",
      range: [0, 999_999_999],
      placeholder: "N",
      default: "0",
      help: "leave out the first N",
    },
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const target = targetOf(await loadProfile(args, context));
    const page = { limit: args.number("limit"), offset: args.number("offset") };
    const functions = await withProgress(
      context,
      "listing",
      () => listFunctions(target, page),
    );
    print(args, context, functions.map(shown), () => functions.map(line).join("\n"));
    return 0;
  },
};

/** `fumata delete`. */
export const deleteCommand: Command = {
  name: "delete",
  summary: "delete functions; their keys are gone for good",
  positional: "FUNCTION_ID…",
  arity: [1, 100],
  examples: ["fumata delete YmoDB35PKxZS9v6eaU84YR"],
  flags: [OUTPUT_FLAG, ...PROFILE_FLAGS],
  async run(args, context) {
    const ids = args.positional;
    const wrong = ids.find((id) => !isBase58Id(id));
    if (wrong !== undefined) {
      throw new FumataError(
        "usage",
        `Cannot delete "${wrong}": it is no function id; "fumata list" shows them`,
      );
    }
    const target = targetOf(await loadProfile(args, context));
    for (const id of ids) {
      await withProgress(context, `deleting ${id}`, () => deleteFunction(target, id));
    }
    print(args, context, { deleted: ids }, () => ids.map((id) => `deleted ${id}`).join("\n"));
    return 0;
  },
};

function shown({ id, name, createdAt }: ListedFunction): Record<string, string> {
  return { id, name, created_at: createdAt };
}

function line({ id, name, createdAt }: ListedFunction): string {
  return `${id}  ${createdAt}  ${name}`;
}
