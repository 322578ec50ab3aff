/** `fumata run`: calls a function once and prints its output. */
import { isBase58Id } from "../../base/base58.ts";
import { base64, concat, fromHex, fromUtf8, utf8 } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import { connectEnclave } from "../../enclave/client/mod.ts";
import { ENCLAVE_LIMITS } from "../../enclave/limits.ts";
import type { Arguments, Command } from "../command.ts";
import { OUTPUT_FLAG } from "../output.ts";
import { loadProfile, PROFILE_FLAGS } from "../profile.ts";

const CHECKSUM_BYTES = 32;

/** The command. */
export const runCommand: Command = {
  name: "run",
  summary: "call a function once",
  positional: "FUNCTION_ID [INPUT]",
  arity: [1, 2],
  examples: [
    `fumata run YmoDB35PKxZS9v6eaU84YR '{"node_list":["127.0.0.1:5000"]}' -c 6b6d1c8b21f89626…`,
    "fumata run YmoDB35PKxZS9v6eaU84YR -f input.json -c 6b6d1c8b21f89626…",
    "cat input.json | fumata run YmoDB35PKxZS9v6eaU84YR - -c 6b6d1c8b21f89626…",
  ],
  flags: [
    {
      name: "checksum",
      short: "c",
      type: "string",
      placeholder: "HEX",
      help: "the function's checksum, pinned before the input leaves",
    },
    {
      name: "file",
      short: "f",
      type: "string",
      placeholder: "FILE",
      help: "input from a file; INPUT - reads it from stdin",
    },
    OUTPUT_FLAG,
    ...PROFILE_FLAGS,
  ],
  async run(args, context) {
    const functionId = args.positional[0];
    if (!isBase58Id(functionId)) {
      throw usage(`"${functionId}" is no function id; 22 letters and digits are wanted`);
    }
    const checksum = checksumOf(args);
    const input = await readInput(args);
    const { enclave: url, token, attestation: policy } = await loadProfile(args, context);
    using connection = await connectEnclave({ url, token, policy, functionId, checksum });
    const output = await connection.invoke(input);
    const text = fromUtf8(output);
    if (args.text("output") === "json") {
      const value = { output: base64(output), ...(text !== undefined && { text }) };
      context.out(JSON.stringify(value, null, 2) + "\n");
    } else if (text !== undefined) {
      context.out(context.stdoutIsTerminal && !text.endsWith("\n") ? text + "\n" : text);
    } else {
      throw new FumataError(
        "failure",
        `Cannot print the output of ${functionId}: it is not text; -o json prints it in base64`,
      );
    }
    return 0;
  },
};

function checksumOf(args: Arguments): Uint8Array {
  const text = args.text("checksum");
  if (text === undefined) {
    throw usage("the checksum is missing; give it with -c, so that nothing is sent to other code");
  }
  const bytes = fromHex(text);
  if (bytes?.length === CHECKSUM_BYTES) return bytes;
  throw usage(`"${text}" is no checksum; 64 hex digits are wanted`);
}

async function readInput(args: Arguments): Promise<Uint8Array> {
  const [, word] = args.positional;
  const file = args.text("file");
  if ((word === undefined) === (file === undefined)) {
    throw usage("one input is wanted: as INPUT, by -f FILE, or - for stdin");
  }
  if (word !== undefined && word !== "-") return utf8(word);
  const path = file ?? "/dev/stdin";
  try {
    return await readBounded(
      file === undefined ? Deno.stdin.readable : (await Deno.open(file)).readable,
    );
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw usage(`the input "${path}" cannot be read: ${messageOf(thrown)}`);
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
  return new FumataError("usage", `Cannot run the function: ${message}`);
}
