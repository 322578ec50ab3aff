/**
 * Values that were encrypted for the account beforehand (`cape:`, see `crypto/sealed_value.ts`): a whole input, or texts anywhere inside an
 * input that is JSON, are opened here, inside the enclave, before the function sees them. So a function can be given what its caller
 * does not know. Everything else of the input stays as it came, byte for byte: JSON that is read and written again is no longer the same
 * (long numbers, white space, names that are there twice).
 */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { SEALED_PREFIX, sealedValueBytes, type SealedValueKey } from "../../crypto/sealed_value.ts";
import { SessionError } from "./session.ts";

/** Sealed texts in one input: opening one takes a private operation of RSA-4096, several milliseconds. */
const SEALED_TEXTS_MAX = 64;

/** A string of JSON (RFC 8259, section 7), and the colon behind it when it is the name of a member. */
const JSON_TEXT = /("(?:[^"\\]|\\.)*")(\s*:)?/g;

/** The input as the function gets it. What a value holds is not looked at again. Throws a {@linkcode SessionError} when one does not open. */
export async function openSealedInput(
  input: Uint8Array,
  accountKey: () => Promise<SealedValueKey>,
): Promise<Uint8Array> {
  const text = input.length >= SEALED_PREFIX.length && hasSealed(input)
    ? fromUtf8(input)
    : undefined;
  if (text === undefined) return input;
  if (text.startsWith(SEALED_PREFIX)) return await open(text.trimEnd(), accountKey);
  if (!isJson(text)) return input;
  const found = [...text.matchAll(JSON_TEXT)]
    .filter(([, , colon]) => colon === undefined)
    .map((match) => ({ at: match.index, token: match[1], value: String(JSON.parse(match[1])) }))
    .filter(({ value }) => value.startsWith(SEALED_PREFIX));
  if (found.length > SEALED_TEXTS_MAX) {
    throw new SessionError(
      `cannot decrypt the input: it holds more than ${SEALED_TEXTS_MAX} encrypted values`,
    );
  }
  let result = "";
  let end = 0;
  for (const { at, token, value } of found) {
    const plain = fromUtf8(await open(value, accountKey));
    if (plain === undefined) throw notForUs("it is not text");
    result += text.slice(end, at) + JSON.stringify(plain);
    end = at + token.length;
  }
  return end === 0 ? input : utf8(result + text.slice(end));
}

/** Whether the prefix occurs at all: most inputs are done with here. */
function hasSealed(input: Uint8Array): boolean {
  const prefix = utf8(SEALED_PREFIX);
  for (let at = input.indexOf(prefix[0]); at >= 0; at = input.indexOf(prefix[0], at + 1)) {
    if (prefix.every((byte, i) => input[at + i] === byte)) return true;
  }
  return false;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
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
