/**
 * The description of the interface (OpenAPI 3.1.0), made from the table of routes itself, so that it cannot fall behind. Shapes with a
 * name become components; what the server does for every route (errors, token, conditional requests) is added here.
 */
import { VERSION } from "../base/version.ts";
import type { Schema } from "./schema.ts";
import type { AnswerDoc, Route } from "./types.ts";
import { ERROR_SCHEMA } from "./view_schemas.ts";

/** A JSON object of the description; its grammar is the specification's. */
type Json = Readonly<Record<string, unknown>>;

/** Errors that any route may answer, by status. */
const COMMON_ERRORS: Readonly<Record<number, string>> = {
  400: "The request is wrong; the message says what is wanted.",
  403: "The host that the request names is not this node's, or a rule forbids it.",
  500: "A bug of the node.",
};

/** Errors of routes that take a body. */
const BODY_ERRORS: Readonly<Record<number, string>> = {
  413: "The body is too long.",
  415: "The body is no JSON by its Content-Type.",
};

/** The route that serves the description of a table. */
export function openApiRoute(table: () => readonly Route[]): Route {
  return {
    method: "GET",
    path: "/openapi.json",
    needsToken: false,
    doc: {
      summary: "This description.",
      answers: { 200: { means: "OpenAPI 3.1.", schema: { type: "object" } } },
    },
    handle: () => ({ json: openApi(table()) }),
  };
}

/** The description of a table. */
export function openApi(routes: readonly Route[]): Json {
  const components = new Map<string, Schema>();
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, components);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "fumata node",
      version: VERSION,
      description:
        "What a running node tells, and the orders that it takes. GET routes also take HEAD.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: Object.fromEntries(components),
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "The node's token: the file `http-token` of its state folder.",
        },
      },
    },
  };
}

function operation(
  { method, path, needsToken, doc }: Route,
  components: Map<string, Schema>,
): Json {
  const { summary, query = {}, takes, answers } = doc;
  const errors = {
    ...COMMON_ERRORS,
    ...(takes && BODY_ERRORS),
    ...(needsToken && { 401: "The token is missing or wrong." }),
  };
  const described = Object.fromEntries(
    Object.entries(errors).map(([status, means]): [string, AnswerDoc] => [status, { means }]),
  );
  const all: Record<string, AnswerDoc> = { ...described, ...answers };
  const responses = Object.entries(all).map(([status, answer]) => [
    status,
    response(Number(status), answer, components),
  ]);
  return {
    operationId: `${method.toLowerCase()}${
      path.replaceAll(/[^a-zA-Z0-9]+(.?)/g, (_, next) => next.toUpperCase())
    }`,
    summary,
    ...(needsToken && { security: [{ token: [] }] }),
    ...(Object.keys(query).length > 0 && {
      parameters: Object.entries(query).map(([name, { description, ...schema }]) => ({
        name,
        in: "query",
        required: false,
        description,
        schema,
      })),
    }),
    ...(takes && { requestBody: { required: true, content: json(takes, components) } }),
    responses: Object.fromEntries(responses),
  };
}

function response(status: number, answer: AnswerDoc, components: Map<string, Schema>): Json {
  const { means: description, schema, contentType } = answer;
  if (contentType) {
    return { description, content: { [contentType]: { schema: { type: "string" } } } };
  }
  return { description, content: json(schema ?? (status < 400 ? {} : ERROR_SCHEMA), components) };
}

function json(schema: Schema, components: Map<string, Schema>): Json {
  return { "application/json": { schema: hoisted(schema, components) } };
}

/** The shape with its named parts replaced by references to the components. */
function hoisted(schema: Schema, components: Map<string, Schema>): Schema {
  const inner = (part: Schema) => hoisted(part, components);
  const { title, properties, items, anyOf, additionalProperties, ...rest } = schema;
  const made: Schema = {
    ...rest,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, part]) => [name, inner(part)]),
      ),
    }),
    ...(items && { items: inner(items) }),
    ...(anyOf && { anyOf: anyOf.map(inner) }),
    ...(additionalProperties !== undefined && {
      additionalProperties: typeof additionalProperties === "boolean"
        ? additionalProperties
        : inner(additionalProperties),
    }),
  };
  if (title === undefined) return made;
  components.set(title, made);
  return { $ref: `#/components/schemas/${title}` };
}
