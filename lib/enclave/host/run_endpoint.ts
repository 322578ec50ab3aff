/**
 * `GET /v1/run/<id>` and `/v1/run/<user>/<name>`: calls a function as often as the client likes on one connection, in order. The function's
 * state lives from connect to close; an error of the function ends the session.
 */
import type { Sandbox } from "../../sandbox/types.ts";
import type { TeeDriver } from "../../tee/types.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { CallRunner } from "./calls.ts";
import type { FunctionRecord, FunctionStore } from "./function_store.ts";
import type { ResultKey } from "./keys.ts";
import type { Parameters, Refusal, SocketRoute } from "./routes.ts";
import { type Session, SessionError } from "./session.ts";

/** What the endpoints work with. */
export interface RunParts {
  readonly store: FunctionStore;
  readonly sandbox: Sandbox;
  readonly tee: TeeDriver;
  readonly resultKey: ResultKey;
  readonly calls: CallRunner;
  readonly limits: EnclaveLimits;
  /** The name of the account. */
  readonly user: string;
}

/** The two endpoints; they share one count of sessions. */
export function runEndpoints(parts: RunParts): SocketRoute<Session>[] {
  const gate = { sessions: 0 };
  const byId = ({ id }: Parameters) => parts.store.find(id);
  const byName = ({ user, name }: Parameters) =>
    user === parts.user ? parts.store.findNewest(name) : undefined;
  return [
    endpoint("/v1/run/:id", ({ id }) => `function ${id}`, byId, gate, parts),
    endpoint(
      "/v1/run/:user/:name",
      ({ user, name }) => `function ${user}/${name}`,
      byName,
      gate,
      parts,
    ),
  ];
}

function endpoint(
  path: string,
  label: (parameters: Parameters) => string,
  find: (parameters: Parameters) => FunctionRecord | undefined,
  gate: { sessions: number },
  parts: RunParts,
): SocketRoute<Session> {
  const { limits } = parts;
  return {
    kind: "socket",
    path,
    access: "function",
    frameBytesMax: limits.inputBytesMax,
    functionId: (parameters) => find(parameters)?.id,
    refuse(parameters): Refusal | undefined {
      if (!find(parameters)) return { status: 404, error: `there is no ${label(parameters)}` };
      if (gate.sessions < limits.sessionsMax) return undefined;
      return {
        status: 503,
        error: `the host runs ${limits.sessionsMax} functions already; try again later`,
        headers: { "Retry-After": "1" },
      };
    },
    async serve(session, parameters) {
      const record = find(parameters);
      if (!record) throw new SessionError(`there is no ${label(parameters)}`);
      gate.sessions++;
      try {
        await run(session, record, parts);
      } finally {
        gate.sessions--;
      }
    },
  };
}

async function run(session: Session, record: FunctionRecord, parts: RunParts): Promise<void> {
  const { store, sandbox, tee, resultKey, calls } = parts;
  const { functionPackage, certificateKey, certificateKeyPem } = await store.load(record);
  const attested = await session.attest({
    functionChecksum: record.checksum,
    resultKey: resultKey.publicKey,
    certificateKid: certificateKey.kid,
    isolation: await sandbox.isolation(functionPackage),
  }, certificateKey.jwk);
  if (!attested) return;
  const running = await sandbox.open(functionPackage, { certificateKeyPem }, tee.platform);
  try {
    for (let input; (input = await session.nextInput());) {
      await calls.answer(session, running, record.checksum, input);
    }
  } finally {
    running.close();
  }
}
