/** How many frames of each kind a node made and opened: what its traffic consists of. */
import { LabelledCounter } from "../base/prometheus.ts";
import { ELECTION_KINDS } from "../wire/election_messages.ts";
import { GOSSIP_KINDS } from "../wire/gossip_messages.ts";
import { KEY_KINDS } from "../wire/key_messages.ts";
import { ROSTER_KINDS } from "../wire/roster_messages.ts";
import { SYNC_KIND } from "../wire/sync_messages.ts";

/** Names of kinds, the same for open and roster clusters where the messages correspond. */
const NAMES = new Map<number, string>([
  ...[GOSSIP_KINDS, ELECTION_KINDS, ROSTER_KINDS, KEY_KINDS].flatMap((kinds) =>
    Object.entries(kinds).map(([name, kind]): [number, string] => [kind, name])
  ),
  [SYNC_KIND, "sync"],
]);

/** The name of a kind, which its number on the wire stands for. */
export function kindName(kind: number): string {
  return NAMES.get(kind) ?? "unknown";
}

/** Counts of one node. What was opened has a genuine sender; its body may still be refused, which counts as a drop as well. */
export class FrameCounts {
  readonly sent = new LabelledCounter("kind", [...new Set(NAMES.values())]);
  readonly received = new LabelledCounter("kind", [...new Set(NAMES.values())]);
}
