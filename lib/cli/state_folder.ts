/** Where nodes keep their state when no folder is named: one folder per cluster and address below `$XDG_STATE_HOME/fumata`. */
import { type Address, formatAddress } from "../base/address.ts";
import type { CommandContext } from "./command.ts";

/** Folders that are looked through for running nodes; a machine with more has its own ways. */
const FOLDERS_MAX = 256;

/** The parent of all default folders; `undefined` when neither XDG_STATE_HOME nor HOME is set. */
export function stateHome(context: CommandContext): string | undefined {
  const home = context.env("HOME");
  const base = context.env("XDG_STATE_HOME") || (home && `${home}/.local/state`);
  return base ? `${base}/fumata` : undefined;
}

/** The default folder of one node. */
export function stateFolderOf(home: string, cluster: string, address: Address): string {
  const place = formatAddress(address).replaceAll(/[^\w.-]/g, "_");
  // A cluster's name may hold anything printable.
  return `${home}/${cluster.replaceAll(/[^\w.-]/g, "_")}-${place}`;
}

/** All default folders that are there. */
export function stateFolders(home: string | undefined): string[] {
  if (home === undefined) return [];
  try {
    return [...Deno.readDirSync(home)].slice(0, FOLDERS_MAX)
      .filter((entry) => entry.isDirectory).map((entry) => `${home}/${entry.name}`).sort();
  } catch {
    return [];
  }
}
