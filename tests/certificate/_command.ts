/** Running commands from words to exit code, with files of their own. */
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { Command, CommandContext } from "../../lib/cli/command.ts";

/** Runs a command; stdout and stderr as texts. */
export async function runCommand(
  command: Command,
  ...words: string[]
): Promise<{ code: number; out: string; said: string }> {
  let [out, said] = ["", ""];
  const context: Partial<CommandContext> = {
    out: (text) => void (out += text),
    say: (line) => void (said += `${line}\n`),
    env: () => undefined,
    interrupted: new Promise(() => {}),
  };
  const code = await command.run(parseArguments(words, command), context as CommandContext);
  return { code, out, said };
}

/** Writes files into a folder that goes when the test ends. */
export class TestFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "fumata" });

  /** The path of a new file with this text or JSON. */
  write(name: string, value: unknown): string {
    const path = `${this.path}/${name}`;
    if (value instanceof Uint8Array) Deno.writeFileSync(path, value);
    else Deno.writeTextFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
