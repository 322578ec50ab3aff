/** Posts an event to a URL, again with growing pauses while the other side is out of order; what it refuses is not said again. */
import { messageOf } from "../../base/errors.ts";
import type { HookOutcome } from "./hook_command.ts";

/** Patience with the other side. */
export interface WebhookPatience {
  /** One attempt, ms. */
  readonly answerMsMax: number;
  readonly attemptsMax: number;
  /** Before the second attempt, ms; doubles with each further one. */
  readonly pauseMs: number;
}

/** In use: five attempts within half a minute, which outlasts the restart of a service. */
export const WEBHOOK_PATIENCE: WebhookPatience = {
  answerMsMax: 5_000,
  attemptsMax: 5,
  pauseMs: 500,
};

/** Too Many Requests (RFC 6585, section 4). */
const TOO_MANY = 429;

/** Posts it; never rejects. `id` stays the same over all attempts, so that the other side can tell a repetition. */
export async function postWebhook(
  url: string,
  body: string,
  id: string,
  signal: AbortSignal,
  patience = WEBHOOK_PATIENCE,
): Promise<HookOutcome> {
  let why = "";
  for (let attempt = 1; attempt <= patience.attemptsMax; attempt++) {
    if (attempt > 1) await pause(patience.pauseMs * 2 ** (attempt - 2), signal);
    if (signal.aborted) return { ok: false, why: why || "the node stops" };
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-fumata-delivery": id },
        body,
        // Elsewhere is not where the operator said.
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience.answerMsMax)]),
      });
      await response.body?.cancel();
      if (response.ok) return { ok: true };
      why = `it answers with status ${response.status}`;
      if (response.status < 500 && response.status !== TOO_MANY) return { ok: false, why };
    } catch (thrown) {
      why = withoutAddresses(messageOf(thrown));
    }
  }
  return { ok: false, why: `${why}; given up after ${patience.attemptsMax} attempts` };
}

/** What went wrong is in the log, which many may read; services put secrets into the addresses that they give out. */
export function withoutAddresses(message: string): string {
  return message.replaceAll(/\(?\bhttps?:\/\/\S+/g, "of the hook:");
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve());
  if (signal.aborted) resolve();
  await promise;
  clearTimeout(timer);
}
