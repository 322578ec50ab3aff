/** Hostile inputs from valid ones: of JSON values, of texts, of bytes. Half of what comes out is only slightly wrong, so that it gets far. */
import { base64url, fromBase64url, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import type { Prng } from "../../lib/base/prng.ts";
import { mutated, noise } from "../wire/_fixtures.ts";

/** Any JSON. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** One of some. */
export function pick<T>(prng: Prng, items: readonly T[]): T {
  return items[prng.below(items.length)];
}

const NASTY: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  "",
  "x",
  "\u0000",
  "\ud800",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "A".repeat(43),
  "A".repeat(86),
  "=".repeat(100),
  "9".repeat(400),
  [],
  {},
  [[[[[[[[]]]]]]]],
  { __proto__: null, toString: 1 } as unknown as Json,
];

/** A copy of a value with one to three changes somewhere. */
export function changedJson(value: Json, prng: Prng): Json {
  let copy = value;
  for (let change = prng.below(3); change >= 0; change--) copy = changedOnce(copy, prng, 0);
  return copy;
}

function changedOnce(value: Json, prng: Prng, depth: number): Json {
  const isLeaf = value === null || typeof value !== "object";
  if (isLeaf || depth > 8 || prng.below(8) === 0) return otherValue(value, prng);
  if (Array.isArray(value)) {
    const copy = [...value];
    if (copy.length === 0) return [pick(prng, NASTY)];
    const at = prng.below(copy.length);
    const kind = prng.below(6);
    if (kind === 0) copy.splice(at, 1);
    else if (kind === 1) copy.splice(at, 0, copy[prng.below(copy.length)]);
    else if (kind === 2) return Array.from({ length: 1 + prng.below(300) }, () => copy[at]);
    else copy[at] = changedOnce(copy[at], prng, depth + 1);
    return copy;
  }
  const names = Object.keys(value);
  if (names.length === 0) {
    return { [pick(prng, ["x", "__proto__", "toString"])]: pick(prng, NASTY) };
  }
  const name = pick(prng, names);
  const kind = prng.below(8);
  if (kind === 0) return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
  if (kind === 1) return { ...value, [pick(prng, ["x", name + " ", "constructor"])]: value[name] };
  if (kind === 2) return { ...value, [name]: value[pick(prng, names)] };
  return { ...value, [name]: changedOnce(value[name], prng, depth + 1) };
}

function otherValue(value: Json, prng: Prng): Json {
  const kind = prng.below(6);
  const jws = typeof value === "string" && kind < 3 ? changedJws(value, prng) : undefined;
  if (jws !== undefined) return jws;
  if (typeof value === "string" && value.length > 0 && kind < 4) return changedText(value, prng);
  if (typeof value === "number" && kind < 4) return pick(prng, [value + 1, value - 1, -value, 0]);
  return pick(prng, NASTY);
}

/** A copy of a compact JWS with changes inside its header or its claims, where damaged base64url hardly ever gets; `undefined` when it is none. */
function changedJws(text: string, prng: Prng): string | undefined {
  const parts = text.split(".");
  if (parts.length !== 3) return undefined;
  const at = prng.below(2);
  const inside = fromUtf8(fromBase64url(parts[at]) ?? new Uint8Array());
  try {
    const value = JSON.parse(inside ?? "") as Json;
    parts[at] = base64url(utf8(JSON.stringify(changedJson(value, prng)).toWellFormed()));
    return parts.join(".");
  } catch {
    return undefined;
  }
}

/** A copy of a text with a change somewhere. */
export function changedText(text: string, prng: Prng): string {
  const at = prng.below(text.length + 1);
  const other = pick(prng, ["", "A", "-", "_", "0", '"', "\\", "\n", "é", "\u0000", "{", "}", "."]);
  switch (prng.below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at);
    case 2:
      return text.slice(0, at) + text.slice(prng.below(text.length + 1));
    default:
      return text.slice(0, at) + other + text.slice(at + prng.below(2));
  }
}

/** The text of hostile JSON: mostly a changed value, sometimes damaged text. */
export function hostileJson(value: Json, prng: Prng): string {
  const text = JSON.stringify(prng.below(16) === 0 ? value : changedJson(value, prng));
  return prng.below(4) === 0 ? changedText(text, prng) : text;
}

/** Hostile bytes: a valid sample with some changes, cut off, doubled, or noise. */
export function hostileBytes(sample: Uint8Array, prng: Prng): Uint8Array {
  switch (prng.below(8)) {
    case 0:
      return noise(prng);
    case 1:
      return sample.slice(0, prng.below(sample.length + 1));
    case 2:
      return Uint8Array.of(...sample.slice(0, 4_000), ...sample.slice(0, 4_000));
    case 3:
      return sample;
    default:
      return mutated(sample, prng);
  }
}

/** The bytes of hostile JSON. */
export function hostileJsonBytes(value: Json, prng: Prng): Uint8Array {
  const bytes = utf8(hostileJson(value, prng).toWellFormed());
  return prng.below(16) === 0 && bytes.length > 0 ? mutated(bytes, prng) : bytes;
}
