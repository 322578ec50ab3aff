/** The demo's model as what the live view shows. */
import type { ClusterView, KeyHint, Mood, NodeRow } from "../view/model.ts";
import type { DemoModel, DemoNode, ProcessState } from "./model.ts";

/** The keys of the demo. */
export const DEMO_KEYS: readonly KeyHint[] = [
  { key: "k", does: "kill leader" },
  { key: "p", does: "pause leader" },
  { key: "r", does: "resume or revive" },
  { key: "a", does: "add node" },
  { key: "l", does: "let one leave" },
  { key: "q", does: "quit" },
];

const MOODS: Record<ProcessState, Mood> = {
  starting: "busy",
  runs: "good",
  paused: "warning",
  killed: "bad",
  leaving: "busy",
  left: "gone",
};

/** Makes the view. `hint` is what the program has to say when nothing is pending. */
export function demoView(model: DemoModel, hint?: string): ClusterView {
  const agreed = model.agreed();
  const pending = model.pending;
  return {
    title: "fumata demo",
    leader: agreed && { name: agreed.leaderName, verified: true },
    term: agreed?.term ?? model.lastAgreed?.term ?? 0,
    doing: pending ? `${pending}: electing` : hint,
    policy: model.policy,
    tee: model.tee === undefined
      ? undefined
      : { name: model.tee, insecure: model.tee === "simulated" },
    checksum: model.checksum,
    nodes: [...model.nodes.values()].map((node) => nodeRow(node, model)),
    failovers: model.steps,
    events: model.events,
    keys: DEMO_KEYS,
  };
}

function nodeRow(node: DemoNode, model: DemoModel): NodeRow {
  const { respected } = node;
  return {
    name: node.name,
    address: node.address ?? "",
    state: node.state,
    mood: MOODS[node.state],
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
