/**
 * From a command to a running node: finds its HTTP address and token and makes one request. A node is named by its gossip address or port, by
 * its HTTP address, or by its state folder; without a name the only node of this user on this machine is meant.
 */
import {
  type ControlFile,
  readControlFile,
  requireToken,
  tokenOfFolder,
} from "../api/control_file.ts";
import type { Schema } from "../api/schema.ts";
import { misfitOf } from "../api/schema_check.ts";
import type { ApiError } from "../api/types.ts";
import {
  ATTESTATION_SCHEMA,
  CERTIFICATE_SCHEMA,
  CHAIN_SCHEMA,
  FORCE_LEAVE_SCHEMA,
  JOIN_SCHEMA,
  KEYS_SCHEMA,
  LEADER_SCHEMA,
  LEFT_SCHEMA,
  MEMBERS_SCHEMA,
  STATUS_SCHEMA,
  STEPPED_DOWN_SCHEMA,
  SUB_LEASE_RETURNED_SCHEMA,
  SUB_LEASE_SCHEMA,
  SUCCESSION_SCHEMA,
} from "../api/view_schemas.ts";
import { formatAddress, requireAddress } from "../base/address.ts";
import { assert, EXIT_CODES, FumataError } from "../base/errors.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";
import { withProgress } from "./progress.ts";
import { stateFolders, stateHome } from "./state_folder.ts";

/** The flags of every command that talks to a node. */
export const NODE_FLAGS: readonly Flag[] = [
  {
    name: "node",
    type: "string",
    placeholder: "ADDR|PORT",
    help:
      "address or port of the node, or of its HTTP interface; not needed when only one runs here",
  },
  { name: "folder", type: "string", placeholder: "DIR", help: "state folder of the node" },
  {
    name: "token-file",
    type: "string",
    placeholder: "FILE",
    help: "file with the node's token, when it is not in its state folder",
  },
];

/** Longer than any route takes: a leave on a wide network waits for confirmations up to 15 s. */
const ANSWER_MS_MAX = 30_000;

/** What a node answers to each question that commands ask, as `/openapi.json` publishes it. */
export const ANSWERS: Readonly<Record<string, Schema>> = {
  "GET /v1/status": STATUS_SCHEMA,
  "GET /v1/members": MEMBERS_SCHEMA,
  "GET /v1/leader": LEADER_SCHEMA,
  "GET /v1/certificate": CERTIFICATE_SCHEMA,
  "GET /v1/chain": CHAIN_SCHEMA,
  "GET /v1/attestation": ATTESTATION_SCHEMA,
  "GET /v1/cluster-keys": KEYS_SCHEMA,
  "POST /v1/cluster-keys/add": KEYS_SCHEMA,
  "POST /v1/cluster-keys/use": KEYS_SCHEMA,
  "POST /v1/cluster-keys/remove": KEYS_SCHEMA,
  "POST /v1/join": JOIN_SCHEMA,
  "POST /v1/leave": LEFT_SCHEMA,
  "POST /v1/force-leave": FORCE_LEAVE_SCHEMA,
  "POST /v1/step-down": STEPPED_DOWN_SCHEMA,
  "POST /v1/succession": SUCCESSION_SCHEMA,
  "POST /v1/sub-leases": SUB_LEASE_SCHEMA,
  "POST /v1/sub-leases/return": SUB_LEASE_RETURNED_SCHEMA,
};

/** What to look at when something else answers. */
const HINT = "is this its HTTP address? --folder finds that";

/** A node that commands can talk to. */
export interface NodeLink {
  /** Its HTTP address. */
  readonly http: string;
  /** What its orders need, when it is known; for those that must not tell it. */
  readonly token: string | undefined;
  /**
   * The answer to a request, awaited until the signal, or for `waitMsMax` at most. Throws a {@linkcode FumataError}: `unreachable`, or what
   * the node refused with.
   */
  get(path: string, signal?: AbortSignal): Promise<unknown>;
  post(path: string, body: unknown, waitMsMax?: number): Promise<unknown>;
}

/** The node that the arguments name. Throws a {@linkcode FumataError} when none or several are meant. */
export function findNode(args: Arguments, context: CommandContext): NodeLink {
  const { http, folder } = locate(args, context);
  const token = tokenOf(args, folder);
  const call = (
    method: string,
    path: string,
    { body, waitMsMax, signal }: { body?: unknown; waitMsMax?: number; signal?: AbortSignal },
  ) => {
    const timeout = AbortSignal.timeout(waitMsMax ?? ANSWER_MS_MAX);
    const stop = signal ? AbortSignal.any([timeout, signal]) : timeout;
    const asked = () => request(http, method, path, token, body, stop);
    // Whoever bounds the wait asks in the background, and the terminal is another's.
    if (waitMsMax !== undefined || signal) return asked();
    return withProgress(context, `waiting for the node at ${http}`, asked);
  };
  return {
    http,
    token,
    get: (path, signal) => call("GET", path, { signal }),
    post: (path, body, waitMsMax) => call("POST", path, { body, waitMsMax }),
  };
}

/** The token that the arguments name, else that of the node's folder, when it is known. */
function tokenOf(args: Arguments, folder: string | undefined): string | undefined {
  const file = args.text("token-file");
  return file === undefined ? folder && tokenOfFolder(folder) : requireToken(file);
}

interface Located {
  readonly http: string;
  readonly folder?: string;
}

function locate(args: Arguments, context: CommandContext): Located {
  const folder = args.text("folder");
  if (folder !== undefined) {
    const control = readControlFile(folder);
    if (control) return { http: control.http, folder };
    throw new FumataError("unreachable", `Cannot reach a node: none is running in "${folder}"`);
  }
  const running = stateFolders(stateHome(context)).flatMap((folder) => {
    const control = readControlFile(folder);
    return control ? [{ ...control, folder }] : [];
  });
  const named = args.text("node");
  if (named !== undefined) return match(named, running);
  if (running.length === 1) return running[0];
  const which = running.length === 0
    ? "none of this user is running here; name one with --node or --folder"
    : `several are running here (${
      running.map(({ node }) => node).join(", ")
    }); name one with --node`;
  throw new FumataError("unreachable", `Cannot reach a node: ${which}`);
}

function match(named: string, running: readonly (ControlFile & Located)[]): Located {
  const wanted = requireAddress(named, "--node");
  const isPort = /^\d+$/.test(named.trim());
  const found = running.filter(({ node, http }) =>
    isPort
      ? portOf(node) === wanted.port || portOf(http) === wanted.port
      : node === formatAddress(wanted) || http === formatAddress(wanted)
  );
  if (found.length > 1) {
    const folders = found.map(({ folder }) => folder).join(", ");
    throw new FumataError(
      "usage",
      `Cannot use --node "${named}": several are meant, by their folders ${folders}; name one with --folder`,
    );
  }
  return found[0] ?? { http: formatAddress(wanted) };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

async function request(
  http: string,
  method: string,
  path: string,
  token: string | undefined,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  let status: number;
  let value: unknown;
  try {
    const response = await fetch(`http://${http}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
    });
    status = response.status;
    value = await response.json();
  } catch (thrown) {
    throw new FumataError(
      "unreachable",
      `Cannot reach the node at ${http}: ${
        whyOf(thrown)
      }; is it running, and is this its HTTP address?`,
      { cause: thrown },
    );
  }
  if (status === 200) return checked(value, method, path, http);
  const { code, message } = refusalIn(value) ??
    {
      code: "failure",
      message: `Cannot ask the node at ${http}: it answers HTTP ${status}; ${HINT}`,
    };
  throw new FumataError(code, message);
}

/**
 * The answer, if it has the shape that a node's has: whatever else listens there must not be taken for a node, least of all by `fumata lock`.
 * Throws an `unreachable` error.
 */
function checked(value: unknown, method: string, path: string, http: string): unknown {
  const question = `${method} ${path.replace(/\?.*$/, "")}`;
  const schema = ANSWERS[question];
  assert(schema, `nothing says what a node answers to ${question}`);
  const misfit = misfitOf(value, schema);
  if (misfit === undefined) return value;
  throw new FumataError(
    "unreachable",
    `Cannot use the answer of ${http} to ${path}: ${misfit} is not what a node answers; ${HINT}`,
  );
}

/** What a node's answer says when it is an error; `undefined` for what no node answers. */
export function refusalIn(value: unknown): ApiError["error"] | undefined {
  const { code, message } = (value as Partial<ApiError> | null)?.error ?? {};
  if (typeof message !== "string") return undefined;
  const isCode = typeof code === "string" && Object.hasOwn(EXIT_CODES, code);
  return { code: isCode ? code : "failure", message };
}

/** Why a request got no answer, in words for people. */
export function whyOf(thrown: unknown): string {
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") return "it does not answer";
  if (thrown instanceof SyntaxError) return "it answers something else than a node";
  const text = thrown instanceof Error ? `${thrown.message} ${thrown.cause ?? ""}` : String(thrown);
  return /refused/i.test(text) ? "nothing listens there" : "the connection failed";
}
