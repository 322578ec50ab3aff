/**
 * `fumata config check`: the settings with which `fumata node` would start, and where each comes from; for an enclave host or a lock what their files
 * and variables say.
 */
import { FumataError } from "../../base/errors.ts";
import type { Command } from "../command.ts";
import { columns } from "../columns.ts";
import { type Configured, layer, variableOf } from "../config/layers.ts";
import { INLINE_SECRET_NAMES } from "../config/secrets.ts";
import { parseHooks } from "../hooks/hook.ts";
import { NODE_SERVICE_FLAGS } from "../node_flags.ts";
import { enclaveCommand } from "./enclave.ts";
import { lockCommand } from "./lock.ts";
import { JSON_FLAG, OUTPUT_FLAG, print } from "../output.ts";
import { closest } from "../suggestion.ts";

/** The command. */
export const configCommand: Command = {
  name: "config",
  summary: "check a configuration and show where each setting comes from",
  positional: "check [node|enclave|lock]",
  arity: [1, 2],
  examples: [
    "fumata config check --config /etc/fumata/node.json",
    "fumata config check -p 5000 --json",
    "fumata config check enclave --config /etc/fumata/enclave.json",
  ],
  flags: [OUTPUT_FLAG, JSON_FLAG, ...NODE_SERVICE_FLAGS],
  async run(args, context) {
    const [what, name = "node"] = args.positional;
    if (what !== "check") {
      throw new FumataError("usage", `Cannot run "config ${what}": write fumata config check`);
    }
    if (!Object.hasOwn(CONFIGURED, name)) {
      const words = `one of ${Object.keys(CONFIGURED).join(", ")} is wanted`;
      throw new FumataError("usage", `Cannot check "${name}": it has no configuration; ${words}`);
    }
    const { settings, args: inForce } = await layer(args, CONFIGURED[name], context);
    if (name === "node") parseHooks(inForce.list("on"));
    for (const line of strangeVariables(Deno.env.toObject())) context.say(`fumata: ${line}`);
    print(args, context, { settings }, () => {
      const rows = settings.flatMap(({ name, values, origin, place }) =>
        values.map((value) => [name, value, origin, place])
      );
      return columns(["SETTING", "VALUE", "ORIGIN", "PLACE"], rows);
    });
    return 0;
  },
};

/** The commands that have one. */
const CONFIGURED: Readonly<Record<string, Configured>> = {
  node: { flags: NODE_SERVICE_FLAGS },
  enclave: { flags: enclaveCommand.flags, variablesOf: "enclave" },
  lock: { flags: lockCommand.flags, variablesOf: "lock" },
};

/** Variables of ours that mean something else than a setting: those that are handed to commands and hooks. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(
  [
    ...["term", "certificate", "api", "lock-guard", "executable"],
    ...["event", "node", "node-id", "leader", "leader-id", "member", "member-id", "member-address"],
  ].map((name) => variableOf(name)),
);

/** What is said of variables that look like settings and are none: they are ignored, since others use the prefix, too. */
export function strangeVariables(env: Readonly<Record<string, string>>): string[] {
  const known = Object.values(CONFIGURED).flatMap(({ flags, variablesOf }) =>
    [...flags.map(({ name }) => name), "log-format", "log-level"]
      .map((name) => variableOf(name, variablesOf))
  );
  const refused = INLINE_SECRET_NAMES.map((name) => variableOf(name));
  return Object.keys(env).filter((name) =>
    name.startsWith("FUMATA_") && !known.includes(name) && !refused.includes(name) &&
    !OTHER_VARIABLES.has(name)
  ).map((name) => {
    const near = closest(name, known);
    return `${name} is no setting and is ignored${near ? `; did you mean ${near}?` : ""}`;
  });
}
