/** The demo's model as what the live view shows. */
import type { ClusterView, KeyHint, Mood, NodeRow } from "../view/model.ts";
import type { DemoModel, DemoNode, ProcessState } from "./model.ts";

const LEADER_KEYS: readonly KeyHint[] = [
  { key: "k", does: "kill leader" },
  { key: "p", does: "pause leader" },
  { key: "r", does: "resume or revive" },
];
const LAST_KEYS: readonly KeyHint[] = [
  { key: "l", does: "let one leave", short: "leave" },
  { key: "q", does: "quit" },
];
const OPEN_KEYS: readonly KeyHint[] = [
  ...LEADER_KEYS,
  { key: "a", does: "add node" },
  ...LAST_KEYS,
];
const ROSTER_KEYS: readonly KeyHint[] = [
  ...LEADER_KEYS,
  { key: "h", does: "hand over", short: "hand over" },
  { key: "t", does: "turn one into a liar", short: "liar" },
  ...LAST_KEYS,
];

/** The keys of the demo, for the kind of cluster that it shows. */
export function demoKeys(isRoster: boolean): readonly KeyHint[] {
  return isRoster ? ROSTER_KEYS : OPEN_KEYS;
}

const MOODS: Record<ProcessState, Mood> = {
  starting: "busy",
  runs: "good",
  paused: "warning",
  killed: "bad",
  leaving: "busy",
  left: "gone",
};

/** Makes the view at a moment. `hint` is what the program has to say when nothing is pending. */
export function demoView(
  model: DemoModel,
  { isRoster, hint, nowMs }: {
    readonly isRoster: boolean;
    readonly hint?: string;
    readonly nowMs: number;
  },
): ClusterView {
  const agreed = model.agreed();
  const pending = model.pending;
  const alert = alertOf(model);
  const remainingMs = model.leaseRemainingMs(nowMs);
  const ofMs = model.electorate?.leaseMs;
  return {
    title: "fumata demo",
    leader: agreed && { name: agreed.leaderName, verified: true },
    term: agreed?.term ?? model.lastAgreed?.term ?? 0,
    ...(remainingMs !== undefined && ofMs !== undefined && { lease: { remainingMs, ofMs } }),
    ...(alert !== undefined && { alert }),
    doing: pending ? `${pending}: electing` : hint,
    policy: model.policy,
    tee: model.tee === undefined
      ? undefined
      : { name: model.tee, insecure: model.tee === "simulated" },
    checksum: model.checksum,
    nodes: [...model.nodes.values()].map((node) => nodeRow(node, model)),
    failovers: model.steps,
    events: model.events,
    keys: demoKeys(isRoster),
  };
}

/** Who was caught, at what, and by how many. */
function alertOf(model: DemoModel): string | undefined {
  const lie = model.lies.at(-1);
  if (!lie) return undefined;
  const provenBy = model.nodes.get(lie.liar)?.provenBy.size ?? 0;
  const holders = provenBy > 0 ? `; ${provenBy} nodes hold the proof (GET /v1/evidence)` : "";
  return `LIAR: ${lie.liar} voted twice in term ${lie.term}${holders}`;
}

function nodeRow(node: DemoNode, model: DemoModel): NodeRow {
  const { respected } = node;
  return {
    name: node.name,
    address: node.address ?? "",
    state: node.isLiar && node.state === "runs" ? "lies" : node.state,
    mood: node.isLiar ? "bad" : MOODS[node.state],
    seenAs: seenAs(node, model),
    respects: respected ? `term ${respected.term} ${respected.leaderName}` : "",
    isLeader: node.id !== undefined && model.leader()?.id === node.id,
  };
}

/** How most of the other live nodes see it, and how many of them when they differ. */
function seenAs(node: DemoNode, model: DemoModel): string {
  const observers = model.live().filter((other) => other !== node);
  const counts = new Map<string, number>();
  for (const { name } of observers) {
    const state = node.seenBy.get(name);
    if (state !== undefined) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  if (!most) return "";
  const [state, count] = most;
  return count === observers.length ? state : `${state} ${count}/${observers.length}`;
}
