/** What happens in a run, as entries for people: texts, diagrams and transcripts are made of them. */
import type { RosterNote } from "../election/roster/notes.ts";
import type { RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage, ElectionNote } from "../election/types.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** One thing that happened. */
export type TraceEntry =
  | { readonly atMs: number; readonly type: "fault"; readonly text: string }
  /** Something in one node. */
  | { readonly atMs: number; readonly type: "node"; readonly node: string; readonly text: string }
  /** A message is sent. */
  | {
    readonly atMs: number;
    readonly type: "message";
    readonly from: string;
    readonly to: readonly string[];
    readonly kind: string;
    readonly text: string;
  };

/** Shows everything that the nodes of a world do to `take`. */
export function traceInto(world: World, take: (entry: TraceEntry) => void): void {
  const lessees = new Set<SimNode>();
  world.watchers.push({
    effect(node, effect) {
      // What a liar's core wants to say is not what it says.
      if (effect.type === "send-election" && node.liar) return;
      // A lease is renewed several times a second: the first time tells it all.
      if (effect.type === "lease-held" && lessees.has(node)) return;
      if (effect.type === "lease-held") lessees.add(node);
      if (effect.type === "lease-lost") lessees.delete(node);
      const entry = entryOf(world, node, effect);
      if (entry) take(entry);
    },
    said(node, to, message) {
      if (node.liar) take(messageEntry(world, node, [world.nodes[to].name], message));
    },
    crashed(node) {
      lessees.delete(node);
      take({ atMs: world.nowMs, type: "node", node: node.name, text: "its process is gone" });
    },
  });
}

/** An entry in one line: time, who, what. */
export function entryText(entry: TraceEntry): string {
  const time = entry.atMs.toFixed(3).padStart(11);
  switch (entry.type) {
    case "fault":
      return `${time}  ***      ${entry.text}`;
    case "node":
      return `${time}  ${entry.node.padEnd(8)} ${entry.text}`;
    case "message":
      return `${time}  ${entry.from.padEnd(8)} -> ${entry.to.join(" ")}  ${entry.text}`;
  }
}

function entryOf(world: World, node: SimNode, effect: SimEffect): TraceEntry | undefined {
  const said = (text: string): TraceEntry => ({
    atMs: world.nowMs,
    type: "node",
    node: node.name,
    text,
  });
  const name = (id: string) => world.nameOf(id);
  switch (effect.type) {
    case "send-election":
      return messageEntry(world, node, effect.to.map(({ id }) => name(id)), effect.message);
    case "member": {
      const { kind, member } = effect.change;
      return said(`sees ${name(member.id)}: ${kind}`);
    }
    case "save": {
      const { head, lastVote, steppedDown } = effect.memory;
      const words = [
        head ? `head ${certificateText(head.proposal.term, head.leader, name)}` : "no head",
        lastVote ? `last vote in term ${lastVote.term}` : "no vote",
        ...(steppedDown === undefined ? [] : ["stepped down"]),
      ];
      return said(`saves: ${words.join(", ")}`);
    }
    case "persist-vote":
      return said(`saves: last vote in term ${effect.term}`);
    case "persist-head":
      return said(
        `saves: head ${certificateText(effect.certificate.term, effect.certificate.leader, name)}`,
      );
    case "call-enclave":
      return said(`calls the enclave for term ${effect.proposal.term}`);
    case "leader": {
      const { certificate } = effect;
      if (!certificate) return said("has no leader");
      const term = "proposal" in certificate ? certificate.proposal.term : certificate.term;
      return said(`follows ${certificateText(term, certificate.leader, name)}`);
    }
    case "lease-held":
      return said(`holds the lease of term ${effect.certificate.proposal.term}`);
    case "lease-lost":
      return said(`loses the lease: ${effect.why}`);
    case "note":
      return said(noteText(effect.note, name));
    case "fail-stop":
      return said(`stops for good: ${effect.reason}`);
    default:
      return undefined;
  }
}

function messageEntry(
  world: World,
  { name: from }: SimNode,
  to: readonly string[],
  message: RosterMessage | ElectionMessage,
): TraceEntry {
  const text = messageText(message, (id) => world.nameOf(id));
  return { atMs: world.nowMs, type: "message", from, to, kind: message.kind, text };
}

function certificateText(
  term: number,
  leader: string | undefined,
  name: (id: string) => string,
): string {
  return leader ? `${name(leader)} of term ${term}` : `closing of term ${term}`;
}

function messageText(
  message: RosterMessage | ElectionMessage,
  name: (id: string) => string,
): string {
  switch (message.kind) {
    case "proposal": {
      const { proposal } = message;
      const active = "active" in proposal ? ` with ${proposal.active.map(name).join(" ")}` : "";
      return `proposal of term ${proposal.term}${active}`;
    }
    case "vote":
      return `vote in term ${message.term}`;
    case "refusal": {
      const reason = "objection" in message ? message.objection.reason : message.reason;
      return `refusal: ${reason}`;
    }
    case "gave-up": {
      const [{ term }] = message.statements;
      const voters = message.statements.map(({ voter }) => name(voter)).join(" ");
      return `gave up term ${term}: ${voters}`;
    }
    case "bundle":
      return `bundle of ${message.votes.length} votes in term ${message.proposal.term}`;
    case "heartbeat":
      return `heartbeat ${message.heartbeat.incarnation}.${message.heartbeat.sequence}`;
    case "ack-refusal":
      return `no ack: ${message.reason}`;
    case "step-down":
      return `step-down of ${name(message.stepDown.leader)}`;
    case "evidence":
      return `evidence of two votes in term ${message.votes[0].term}`;
    case "lease-ack":
    case "want-certificate":
    case "certificate":
    case "succession":
      return message.kind;
  }
}

function noteText(note: RosterNote | ElectionNote, name: (id: string) => string): string {
  const { what, ...rest } = note;
  const words = Object.entries(rest).map(([key, value]) => {
    if (key === "evidence") return "";
    if (key === "objection") return value.reason;
    return `${key} ${typeof value === "string" ? name(value) : value}`;
  });
  return [what, ...words].filter((word) => word !== "").join(", ");
}
