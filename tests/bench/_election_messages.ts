/**
 * The messages of one fault-free election, counted where they leave the voters: real nodes in this process, a leader that steps down, and every
 * election message until all go by the next certificate. Heartbeats and their acks belong to the lease, the step-down to the old one.
 */
import type { RosterMessage } from "../../lib/election/roster/types.ts";
import { leaseHolder, rosterWorld } from "../node/_roster.ts";

/** Kinds that are no part of an election. */
const OF_LEASES: ReadonlySet<RosterMessage["kind"]> = new Set([
  "heartbeat",
  "lease-ack",
  "ack-refusal",
  "step-down",
]);

/** The count of one election: messages by kind, and calls of the enclave (a request and an answer each). */
export interface Counted {
  readonly n: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly enclaveCalls: number;
  /** All of them; the design says 3(n-1)+2. */
  readonly total: number;
}

/** Counts one election of `n` voters. */
export async function countElection(n: number): Promise<Counted> {
  await using world = await rosterWorld(n, 0);
  const byKind: Record<string, number> = {};
  const middleman = {
    sends(message: RosterMessage) {
      if (!OF_LEASES.has(message.kind)) byKind[message.kind] = (byKind[message.kind] ?? 0) + 1;
      return [message];
    },
    hears: () => true,
  };
  const nodes = world.startAll({ middleman });
  try {
    const leader = await leaseHolder(nodes);
    const { id } = leader.node.leader!;
    const goesBy = (isWanted: (certificateId: unknown) => boolean) =>
      Promise.all(
        nodes.map(({ listener }) =>
          listener.until(({ event, fields }) =>
            event === "leader" && isWanted(fields.certificateId)
          )
        ),
      );
    await goesBy((other) => other === id);
    for (const kind of Object.keys(byKind)) delete byKind[kind];
    const callsBefore = world.enclave.calls;
    const marks = nodes.map(({ listener }) => listener.said.length);
    leader.node.stepDown();
    const next = await leaseHolder(nodes, marks);
    const nextId = next.node.leader!.id;
    await goesBy((other) => other === nextId);
    const enclaveCalls = world.enclave.calls - callsBefore;
    const sent = Object.values(byKind).reduce((sum, count) => sum + count, 0);
    return { n, byKind: { ...byKind }, enclaveCalls, total: sent + 2 * enclaveCalls };
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}
