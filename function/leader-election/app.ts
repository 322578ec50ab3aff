/**
 * The election function: what runs in the enclave. One input is one JSON request:
 *
 * | request | answer | package |
 * |---|---|---|
 * | `{"node_list": [...]}` | the seeds' call, see `plain.ts` | without `cluster.json` |
 * | `{"describe": {}}` | what this function is, see `describe.ts` | any |
 * | `{"elect": {...}}` | a certificate, see `elect.ts` | without `cluster.json` |
 * | `{"elect": {...}}`, `{"close": {...}}` | a certificate, see `roster_elect.ts` | with `cluster.json` |
 *
 * A `"reply"` beside `describe`, `elect` or `close` is a raw X25519 key in base64url, to which the answer is sealed (design §4.5): a certificate
 * is for whoever called, and not for who watches the connection.
 *
 * Refusals are thrown: the caller sees the message. Nothing is kept between calls.
 */
import { CLUSTER_FILE, type ClusterConfig, readClusterConfig } from "./cluster_config.ts";
import { describeOpen, describeRoster } from "./describe.ts";
import { elect } from "./elect.ts";
import { bytesOf, isObject, objectOf } from "./fields.ts";
import { enclaveHost } from "./host.ts";
import { plainElection } from "./plain.ts";
import { closeRoster, electOfRoster } from "./roster_elect.ts";

/** The largest request: an election of as many nodes as may be active has half of it. */
const REQUEST_BYTES_MAX = 512 * 1024;

/** Bytes of a raw X25519 key. */
const KEY_BYTES = 32;

/** Answers one request. */
export function cape_handler(input: Uint8Array): string {
  const config = packageCluster();
  const request = parse(input);
  const isPlain = Object.hasOwn(request, "node_list");
  const { reply, ...rest } = request;
  const asked = isPlain ? request : rest;
  const answer = config ? answerOfRoster(asked, config) : answerOfOpen(asked);
  if (!isPlain && reply !== undefined) enclaveHost().replyTo(bytesOf(reply, "reply", KEY_BYTES));
  return answer;
}

function answerOfOpen(request: Record<string, unknown>): string {
  if (Object.hasOwn(request, "node_list")) {
    for (const name of ["describe", "elect"]) {
      if (Object.hasOwn(request, name) && !isObject(request[name])) {
        throw new Error(`Cannot elect: "${name}" is not an object`);
      }
    }
    return plainElection(request.node_list);
  }
  if (Object.hasOwn(request, "describe")) {
    checkDescribe(request);
    return describeOpen(REQUEST_BYTES_MAX);
  }
  if (Object.hasOwn(request, "elect")) {
    return elect(objectOf(request, "the request", ["elect"]).elect);
  }
  throw new Error("node list is missing");
}

/** A roster's elections are certified or not at all: the plain call would let anyone obtain a signature over any name. */
function answerOfRoster(request: Record<string, unknown>, config: ClusterConfig): string {
  if (Object.hasOwn(request, "node_list")) {
    throw new Error(
      `Cannot elect: the package has a ${CLUSTER_FILE}, so there is no plain call; "elect" wants the votes of its roster`,
    );
  }
  if (Object.hasOwn(request, "describe")) {
    checkDescribe(request);
    return describeRoster(config, REQUEST_BYTES_MAX);
  }
  if (Object.hasOwn(request, "close")) {
    return closeRoster(objectOf(request, "the request", ["close"]).close, config);
  }
  return electOfRoster(objectOf(request, "the request", ["elect"]).elect, config);
}

function checkDescribe(request: Record<string, unknown>): void {
  objectOf(objectOf(request, "the request", ["describe"]).describe, "describe", []);
}

/** The package's roster cluster; `undefined` when it serves open clusters. */
function packageCluster(): ClusterConfig | undefined {
  const enclave = enclaveHost();
  if (!enclave.hasFile(CLUSTER_FILE)) return undefined;
  const config = readClusterConfig(enclave.readFile(CLUSTER_FILE), enclave);
  if (typeof config !== "string") return config;
  throw new Error(`Cannot read ${CLUSTER_FILE} of the package: ${config}`);
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
