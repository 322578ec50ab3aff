/**
 * Holds JSON values against the shapes of `schema.ts`. Fields beyond a shape are fine: whoever asks may be older than who answers. Patterns
 * and formats are left to who uses the text.
 */
import { isRecord } from "../base/json.ts";
import type { Schema, SchemaType } from "./schema.ts";

/** Where a value does not fit, as a path such as `$.members[0].name`; `undefined` when it does. */
export function misfitOf(value: unknown, schema: Schema, at = "$"): string | undefined {
  const { anyOf, type, minimum, items, properties = {}, required = [] } = schema;
  if (anyOf) return anyOf.some((part) => misfitOf(value, part) === undefined) ? undefined : at;
  const types = type === undefined ? [] : [type].flat();
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) return at;
  if (schema.enum && !(schema.enum as readonly unknown[]).includes(value)) return at;
  if (typeof value === "number" && value < (minimum ?? -Infinity)) return at;
  if (Array.isArray(value)) {
    return items && firstMisfit(value.map((item, i) => [item, items, `${at}[${i}]`] as const));
  }
  if (!isRecord(value)) return undefined;
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${at}.${missing}`;
  const { additionalProperties } = schema;
  return firstMisfit(
    Object.entries(value).flatMap(([name, field]) => {
      const part = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
      return typeof part === "object" ? [[field, part, `${at}.${name}`] as const] : [];
    }),
  );
}

function firstMisfit(
  parts: readonly (readonly [value: unknown, schema: Schema, at: string])[],
): string | undefined {
  for (const [value, schema, at] of parts) {
    const misfit = misfitOf(value, schema, at);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

/** Whether a value is of a type of JSON Schema. */
export function isOfType(value: unknown, type: SchemaType): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "object":
      return isRecord(value);
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    default:
      return type satisfies never;
  }
}
