/** Watching where there is no terminal: first how things stand, then a line for each event, as text or as JSON. */
import type { StatusView } from "../../api/views.ts";
import { shown } from "../view/paint.ts";
import { printable } from "../view/text.ts";
import type { Follower } from "./follow.ts";
import { WatchModel } from "./model.ts";

/** How the lines are written. */
export interface LinesOptions {
  /** How the node is at the beginning. */
  readonly status: StatusView;
  readonly isJson: boolean;
  readonly colour: boolean;
  out(text: string): void;
}

/** Prints what `start` follows. */
export async function watchLines(
  start: (follower: Follower) => Promise<void>,
  { status, isJson, colour, out }: LinesOptions,
): Promise<void> {
  const model = new WatchModel();
  model.status = status;
  out(isJson ? JSON.stringify({ event: "status", status }) + "\n" : standing(status) + "\n");
  await start({
    answered(status, members, askedMs) {
      const { lost } = model;
      model.answered(status, members, askedMs);
      if (!lost) return;
      out(isJson ? JSON.stringify({ event: "status", status }) + "\n" : standing(status) + "\n");
    },
    happened(event) {
      const row = model.happened(event, performance.now());
      if (isJson) out(JSON.stringify({ id: event.id, ...event.data }) + "\n");
      else if (row) {
        out(`${row.clock}  ${shown(printable(row.text, true), row.mood ?? "plain", colour)}\n`);
      }
    },
    certified: (document) => void model.certified(document),
    lost(why) {
      if (!model.lost && isJson) out(JSON.stringify({ event: "out-of-reach", why }) + "\n");
      else if (!model.lost) out(`out of reach: ${why}; trying again\n`);
      model.lose(why, performance.now());
    },
    get lastId() {
      return model.lastId;
    },
  });
}

function standing({ name, cluster, leader, term, members, platform }: StatusView): string {
  const tee = platform === "simulated" ? "simulated TEE (insecure)" : platform;
  return [
    `${name} in cluster ${cluster}`,
    leader ? `${leader.name} leads term ${leader.term}` : `no leader, term ${term}`,
    tee ? `enclave verified: ${tee}` : "enclave not verified yet",
    `${members.alive} alive`,
  ].join(", ");
}
