/**
 * A sign of life for work that takes over a second: what is being done and for how long, on the terminal's last line, gone when it is over. Where
 * stderr is no terminal there is nothing to see and nothing in logs.
 */
import type { CommandContext } from "./command.ts";

/** Work that is over sooner needs no words, ms. */
const QUIET_MS = 1_000;

/** Time between two changes of the line, ms. */
const TICK_MS = 500;

/** Does the work; `doing` says what it is, such as `deploying leader-election`. */
export async function withProgress<Result>(
  context: Pick<CommandContext, "status">,
  doing: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { status } = context;
  if (!status) return await work();
  const startMs = performance.now();
  const timer = setInterval(() => {
    const tookMs = performance.now() - startMs;
    if (tookMs >= QUIET_MS) status(`${doing}: ${Math.floor(tookMs / 1000)} s`);
  }, TICK_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    status("");
  }
}
