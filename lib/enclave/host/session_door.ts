/**
 * WebSockets from the door to their endpoint: what may be upgraded, and each session from its upgrade to its end, with what it
 * holds counted in the budget until its connection is closed.
 */
import type { IncomingMessage } from "node:http";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { TeeDriver } from "../../tee/types.ts";
import { FrameSocket } from "../frame_socket.ts";
import { errorFrame } from "../frames.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { FrameArrivals } from "./arrivals.ts";
import type { SocketDecision } from "./listener.ts";
import type { RateLimit } from "./rate_limit.ts";
import { type Holding, HOLDS_TOO_MUCH } from "./held_budget.ts";
import type { DoorParts } from "./request_door.ts";
import { admitSocket, type AdmittedSocket, type Refusal } from "./routes.ts";
import { CLOSE, failureOf, Session } from "./session.ts";

/** What this door works with beside the other one. */
export interface SessionDoorParts extends DoorParts {
  readonly tee: TeeDriver;
  readonly limits: EnclaveLimits;
  readonly inputRate: RateLimit;
  /** Another host, to which all sessions are sent. */
  readonly redirect: string | undefined;
}

/** What one WebSocket sent. */
export interface ConnectionCount {
  readonly path: string;
  /** Bytes of all frames' payloads. */
  readonly bytes: number;
  /** Bytes of the frames that came behind the nonce. */
  readonly bytesAfterNonce: number;
}

/** Connections whose counts are kept: enough for tests and a look, little memory. */
const COUNTERS_MAX = 256;

/** Serves sessions. */
export class SessionDoor {
  readonly #parts: SessionDoorParts;
  readonly #counts = new Set<{ path: string; bytes: number; bytesAfterNonce: number }>();

  constructor(parts: SessionDoorParts) {
    this.#parts = parts;
  }

  /** Counts of the latest connections, oldest first. */
  counters(): ConnectionCount[] {
    return [...this.#counts].map((count) => ({ ...count }));
  }

  /** Whether a request becomes a session. */
  admit(request: IncomingMessage): SocketDecision | Refusal {
    const { redirect, routes, tokens, metrics, now, rateRefusal } = this.#parts;
    if (redirect !== undefined) {
      const Location = redirect + (request.url ?? "");
      return { status: 307, error: `this host has moved to ${redirect}`, headers: { Location } };
    }
    const found = admitSocket(routes, request, tokens, now());
    const refusal = "error" in found ? found : rateRefusal(found.tokenId);
    const endpoint = "error" in found ? "refused" : found.route.path;
    metrics.noteRequest(endpoint, refusal?.status ?? 101);
    if ("error" in found || refusal) return refusal!;
    const { subprotocol, route: { frameBytesMax } } = found;
    const serve = (socket: WebSocket, arrivals: FrameArrivals) =>
      this.#serve(found, socket, arrivals);
    return { subprotocol, frameBytesMax, serve };
  }

  async #serve(
    { route, parameters, tokenId, holder }: AdmittedSocket<Session>,
    socket: WebSocket,
    arrivals: FrameArrivals,
  ): Promise<void> {
    const { tokens, tee, limits, metrics, logger, inputRate, now } = this.#parts;
    const { path } = route;
    const count = this.#count(path);
    let nonceCame = false;
    const holding = this.#hold(tokenId, path, socket, () => frames);
    const frames = new FrameSocket(socket, {
      waitingMax: limits.inputsWaitingMax,
      waitingBytesMax: limits.inputBytesMax,
      arrivals,
      frameMs: limits.frameMs,
      onHeldBytes: holding.hold,
      onFrameBytes: (bytes) => {
        metrics.noteReceived(bytes);
        count.bytes += bytes;
        if (nonceCame) count.bytesAfterNonce += bytes;
        nonceCame = true;
      },
    });
    frames.closed.then(holding.release);
    const session = new Session(frames, tee, limits, {
      fault: () => tokens.fault(tokenId, now()),
      waitMs: () => inputRate.takeLater(tokenId, performance.now()),
    });
    metrics.noteSession(path, 1);
    const startMs = performance.now();
    try {
      await route.serve(session, parameters, holder);
      session.close();
    } catch (thrown) {
      const failure = failureOf(thrown);
      const { reason } = failure;
      // What a function says of its inputs is for its caller; whoever reads the log is outside of the enclave.
      const error = reason === "function" ? "the function failed" : failure.message;
      const seconds = (performance.now() - startMs) / 1000;
      const fields = { path, error, reason, token: tokenId, bytes: count.bytes, seconds };
      logger.log("info", "session-ended", `a session of ${path} ended: ${error}`, fields);
      session.fail(failure);
    } finally {
      metrics.noteSession(path, -1);
    }
  }

  #count(path: string): { bytes: number; bytesAfterNonce: number } {
    const count = { path, bytes: 0, bytesAfterNonce: 0 };
    this.#counts.add(count);
    if (this.#counts.size > COUNTERS_MAX) this.#counts.delete(this.#counts.values().next().value!);
    return count;
  }

  #hold(token: string, path: string, socket: WebSocket, frames: () => FrameSocket): Holding {
    const { budget, logger } = this.#parts;
    const { error } = HOLDS_TOO_MUCH;
    return budget.open(token, {
      refuse() {
        logger.log("info", "too-much-held", `a session of ${path} ended: ${error}`, {
          path,
          token,
        });
        frames().turnAway(errorFrame(error, "busy"), CLOSE.busy, error);
      },
      cut: () => socket.terminate(),
    });
  }
}
