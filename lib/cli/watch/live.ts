/** Watching in a terminal, until a key or a signal ends it. */
import type { StatusView } from "../../api/views.ts";
import type { Capabilities } from "../view/capabilities.ts";
import { Screen } from "../view/screen.ts";
import { CTRL_C } from "../view/terminal.ts";
import type { Follower } from "./follow.ts";
import { WatchModel } from "./model.ts";
import { watchView } from "./watch_view.ts";

/** A lease runs down and times grow without events: drawn so often at least, ms. */
const TICK_MS = 100;

/** What the watching needs. */
export interface LiveOptions {
  /** How the node is at the beginning. */
  readonly status: StatusView;
  readonly capabilities: Capabilities;
  /** Ends the following; its reason is an error when the screen failed. */
  readonly stop: AbortController;
}

/** Shows what `start` follows. Rejects with what goes wrong, after the terminal is given back. */
export async function watchLive(
  start: (follower: Follower) => Promise<void>,
  { status, capabilities, stop }: LiveOptions,
): Promise<void> {
  const model = new WatchModel();
  model.status = status;
  let failure: { readonly thrown: unknown } | undefined;
  using screen = new Screen({
    capabilities,
    view: () => watchView(model, performance.now(), Date.now()),
    onKey: (key) => {
      if (key === CTRL_C || key.toLowerCase() === "q") stop.abort();
    },
    onError: (thrown) => {
      failure ??= { thrown };
      stop.abort();
    },
  });
  const tick = setInterval(() => screen.changed(), TICK_MS);
  try {
    await start({
      answered(status, members, askedMs) {
        model.answered(status, members, askedMs);
        screen.changed();
      },
      happened(event) {
        model.happened(event, performance.now());
        screen.changed();
      },
      certified: (document) => void model.certified(document),
      lost(why) {
        model.lose(why, performance.now());
        screen.changed();
      },
      get lastId() {
        // From the oldest event that the node still has: what led here is of interest.
        return model.lastId ?? 0;
      },
    });
  } finally {
    clearInterval(tick);
  }
  if (failure) throw failure.thrown;
}
