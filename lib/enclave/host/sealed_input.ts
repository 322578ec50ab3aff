/**
 * Values that were encrypted for the account beforehand (`cape:`, see `crypto/sealed_value.ts`): a whole input, or texts anywhere inside an
 * input that is JSON, are opened here, inside the enclave, before the function sees them. So a function can be given what its caller
 * does not know. Everything else of the input stays as it came, byte for byte: JSON that is read and written again is no longer the same
 * (long numbers, white space, names that are there twice).
 */
import { Buffer } from "node:buffer";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { SEALED_PREFIX, sealedValueBytes, type SealedValueKey } from "../../crypto/sealed_value.ts";
import { SessionError } from "./session.ts";

/** Sealed texts in one input: opening one takes a private operation of RSA-4096, several milliseconds. */
const SEALED_TEXTS_MAX = 64;

/** How a sealed text begins where it stands in JSON. Who writes these letters as escapes is not understood. */
const TOKEN_PREFIX = `"${SEALED_PREFIX}`;

/** A string of JSON that is a value: where it stands, with its quotes. */
interface Token {
  readonly at: number;
  readonly end: number;
}

/** The input as the function gets it. What a value holds is not looked at again. Throws a {@linkcode SessionError} when one does not open. */
export async function openSealedInput(
  input: Uint8Array,
  accountKey: () => Promise<SealedValueKey>,
): Promise<Uint8Array> {
  // Most inputs are done with here.
  const text = bufferOf(input).includes(SEALED_PREFIX) ? fromUtf8(input) : undefined;
  if (text === undefined) return input;
  if (text.startsWith(SEALED_PREFIX)) return await open(text.trimEnd(), accountKey);
  if (!text.includes(TOKEN_PREFIX) || !isJson(text)) return input;
  let result = "";
  let end = 0;
  for (const token of sealedTokens(text)) {
    const value = String(JSON.parse(text.slice(token.at, token.end)));
    const plain = fromUtf8(await open(value, accountKey));
    if (plain === undefined) throw notForUs("it is not text");
    result += text.slice(end, token.at) + JSON.stringify(plain);
    end = token.end;
  }
  return end === 0 ? input : utf8(result + text.slice(end));
}

/**
 * The strings of a JSON text that begin like sealed values and are not names of members (RFC 8259, sections 4 and 7). Found without reading the text as a
 * whole again, because it may be long: a quote before other letters than these ends no string, and one behind a backslash is inside of one.
 */
function sealedTokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; (at = text.indexOf(TOKEN_PREFIX, at)) >= 0;) {
    if (text[at - 1] === "\\") {
      at += TOKEN_PREFIX.length;
      continue;
    }
    const end = endOfString(text, at);
    if (!isName(text, end)) found.push({ at, end });
    if (found.length > SEALED_TEXTS_MAX) {
      throw new SessionError(
        `cannot decrypt the input: it holds more than ${SEALED_TEXTS_MAX} encrypted values`,
      );
    }
    at = end;
  }
  return found;
}

/** Behind the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let quote = at;;) {
    quote = text.indexOf('"', quote + 1);
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

function isName(text: string, end: number): boolean {
  const behind = /[^ \t\n\r]/g;
  behind.lastIndex = end;
  return behind.exec(text)?.[0] === ":";
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
