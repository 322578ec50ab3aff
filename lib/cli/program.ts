/**
 * The program around the commands: picks one, gives it its context, and turns whatever it throws into one line on stderr and the
 * right exit code. A stack trace is shown only for `--verbose` or for our own bugs' report under it.
 */
import { isTelemetryOn } from "../api/telemetry.ts";
import { EXIT_CODES, FumataError, messageOf } from "../base/errors.ts";
import { createLogger } from "../base/log.ts";
import { plainLine, plainText } from "../base/plain_text.ts";
import { parseArguments } from "./arguments.ts";
import type { Arguments, Command, CommandContext } from "./command.ts";
import type { CommandTable } from "./commands.ts";
import { commandHelp, programHelp } from "./help.ts";
import { firstSignal } from "./interruption.ts";
import { logFormOf } from "./log_form.ts";
import { closest } from "./suggestion.ts";

/** What a message quotes may be megabytes long; nobody reads more than a screen of it, and the end of our own words is well before. */
const MESSAGE_CHARACTERS_MAX = 4_000;

/** Runs the command that the words name; gives the exit code. Never throws. */
export async function runProgram(
  words: readonly string[],
  commands: CommandTable,
  version: string,
): Promise<number> {
  const verbose = words.includes("--verbose");
  try {
    return await dispatch(words, commands, version);
  } catch (thrown) {
    if (thrown instanceof FumataError) {
      say(`fumata: ${plainLine(thrown.message, MESSAGE_CHARACTERS_MAX)}`);
      if (verbose && thrown.stack) say(thrown.stack);
      return thrown.exitCode;
    }
    if (isBrokenPipe(thrown)) return 0;
    const known = operatingSystemFailure(thrown);
    if (known) say(`fumata: ${known}`);
    else {
      say(
        `fumata: a bug of ours: ${
          messageOf(thrown)
        }; please report it with the output of --verbose`,
      );
    }
    if (verbose && thrown instanceof Error && thrown.stack) say(thrown.stack);
    return known ? EXIT_CODES.failure : EXIT_CODES.bug;
  }
}

async function dispatch(
  words: readonly string[],
  commands: CommandTable,
  version: string,
): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    out(programHelp(commands, version, windowColumns()));
    return EXIT_CODES.usage;
  }
  if (name === "--version" || name === "version") {
    out(`fumata ${version}\n`);
    return 0;
  }
  if (name === "help" || name === "--help" || name === "-h") {
    out(
      rest[0] === undefined
        ? programHelp(commands, version, windowColumns())
        : commandHelp(await load(rest[0], commands), windowColumns()),
    );
    return 0;
  }
  const command = await load(name, commands);
  const helpAsked = (rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest)
    .some((word) => word === "--help" || word === "-h");
  if (helpAsked) {
    out(commandHelp(command, windowColumns()));
    return 0;
  }
  const args = parseArguments(rest, command);
  return await command.run(args, contextFor(args));
}

/** How wide the window is; `undefined` where there is none. */
function windowColumns(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
}

async function load(name: string, commands: CommandTable): Promise<Command> {
  if (Object.hasOwn(commands, name)) return await commands[name].load();
  const near = closest(name, [...Object.keys(commands), "help", "version"]);
  const hint = near ? `did you mean "${near}"?` : '"fumata help" lists the commands';
  throw new FumataError("usage", `Cannot run "${name}": there is no such command; ${hint}`);
}

function contextFor(args: Arguments): CommandContext {
  let interrupted: Promise<void> | undefined;
  return {
    out,
    outBytes: (bytes) => writeAll(Deno.stdout, bytes),
    say,
    ...(Deno.stderr.isTerminal() && { status }),
    env: (name) => Deno.env.get(name),
    stdoutIsTerminal: Deno.stdout.isTerminal(),
    stdinIsTerminal: Deno.stdin.isTerminal(),
    verbose: args.has("verbose"),
    logger: (form = logFormOf(args)) =>
      createLogger({
        format: form.format,
        get level() {
          return form.level;
        },
        // Deno exports what the console says, and nothing else, as log records.
        write: isTelemetryOn((name) => Deno.env.get(name))
          ? console.log
          : (line) => out(line + "\n"),
        wallNow: Date.now,
        colour: Deno.stdout.isTerminal() && !Deno.noColor,
      }),
    get interrupted() {
      return interrupted ??= firstSignal();
    },
  };
}

const encoder = new TextEncoder();

function out(text: string): void {
  writeAll(Deno.stdout, encoder.encode(text));
}

/** What is said quotes words, files and answers of strangers, so that it is made harmless here, once for all that say something. */
function say(line: string): void {
  writeAll(Deno.stderr, encoder.encode(plainText(line) + "\n"));
}

function status(line: string): void {
  // Longer than the window, it would wrap and could not be taken away.
  const { columns } = Deno.consoleSize();
  writeAll(Deno.stderr, encoder.encode(`\r\x1b[K${plainLine(line).slice(0, columns - 1)}`));
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}

function isBrokenPipe(thrown: unknown): boolean {
  return thrown instanceof Deno.errors.BrokenPipe;
}

/** What the operating system refused, in words; `undefined` for anything else. */
function operatingSystemFailure(thrown: unknown): string | undefined {
  const text = messageOf(thrown);
  if (/os error 28|ENOSPC/i.test(text)) {
    return `Cannot write: the disk is full (${text}); make room and start again`;
  }
  if (thrown instanceof Deno.errors.PermissionDenied || /EACCES|EROFS/.test(text)) {
    return `Cannot go on: permission denied by the system (${text}); check the owner of the file or folder`;
  }
  return undefined;
}
