/**
 * How this program starts itself again: as the compiled executable it is one file; under `deno run` it is Deno with `main.ts` and the
 * permissions that this process has. Permissions that were granted only in part cannot be asked for, so they are not passed on.
 */

import { fileURLToPath } from "node:url";

/** A program and the words in front of its own. */
export interface SelfCommand {
  readonly program: string;
  readonly words: readonly string[];
}

const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

/** The command that runs this very program. */
export function selfCommand(): SelfCommand {
  const program = Deno.execPath();
  if (Deno.build.standalone) return { program, words: [] };
  const granted = PERMISSIONS.filter((name) =>
    Deno.permissions.querySync({ name } as Deno.PermissionDescriptor).state === "granted"
  );
  const permissions = granted.length === PERMISSIONS.length
    ? ["--allow-all"]
    : granted.map((name) => `--allow-${name}`);
  const config = pathOf(new URL("../../deno.json", import.meta.url));
  const main = pathOf(new URL("../../main.ts", import.meta.url));
  return {
    program,
    words: ["run", "--quiet", "--no-prompt", ...permissions, `--config=${config}`, main],
  };
}

function pathOf(url: URL): string {
  return url.protocol === "file:" ? fileURLToPath(url) : url.href;
}
