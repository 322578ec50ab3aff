/** Reading a request: every field has the wanted type or the whole request is refused, with a reason that names the field. */
import { fromBase64url } from "./base64url.ts";
import { TERM_MAX } from "./rules.ts";

/** Bytes of digests, ids and kids. */
export const DIGEST_BYTES = 32;

/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

/** Throws the refusal of a request. */
export function refuse(reason: string): never {
  throw new Error(`Cannot elect: ${reason}`);
}

/** An object with exactly these fields, and perhaps the optional ones. */
export function objectOf<Name extends string, Optional extends string = never>(
  value: unknown,
  where: string,
  names: readonly Name[],
  optional: readonly Optional[] = [],
): Record<Name, unknown> & Partial<Record<Optional, unknown>> {
  if (!isObject(value)) refuse(`${where} is not an object`);
  const missing = names.find((name) => !Object.hasOwn(value, name));
  if (missing) refuse(`${where} lacks "${missing}"`);
  const known: readonly string[] = [...names, ...optional];
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`${where} has an unknown field "${unknown.slice(0, 40)}"`);
  return value as Record<Name, unknown> & Partial<Record<Optional, unknown>>;
}

/** An array of 1 to `max` items. */
export function arrayOf(value: unknown, where: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) refuse(`${where} is not an array`);
  if (value.length === 0) refuse(`${where} is empty`);
  if (value.length > max) refuse(`${where} has ${value.length} items; at most ${max} are allowed`);
  return value;
}

/** Bytes of exactly this length, from canonical base64url. */
export function bytesOf(value: unknown, where: string, length: number): Uint8Array {
  const isPlausible = typeof value === "string" && value.length === Math.ceil(length * 4 / 3);
  const bytes = isPlausible ? fromBase64url(value) : undefined;
  return bytes ?? refuse(`${where} is not ${length} bytes in base64url`);
}

/** A term. */
export function termOf(value: unknown, where: string): number {
  const isTerm = Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= TERM_MAX;
  return isTerm ? value as number : refuse(`${where} is not a whole number of 1..2^53-1`);
}

/** Whether a value is an object and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
