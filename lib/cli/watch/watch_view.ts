/** The model of a watched node as what the live view shows. */
import type { MemberView } from "../../api/views.ts";
import type { ClusterView, KeyHint, Mood, NodeRow } from "../view/model.ts";
import type { WatchModel } from "./model.ts";

const KEYS: readonly KeyHint[] = [{ key: "q", does: "quit" }];

const MOODS: Record<MemberView["state"], Mood> = {
  alive: "good",
  suspect: "warning",
  dead: "bad",
  left: "gone",
};

/** A node is asked every two seconds; when nothing came for longer than this, that is worth a word, ms. */
const SILENCE_MS = 5_000;

/** Makes the view. `wallMs` is the wall time of `nowMs`, ms since 1970. */
export function watchView(model: WatchModel, nowMs: number, wallMs: number): ClusterView {
  const { status, leader, leaseMs } = model;
  const remainingMs = model.leaseRemainingMs(nowMs);
  const tee = leader?.tee ?? status?.platform ?? undefined;
  return {
    title: status ? `fumata at ${status.name}` : "fumata",
    ...(leader && { leader: { name: leader.name, verified: true } }),
    term: leader?.term ?? status?.term ?? 0,
    ...(remainingMs !== undefined && leaseMs !== undefined && {
      lease: { remainingMs, ofMs: leaseMs },
    }),
    alert: alertOf(model, nowMs),
    doing: doing(model, nowMs),
    policy: model.policy,
    ...(tee !== undefined && { tee: { name: tee, insecure: tee === "simulated" } }),
    checksum: status?.checksum,
    nodes: model.members.map((member) => nodeRow(member, model, wallMs)),
    failovers: model.failovers,
    events: model.events,
    keys: KEYS,
  };
}

/** What was measured of somebody who is gone says nothing of now. */
function roundTrip({ state, rttMs }: MemberView): string {
  return state !== "alive" || rttMs === null ? "-" : `${rttMs.toFixed(1)} ms`;
}

function nodeRow(member: MemberView, model: WatchModel, wallMs: number): NodeRow {
  return {
    name: member.name,
    address: member.address,
    state: member.state,
    mood: MOODS[member.state],
    since: span(wallMs - Date.parse(member.since)),
    rtt: member.self ? "asked" : roundTrip(member),
    isLeader: member.id === model.leader?.id,
  };
}

/** What makes all the rest doubtful goes before what happened in the cluster. */
function alertOf(model: WatchModel, nowMs: number): string | undefined {
  const { lost, heardMs, proofs } = model;
  if (lost) {
    return `out of reach for ${
      span(nowMs - lost.sinceMs)
    }, what is shown is old; trying again (${lost.why})`;
  }
  if (heardMs !== undefined && nowMs - heardMs > SILENCE_MS) {
    return `silent for ${span(nowMs - heardMs)}, what is shown is old`;
  }
  if (proofs.length === 0) return undefined;
  const more = proofs.length > 1 ? ` (and ${proofs.length - 1} more)` : "";
  return `${proofs[proofs.length - 1]}${more}`;
}

function doing(model: WatchModel, nowMs: number): string {
  const { status, leaderlessMs } = model;
  if (!status) return "connecting";
  const counts = Object.entries(status.members).filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`).join(", ");
  if (leaderlessMs === undefined) return counts;
  return `${counts}; electing for ${((nowMs - leaderlessMs) / 1000).toFixed(1)} s`;
}

/** A length of time in its greatest unit: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
