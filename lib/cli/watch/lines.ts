/** Watching where there is no terminal: first how things stand, then a line for each event, as text or as JSON. */
import type { StatusView } from "../../api/views.ts";
import { plainJson } from "../../base/plain_text.ts";
import { type Line, painted, piece } from "../view/paint.ts";
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
  const tellJson = (value: unknown) => out(plainJson(value) + "\n");
  const tellText = (...line: Line) => out(painted([line], colour));
  const stand = (status: StatusView) =>
    isJson ? tellJson({ event: "status", status }) : tellText(piece(standing(status)));
  stand(status);
  await start({
    answered(status, members, askedMs) {
      const { lost } = model;
      model.answered(status, members, askedMs);
      if (lost) stand(status);
    },
    happened(event) {
      const row = model.happened(event, performance.now());
      if (isJson) tellJson({ id: event.id, ...event.data });
      else if (row) tellText(piece(`${row.clock}  `), piece(row.text, row.mood));
    },
    certified: (document) => void model.certified(document),
    lost(why) {
      if (!model.lost && isJson) tellJson({ event: "out-of-reach", why });
      else if (!model.lost) tellText(piece(`out of reach: ${why}; trying again`));
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
