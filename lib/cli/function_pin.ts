/**
 * Which function to call and which checksum to demand: from `-f` and `-c`, or from the file that `fumata deploy -o json` wrote, named by
 * `--function-json` or `FUNCTION_JSON` (the seeds' variable).
 */
import { isBase58Id } from "../base/base58.ts";
import { fromHex } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import type { Arguments, CommandContext } from "./command.ts";

/** A function by id, and the checksum that pins it. */
export interface FunctionPin {
  readonly id: string;
  /** 32 bytes. */
  readonly checksum: Uint8Array;
}

/** Such a file is a few hundred bytes. */
const FILE_BYTES_MAX = 64 * 1024;
const CHECKSUM_BYTES = 32;

/** Reads the pin; flags win over the file. Throws a usage error that says what is missing or wrong. */
export async function readFunctionPin(
  args: Arguments,
  context: CommandContext,
): Promise<FunctionPin> {
  const path = args.text("function-json") ?? context.env("FUNCTION_JSON");
  const file = path === undefined ? {} : await readFile(path);
  const id = args.text("function") ?? file.id;
  const checksum = args.text("checksum") ?? file.checksum;
  if (id === undefined) {
    throw usage(
      'the function is missing; give its id with -f, or --function-json with the output of "fumata deploy -o json"',
    );
  }
  if (checksum === undefined) {
    throw usage(
      "the function's checksum is missing; give it with -c, so that nothing is sent to another function",
    );
  }
  if (!isBase58Id(id)) {
    throw usage(
      `"${id}" is no function id; 22 letters and digits are wanted, as "fumata deploy" printed them`,
    );
  }
  const bytes = fromHex(checksum);
  if (bytes?.length !== CHECKSUM_BYTES) {
    throw usage(
      `"${checksum}" is no checksum; 64 hex digits are wanted, as "fumata deploy" printed them`,
    );
  }
  return { id, checksum: bytes };
}

async function readFile(path: string): Promise<{ id?: string; checksum?: string }> {
  let text: string;
  try {
    const { size } = await Deno.stat(path);
    if (size > FILE_BYTES_MAX) {
      throw new Error(`it has ${size} bytes, at most ${FILE_BYTES_MAX} are read`);
    }
    text = await Deno.readTextFile(path);
  } catch (thrown) {
    const why = thrown instanceof Deno.errors.NotFound
      ? "there is no such file"
      : messageOf(thrown);
    throw usage(`the function file "${path}" cannot be read: ${why}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw usage(
      `the function file "${path}" is not JSON; write it with "fumata deploy FOLDER -o json"`,
    );
  }
  const { function_id: id, function_checksum: checksum } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || typeof checksum !== "string") {
    throw usage(
      `the function file "${path}" lacks function_id or function_checksum; write it with "fumata deploy FOLDER -o json"`,
    );
  }
  return { id, checksum };
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot use the election function: ${message}`);
}
