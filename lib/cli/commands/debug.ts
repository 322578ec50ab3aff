/**
 * `fumata debug`: a report on a running node in one archive, for whoever is to find out what is wrong: its answers, recent events, metrics,
 * settings, and the program and machine. Secrets are taken out; what is in it is said, so that one can look before sending it.
 */
import { strToU8, zipSync } from "fflate";
import { FumataError, messageOf } from "../../base/errors.ts";
import { VERSION } from "../../base/version.ts";
import type { StatusView } from "../../api/views.ts";
import { parseArguments } from "../arguments.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { aligned } from "../columns.ts";
import { type EffectiveSetting, layer } from "../config/layers.ts";
import { collectParts, type Part } from "../debug/collect.ts";
import { REDACTED, redactJson } from "../debug/redact.ts";
import { NODE_SERVICE_FLAGS } from "../node_flags.ts";
import { findNode, NODE_FLAGS } from "../node_link.ts";
import { printText } from "../output.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const debugCommand: Command = {
  name: "debug",
  summary: "collect a report on a running node in one archive, without secrets",
  positional: "[FILE]",
  arity: [0, 1],
  examples: [
    "fumata debug",
    "fumata debug report.zip --node 5000",
    "fumata debug report.zip --config /etc/fumata/node.json",
  ],
  flags: [
    {
      name: "config",
      type: "string",
      placeholder: "FILE",
      help: "the node's configuration, whose settings go into the report",
    },
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    const link = findNode(args, context);
    // A node that does not answer at all is an error of its own, not a report of errors.
    const status = await link.get("/v1/status") as StatusView;
    const known = link.token === undefined ? [] : [link.token];
    const parts = [
      about(),
      ...await settings(args, context, known),
      ...await withProgress(context, "collecting", () => collectParts(link.http, known)),
    ];
    const path = args.positional[0] ??
      `fumata-debug-${status.name.replaceAll(/[^\w.-]/g, "_")}.zip`;
    write(path, parts);
    const rows = parts.map(({ name, about, text }) => [name, about, `${text.length} characters`]);
    printText(context, aligned(rows));
    context.say(`wrote ${path}; tokens and keys are taken out, names and addresses are in it`);
    return 0;
  },
};

/** The program and the machine. */
function about(): Part {
  const { os, arch } = Deno.build;
  const facts = {
    ...{ fumata: VERSION, deno: Deno.version.deno, os, arch },
    ...{ standalone: Deno.build.standalone, collectedAt: new Date().toISOString() },
  };
  const text = JSON.stringify(facts, null, 2) + "\n";
  return { name: "about.json", about: "the program that collects, and its machine", text };
}

/** The settings that a configuration file and this environment make, as `fumata config check` shows them. */
async function settings(
  args: Arguments,
  context: CommandContext,
  known: readonly string[],
): Promise<Part[]> {
  const path = args.text("config");
  if (path === undefined) return [];
  const service = { name: "node", flags: NODE_SERVICE_FLAGS };
  const { settings } = await layer(parseArguments(["--config", path], service), service, context);
  const shown = settings.map((setting) =>
    setting.name === "on" ? withoutTargets(setting) : setting
  );
  const text = JSON.stringify(redactJson(shown, known), null, 2) + "\n";
  return [{ name: "settings.json", about: "the node's settings and their origin", text }];
}

/** Hooks by their events: a command line or a webhook's path holds a secret in whatever form its service chose. */
function withoutTargets(setting: EffectiveSetting): EffectiveSetting {
  const values = setting.values.map((hook) => hook.replace(/=.*$/s, `=${REDACTED}`));
  return { ...setting, values };
}

/** Readable by its owner only, and never over another file. */
function write(path: string, parts: readonly Part[]): void {
  const zip = zipSync(Object.fromEntries(parts.map(({ name, text }) => [name, strToU8(text)])));
  try {
    Deno.writeFileSync(path, zip, { createNew: true, mode: 0o600 });
  } catch (thrown) {
    const isThere = thrown instanceof Deno.errors.AlreadyExists;
    const why = isThere ? "it is there already; name another file" : messageOf(thrown);
    throw new FumataError("failure", `Cannot write "${path}": ${why}`, { cause: thrown });
  }
}
