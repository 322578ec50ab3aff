/**
 * The election function: what runs in the enclave. One input is one JSON request:
 *
 * | request | answer |
 * |---|---|
 * | `{"node_list": [...]}` | the seeds' call, see `plain.ts` |
 * | `{"describe": {}}` | what this function is, see `describe.ts` |
 * | `{"elect": {...}}` | a certificate, see `elect.ts` |
 *
 * Refusals are thrown: the caller sees the message. Nothing is kept between calls.
 */
import { describe } from "./describe.ts";
import { elect } from "./elect.ts";
import { isObject, objectOf } from "./fields.ts";
import { enclaveHost } from "./host.ts";
import { plainElection } from "./plain.ts";

/** The largest request: an election of as many nodes as may be active has half of it. */
const REQUEST_BYTES_MAX = 512 * 1024;

/** Answers one request. */
export function cape_handler(input: Uint8Array): string {
  if (enclaveHost().hasFile("cluster.json")) {
    throw new Error(
      "Cannot elect: the package has a cluster.json, but this function serves open clusters only",
    );
  }
  const request = parse(input);
  if (Object.hasOwn(request, "node_list")) {
    for (const name of ["describe", "elect"]) {
      if (Object.hasOwn(request, name) && !isObject(request[name])) {
        throw new Error(`Cannot elect: "${name}" is not an object`);
      }
    }
    return plainElection(request.node_list);
  }
  if (Object.hasOwn(request, "describe")) {
    objectOf(objectOf(request, "the request", ["describe"]).describe, "describe", []);
    return describe(REQUEST_BYTES_MAX);
  }
  if (Object.hasOwn(request, "elect")) {
    return elect(objectOf(request, "the request", ["elect"]).elect);
  }
  throw new Error("node list is missing");
}

function parse(input: Uint8Array): Record<string, unknown> {
  if (input.length > REQUEST_BYTES_MAX) {
    throw new Error(
      `Cannot read the request: it has ${input.length} bytes; at most ${REQUEST_BYTES_MAX} are allowed`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(input));
  } catch {
    throw new Error("Cannot read the request: it is not JSON in UTF-8");
  }
  if (!isObject(value)) throw new Error("Cannot read the request: it is not a JSON object");
  return value;
}
