/** The input of a function or a value to encrypt: a word, a file by `-f`, or stdin by `-`; as bytes, so that nothing changes on the way. */
import { concat, utf8 } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import { ENCLAVE_LIMITS } from "../enclave/limits.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";

/** `-f FILE`. */
export const FILE_FLAG: Flag = {
  name: "file",
  short: "f",
  type: "string",
  placeholder: "FILE",
  help: "input from a file; INPUT - reads it from stdin",
};

/** Reads the one input that is given as a word or as a file. Throws a usage error. */
export async function readInput(args: Arguments, word: string | undefined): Promise<Uint8Array> {
  const file = args.text("file");
  if ((word === undefined) === (file === undefined)) {
    throw usage("one input is wanted: as INPUT, by -f FILE, or - for stdin");
  }
  if (word !== undefined && word !== "-") return utf8(word);
  try {
    return await readBounded(
      file === undefined ? Deno.stdin.readable : (await Deno.open(file)).readable,
    );
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw usage(`the input "${file ?? "stdin"}" cannot be read: ${messageOf(thrown)}`);
  }
}

/** Prints an output as it is: bytes that are no text too, where stdout takes bytes. On a terminal a text ends its line. */
export function writeOutput(context: CommandContext, output: Uint8Array, text?: string): void {
  if (text !== undefined) {
    context.out(context.stdoutIsTerminal && !text.endsWith("\n") ? text + "\n" : text);
  } else if (context.outBytes && !context.stdoutIsTerminal) {
    context.outBytes(output);
  } else {
    throw new FumataError(
      "failure",
      "Cannot print the output on a terminal: it is not text; send it to a file, or take -o json, " +
        "which has it in base64",
    );
  }
}

async function readBounded(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > ENCLAVE_LIMITS.inputBytesMax) {
      throw usage(`the input has more than ${ENCLAVE_LIMITS.inputBytesMax} bytes`);
    }
    parts.push(part);
  }
  return concat(...parts);
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot read the input: ${message}`);
}
