/** Holds JSON values against the schemas of `/openapi.json`: the part of JSON Schema that these use, and a refusal of any other. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { isOfType } from "../../lib/api/schema_check.ts";

// deno-lint-ignore no-explicit-any -- what the tests look into is what they are about
type Json = any;

const KNOWN = new Set([
  ...["type", "description", "enum", "format", "pattern", "minimum", "properties", "required"],
  ...["additionalProperties", "items", "anyOf", "$ref"],
]);

/** Throws unless an answer is one that the description has for this status of an operation, of the type and the shape that it gives. */
export function holdAnswer(
  description: Json,
  method: "get" | "post",
  path: string,
  { status, body }: { readonly status: number; readonly body: unknown },
): void {
  const { responses } = description.paths[path.split("?")[0]][method];
  const response = responses[status];
  ok(response, `${path} answered ${status}, which is not described`);
  const [[type, { schema }]] = Object.entries<{ schema: object }>(response.content);
  strictEqual(type === "application/json", typeof body === "object", path);
  deepStrictEqual(misfits(body, schema, description), [], path);
}

/** What does not fit, each with its path; empty when everything does. */
export function misfits(value: Json, schema: Json, description: Json, at = "$"): string[] {
  const unknown = Object.keys(schema).filter((name) => !KNOWN.has(name));
  if (unknown.length > 0) return [`${at}: the schema says ${unknown}`];
  if (schema.$ref !== undefined) {
    const found = description.components.schemas[schema.$ref.split("/").at(-1)];
    return found ? misfits(value, found, description, at) : [`${at}: no ${schema.$ref}`];
  }
  if (schema.anyOf) {
    const tries = schema.anyOf.map((part: Json) => misfits(value, part, description, at));
    return tries.some((faults: string[]) => faults.length === 0) ? [] : tries.flat();
  }
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
    return [`${at}: ${JSON.stringify(value)} is no ${types}`];
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: ${value} is none of the names`];
  if (schema.pattern && !new RegExp(schema.pattern).test(value)) return [`${at}: ${value}`];
  if (schema.format === "date-time" && !(Date.parse(value) > 0)) return [`${at}: ${value}`];
  if (typeof value === "number" && value < (schema.minimum ?? -Infinity)) {
    return [`${at}: ${value}`];
  }
  if (Array.isArray(value) && schema.items) {
    return value.flatMap((item, i) => misfits(item, schema.items, description, `${at}[${i}]`));
  }
  return isOfType(value, "object") ? fieldMisfits(value, schema, description, at) : [];
}

function fieldMisfits(value: Json, schema: Json, description: Json, at: string): string[] {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const missing = required.filter((name: string) => !Object.hasOwn(value, name))
    .map((name: string) => `${at}.${name} is missing`);
  const wrong = Object.entries(value).flatMap(([name, field]) => {
    const part = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (part === false) return [`${at}.${name} is not described`];
    return part === true ? [] : misfits(field, part, description, `${at}.${name}`);
  });
  return [...missing, ...wrong];
}
