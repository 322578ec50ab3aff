/** Plain requests from the door to their endpoint and back: token, rate, body, and an answer whatever happens. */
import type { IncomingMessage } from "node:http";
import { fromUtf8 } from "../../base/bytes.ts";
import type { Logger } from "../../base/log.ts";
import type { ReadBody } from "./listener.ts";
import type { HostMetrics } from "./metrics.ts";
import { type HeldBudget, HOLDS_TOO_MUCH } from "./held_budget.ts";
import { admitJson, type JsonAnswer, queryOf, type Refusal, type Route } from "./routes.ts";
import { failureOf, type Session } from "./session.ts";
import type { TokenStore } from "./tokens.ts";

/** What both doors work with. */
export interface DoorParts {
  readonly routes: readonly Route<Session>[];
  readonly tokens: TokenStore;
  readonly budget: HeldBudget;
  readonly metrics: HostMetrics;
  readonly logger: Logger;
  readonly now: () => Date;
  /** Why a token may not ask again yet; never for those without one. */
  readonly rateRefusal: (tokenId: string | undefined) => Refusal | undefined;
}

/** In whose name bodies are held that come without a token. */
const STRANGERS = "";

/** Answers plain requests. */
export class RequestDoor {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, readBody: ReadBody): Promise<JsonAnswer> {
    const { metrics, logger } = this.#parts;
    const { answer, endpoint, tokenId } = await this.#answer(request, readBody);
    metrics.noteRequest(endpoint, answer.status);
    const { method } = request;
    const fields = { method, endpoint, status: answer.status, token: tokenId };
    logger.log("debug", "request", `${method} ${endpoint}: ${answer.status}`, fields);
    return answer;
  }

  async #answer(
    request: IncomingMessage,
    readBody: ReadBody,
  ): Promise<{ answer: JsonAnswer; endpoint: string; tokenId?: string }> {
    const { routes, tokens, budget, now, rateRefusal } = this.#parts;
    const admitted = admitJson(routes, request, tokens, now());
    if ("error" in admitted) return { answer: refused(admitted), endpoint: "refused" };
    const { route, parameters, tokenId } = admitted;
    const about = { endpoint: route.path, tokenId };
    let isWanted = true;
    const holding = budget.open(tokenId ?? STRANGERS, {
      refuse: () => void (isWanted = false),
      cut: () => void request.destroy(),
    });
    try {
      const refusal = rateRefusal(tokenId);
      if (refusal) return { ...about, answer: refused(refusal) };
      const bytes = await readBody((bytes) => {
        holding.hold(bytes);
        return isWanted;
      });
      if ("error" in bytes) return { ...about, answer: refused(bytes) };
      if (!isWanted) return { ...about, answer: refused(HOLDS_TOO_MUCH) };
      const body = parseBody(bytes);
      if (body === null) {
        return { ...about, answer: refused({ status: 400, error: "the body is not JSON" }) };
      }
      return { ...about, answer: await route.answer(parameters, body, queryOf(request)) };
    } catch (thrown) {
      return { ...about, answer: refused({ status: 500, error: failureOf(thrown).message }) };
    } finally {
      holding.release();
    }
  }
}

function refused({ status, error, headers }: Refusal): JsonAnswer {
  return { status, body: { error }, headers };
}

/** `undefined` for no body, `null` for a broken one; JSON's own null is none either. */
function parseBody(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(bytes)!);
  } catch {
    return null;
  }
}
