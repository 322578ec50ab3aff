/**
 * Values that were encrypted for the account beforehand (`cape:`, see `crypto/sealed_value.ts`): a whole input, or texts anywhere inside an
 * input that is JSON, are opened here, inside the enclave, before the function sees them. So a function can be given what its
 * caller does not know.
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { SEALED_PREFIX, sealedValueBytes, type SealedValueKey } from "../../crypto/sealed_value.ts";
import { SessionError } from "./session.ts";

/** Sealed texts in one input: opening one takes a private operation of RSA-4096, several milliseconds. */
const SEALED_TEXTS_MAX = 64;

/** How deep JSON may be nested around them; deeper input is left as it is. */
const DEPTH_MAX = 64;

/** The input as the function gets it. Throws a {@linkcode SessionError} when a sealed value does not open. */
export async function openSealedInput(
  input: Uint8Array,
  accountKey: () => Promise<SealedValueKey>,
): Promise<Uint8Array> {
  const text = input.length >= SEALED_PREFIX.length && hasSealed(input)
    ? fromUtf8(input)
    : undefined;
  if (text === undefined) return input;
  if (text.startsWith(SEALED_PREFIX)) return await open(text.trimEnd(), accountKey);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return input;
  }
  const found = countSealed(value, DEPTH_MAX);
  if (found === 0) return input;
  if (found > SEALED_TEXTS_MAX) {
    throw new SessionError(
      `cannot decrypt the input: it holds more than ${SEALED_TEXTS_MAX} encrypted values`,
    );
  }
  return utf8(JSON.stringify(await opened(value, accountKey, DEPTH_MAX)));
}

/** Whether the prefix occurs at all: most inputs are done with here. */
function hasSealed(input: Uint8Array): boolean {
  const prefix = utf8(SEALED_PREFIX);
  for (let at = input.indexOf(prefix[0]); at >= 0; at = input.indexOf(prefix[0], at + 1)) {
    if (prefix.every((byte, i) => input[at + i] === byte)) return true;
  }
  return false;
}

function countSealed(value: unknown, depth: number): number {
  if (typeof value === "string") return value.startsWith(SEALED_PREFIX) ? 1 : 0;
  if (typeof value !== "object" || value === null || depth === 0) return 0;
  return Object.values(value).reduce((sum: number, item) => sum + countSealed(item, depth - 1), 0);
}

async function opened(
  value: unknown,
  accountKey: () => Promise<SealedValueKey>,
  depth: number,
): Promise<unknown> {
  if (typeof value === "string" && value.startsWith(SEALED_PREFIX)) {
    const text = fromUtf8(await open(value, accountKey));
    if (text === undefined) throw notForUs("it is not text");
    return text;
  }
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) {
    return await Promise.all(value.map((item) => opened(item, accountKey, depth - 1)));
  }
  const entries = Object.entries(value).map(async ([name, item]) =>
    [name, await opened(item, accountKey, depth - 1)] as const
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function open(
  text: string,
  accountKey: () => Promise<SealedValueKey>,
): Promise<Uint8Array> {
  const sealed = sealedValueBytes(text);
  if (!sealed) throw notForUs("what follows cape: is not base64");
  const plain = await (await accountKey()).open(sealed);
  if (!plain) throw notForUs("it is not for the key of this account, or was changed");
  return plain;
}

function notForUs(why: string): SessionError {
  return new SessionError(`cannot decrypt a value in the input: ${why}`);
}
