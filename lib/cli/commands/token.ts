/** `fumata token`: makes, lists and deletes tokens of the account. */
import { FumataError } from "../../base/errors.ts";
import {
  createToken,
  deleteToken,
  type ListedToken,
  listTokens,
} from "../../enclave/client/mod.ts";
import type { Arguments, Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import { loadProfile, PROFILE_FLAGS, targetOf } from "../profile.ts";

/** Ten years in seconds: what a host accepts. */
const EXPIRES_MAX = 316_000_000;

/** The command. */
export const tokenCommand: Command = {
  name: "token",
  summary: "make, list or delete tokens",
  positional: "create|list|delete [ID]",
  arity: [1, 2],
  examples: [
    "fumata token create --name ci --expires 86400",
    "fumata token create --name nodes --function YmoDB35PKxZS9v6eaU84YR",
    "fumata token list",
    "fumata token delete 8hH2bQXH1FzkhL1MkNdYm3",
  ],
  flags: [
    { name: "name", type: "string", placeholder: "NAME", help: "of the new token" },
    { name: "description", type: "string", placeholder: "TEXT", help: "of the new token" },
    {
      name: "function",
      type: "string",
      placeholder: "ID",
      help: "the new token may run this function and nothing else",
    },
    {
      name: "expires",
      type: "number",
      range: [1, EXPIRES_MAX],
      placeholder: "SECONDS",
      help: "life of the new token; without it until it is deleted",
    },
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const action = checkedAction(args);
    const target = targetOf(await loadProfile(args, context));
    switch (action) {
      case "create": {
        const made = await createToken(target, {
          name: args.text("name")!,
          description: args.text("description"),
          functionId: args.text("function"),
          expirySeconds: args.number("expires"),
        });
        print(args, context, { token: made }, () => made);
        return 0;
      }
      case "list": {
        const tokens = await listTokens(target);
        print(args, context, tokens.map(shown), () => tokens.map(line).join("\n"));
        return 0;
      }
      case "delete": {
        const id = args.positional[1];
        await deleteToken(target, id);
        print(args, context, { deleted: id }, () => `deleted ${id}`);
        return 0;
      }
      default:
        return action satisfies never;
    }
  },
};

/** The action, once what it needs is there. */
function checkedAction(args: Arguments): "create" | "list" | "delete" {
  const [action, id] = args.positional;
  switch (action) {
    case "create":
      if (args.text("name") === undefined) throw usage("a new token needs a --name");
      if (id !== undefined) throw usage(`"${id}" is one word too many behind create`);
      return action;
    case "list":
      if (id !== undefined) throw usage(`"${id}" is one word too many behind list`);
      return action;
    case "delete":
      if (id === undefined) throw usage("the id is missing; fumata token list shows them");
      return action;
    default:
      throw usage(`"${action}" is not known; create, list or delete is wanted`);
  }
}

function shown(token: ListedToken): Record<string, unknown> {
  return {
    id: token.id,
    name: token.name,
    description: token.description,
    function_id: token.functionId,
    created_at: token.createdAt,
    expiry: token.expiry,
    last_used: token.lastUsed,
  };
}

function line(token: ListedToken): string {
  const scope = token.functionId ? `function ${token.functionId}` : "account";
  const end = token.expiry ? `until ${token.expiry}` : "no expiry";
  return [token.id, token.name, scope, end, token.description].filter(Boolean).join("  ");
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot use token: ${message}`);
}
