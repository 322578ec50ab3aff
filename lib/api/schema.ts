/**
 * Shapes of JSON values as JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1), written with a few functions whose types hold a shape
 * to the interface that it describes: a field more or less does not compile.
 */

/** The part of JSON Schema that is used here. */
export interface Schema {
  readonly type?: SchemaType | readonly SchemaType[];
  readonly description?: string;
  /** A shape with a name becomes a component of the description. */
  readonly title?: string;
  readonly enum?: readonly (string | null)[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** Of fields that are not listed: `false` is none. */
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
}

/** Types of JSON values. */
export type SchemaType = "string" | "number" | "integer" | "boolean" | "object" | "array" | "null";

/** A text. */
export function text(description: string, more: Pick<Schema, "pattern" | "format"> = {}): Schema {
  return { type: "string", description, ...more };
}

/** A time, ISO 8601 in UTC. */
export function time(description: string): Schema {
  return text(description, { format: "date-time" });
}

/** One of these texts. */
export function oneOf(names: readonly string[], description: string): Schema {
  return { type: "string", enum: names, description };
}

/** A number that is not negative; the description names its unit. */
export function amount(description: string): Schema {
  return { type: "number", minimum: 0, description };
}

/** A whole number that is not negative. */
export function count(description: string): Schema {
  return { type: "integer", minimum: 0, description };
}

/** True or false. */
export function flag(description: string): Schema {
  return { type: "boolean", description };
}

/** Anything at all. */
export function anything(description: string): Schema {
  return { description };
}

/** Values of one shape. */
export function list(items: Schema, description?: string): Schema {
  return { type: "array", items, ...(description && { description }) };
}

/** Values of one shape under names that are not known beforehand. */
export function table(values: Schema, description: string): Schema {
  return { type: "object", additionalProperties: values, description };
}

/** The shape, or `null`. */
export function orNull(schema: Schema, description?: string): Schema {
  return { anyOf: [schema, { type: "null" }], ...(description && { description }) };
}

/** An object of exactly these fields; those in `optional` may be missing. `title` names it among the components. */
export function record<T>(
  title: string,
  fields: { readonly [K in keyof Required<T>]: Schema },
  optional: readonly (keyof T & string)[] = [],
): Schema {
  const names = Object.keys(fields);
  return {
    title,
    type: "object",
    properties: fields as Readonly<Record<string, Schema>>,
    required: names.filter((name) => !(optional as readonly string[]).includes(name)),
    additionalProperties: false,
  };
}
