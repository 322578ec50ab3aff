/**
 * SIGHUP: the configuration is read again, and what can change in a running node does: hooks, the log level, the cluster keys. All else is what
 * the node was started as (its address, its function, its name); that it changed is said, and counts from the next start.
 */
import { FumataError, messageOf } from "../base/errors.ts";
import { KeyringFile } from "../node/keyring_file.ts";
import type { Node } from "../node/node.ts";
import type { LogForm } from "./command.ts";
import type { Layered } from "./config/layers.ts";
import { parseHooks } from "./hooks/hook.ts";
import type { HookRunner } from "./hooks/hook_runner.ts";
import { logFormOf } from "./log_form.ts";

/** Settings that take effect without a start. */
export const RELOADABLE: ReadonlySet<string> = new Set(["on", "log-level"]);

/** What is running. */
export interface Reloadable {
  readonly node: Node;
  readonly hooks: HookRunner;
  readonly logForm: LogForm;
}

/** Reads again and changes what can be; a fault leaves all as it was. Never rejects. */
export async function reload(
  { node, hooks, logForm }: Reloadable,
  started: Layered,
  read: () => Promise<Layered>,
): Promise<void> {
  const { events } = node;
  try {
    const { args, settings } = await read();
    const parsed = parseHooks(args.list("on"));
    const keyFile = started.args.text("encrypt");
    if (keyFile !== undefined) {
      const { keyring } = KeyringFile.open(keyFile);
      node.changeKeyring(() => keyring);
    }
    hooks.replace(parsed);
    logForm.level = logFormOf(args).level;
    const waiting = changed(started, settings);
    events.log("info", "reloaded", "hooks, log level and cluster keys were read again");
    if (waiting.length > 0) {
      const words = `changed settings that count from the next start: ${waiting.join(", ")}`;
      events.log("warn", "restart-needed", words, { settings: waiting });
    }
  } catch (thrown) {
    if (!(thrown instanceof FumataError)) throw thrown;
    const why = messageOf(thrown);
    events.log("error", "reload-refused", `nothing was changed: ${why}`, { why });
  }
}

function changed(started: Layered, settings: Layered["settings"]): string[] {
  const text = (all: Layered["settings"], name: string) =>
    JSON.stringify(all.find((setting) => setting.name === name)?.values);
  const names = new Set([...started.settings, ...settings].map(({ name }) => name));
  return [...names].filter((name) =>
    !RELOADABLE.has(name) && text(started.settings, name) !== text(settings, name)
  );
}
