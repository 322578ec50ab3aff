/**
 * The fixed stories that the demo tells. In a roster cluster: start, crash of the leader, its return, a planned hand-over, and a liar that is
 * caught. In an open cluster: start, crash of the leader, one node more, the leader leaves. After every step all live and honest nodes
 * have to agree on a certificate that the demo itself has verified.
 *
 * The roster bears `f` faults at a time, and the story has no more than one: the crashed leader is back before anybody lies.
 */
import { agreedLeader, agreement, AGREEMENT_TIMEOUT_MS } from "./agreement.ts";
import type { DemoCluster } from "./cluster.ts";
import { playLie } from "./lie.ts";

/** Starts the nodes: the first alone, since the others need its address. */
export async function startNodes(cluster: DemoCluster, count: number): Promise<void> {
  const first = cluster.addNode();
  await cluster.until(
    () => cluster.model.nodes.get(first)?.state === "runs",
    AGREEMENT_TIMEOUT_MS,
    () => ({ what: `${first} is not up`, child: first }),
  );
  for (let i = 1; i < count; i++) cluster.addNode();
}

/** Tells the whole story of the cluster's kind. */
export async function playScript(cluster: DemoCluster, nodes: number): Promise<void> {
  await startNodes(cluster, nodes);
  const first = await agreedLeader(cluster);
  cluster.kill(first);
  await agreement(cluster);
  if (cluster.isRoster) await endOfRosterStory(cluster, first);
  else await endOfOpenStory(cluster);
}

async function endOfRosterStory(cluster: DemoCluster, killed: string): Promise<void> {
  cluster.revive(killed);
  await cluster.handOver(await agreedLeader(cluster));
  await agreement(cluster);
  await playLie(cluster);
}

async function endOfOpenStory(cluster: DemoCluster): Promise<void> {
  const { model } = cluster;
  cluster.addNode("joins");
  const leaver = await agreedLeader(cluster);
  cluster.leave(leaver);
  await agreement(cluster);
  await cluster.until(
    () => model.nodes.get(leaver)?.state === "left",
    AGREEMENT_TIMEOUT_MS,
    () => ({ what: `${leaver} has not ended`, child: leaver }),
  );
}
