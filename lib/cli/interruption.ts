/**
 * The signals that ask a program to stop. The first asks, a later one insists and ends the process at once. One press of Ctrl-C may come
 * several times: the terminal gives it to all processes in the foreground, and `deno task` and `npx` pass theirs on; so what comes
 * at once is the same wish, or no node that runs under them could ever leave in order.
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Signals within this time are one wish, ms: echoes take a few ms on a busy machine, a person who insists takes longer. */
const ECHO_MS = 300;

/** Exit code of a process that a signal ended, less the signal's number (POSIX shells). */
const SIGNAL_EXIT_CODE = 128;

/** Resolves at the first signal that asks to stop; a later one ends the process. */
export function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    const wish = stopWish();
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, () => {
        if (wish(performance.now()) === "insists") {
          Deno.exit(SIGNAL_EXIT_CODE + (signal === "SIGINT" ? 2 : 15));
        }
        resolve();
      });
    }
  });
}

/** Tells what each signal means by when it comes; monotonic ms. */
export function stopWish(): (nowMs: number) => "asks" | "insists" {
  let firstMs: number | undefined;
  return (nowMs) => {
    firstMs ??= nowMs;
    return nowMs - firstMs > ECHO_MS ? "insists" : "asks";
  };
}
