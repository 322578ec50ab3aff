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
import type { Parameters, Refusal, SocketRoute, TokenHolder } from "./routes.ts";
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

/** Sessions that run now: all of them, and of each token for a function that has any. */
class SessionGate {
  readonly #limits: EnclaveLimits;
  readonly #ofTokens = new Map<string, number>();
  #sessions = 0;

  constructor(limits: EnclaveLimits) {
    this.#limits = limits;
  }

  /** Why this holder cannot have a session now. */
  refusal({ id, scope }: TokenHolder): Refusal | undefined {
    const { sessionsMax, sessionsPerFunctionTokenMax } = this.#limits;
    const busy = (error: string) => ({ status: 503, error, headers: { "Retry-After": "1" } });
    if (this.#sessions >= sessionsMax) {
      return busy(`the host runs ${sessionsMax} functions already; try again later`);
    }
    const own = this.#ofTokens.get(id) ?? 0;
    return scope.kind === "function" && own >= sessionsPerFunctionTokenMax
      ? busy(`this token has ${sessionsPerFunctionTokenMax} sessions already; try again later`)
      : undefined;
  }

  /** Counts one session as long as its work goes on. */
  async within({ id }: TokenHolder, work: () => Promise<void>): Promise<void> {
    this.#sessions++;
    this.#ofTokens.set(id, (this.#ofTokens.get(id) ?? 0) + 1);
    try {
      await work();
    } finally {
      this.#sessions--;
      const left = this.#ofTokens.get(id)! - 1;
      if (left > 0) this.#ofTokens.set(id, left);
      else this.#ofTokens.delete(id);
    }
  }
}

/** The two endpoints; they share one count of sessions. */
export function runEndpoints(parts: RunParts): SocketRoute<Session>[] {
  const gate = new SessionGate(parts.limits);
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
  gate: SessionGate,
  parts: RunParts,
): SocketRoute<Session> {
  const { limits } = parts;
  return {
    kind: "socket",
    path,
    access: "function",
    frameBytesMax: limits.inputBytesMax,
    functionId: (parameters) => find(parameters)?.id,
    refuse(parameters, holder): Refusal | undefined {
      if (!find(parameters)) return { status: 404, error: `there is no ${label(parameters)}` };
      return gate.refusal(holder);
    },
    async serve(session, parameters, holder) {
      const record = find(parameters);
      if (!record) throw new SessionError(`there is no ${label(parameters)}`);
      await gate.within(holder, () => run(session, record, holder, parts));
    },
  };
}

async function run(
  session: Session,
  record: FunctionRecord,
  holder: TokenHolder,
  parts: RunParts,
): Promise<void> {
  const { store, sandbox, tee, resultKey, calls } = parts;
  const { functionPackage, certificateKey, certificateKeyPem } = await store.load(record);
  const attested = await session.attest({
    functionChecksum: record.checksum,
    resultKey: resultKey.publicKey,
    certificateKid: certificateKey.kid,
    isolation: await sandbox.isolation(functionPackage),
  }, certificateKey.jwk);
  if (!attested) return;
  // Tokens for a function are given away; the account has the rest.
  const share = holder.scope.kind === "function" ? holder.id : undefined;
  const running = await sandbox.open(functionPackage, { certificateKeyPem }, tee.platform, share);
  // What computes for a client that has gone is ended where that can be.
  session.closed.then(() => running.close());
  try {
    for (let input; (input = await session.nextInput());) {
      await calls.answer(session, running, record.checksum, input);
    }
  } finally {
    running.close();
  }
}
