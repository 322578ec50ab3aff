/**
 * The fixed story that the demo tells: start, crash of the leader, one node more, the leader leaves. After every step all live nodes have
 * to agree on a new certificate that the demo itself has verified.
 */
import type { DemoCluster } from "./cluster.ts";

/** How long the nodes may take to agree, ms; they need some seconds on a busy machine. */
export const AGREEMENT_TIMEOUT_MS = 60_000;

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

/** Resolves when everything that was done is settled: all live nodes respect one verified certificate. */
export async function agreement(cluster: DemoCluster): Promise<void> {
  const { model } = cluster;
  await cluster.until(
    () => model.pending === undefined && model.agreed() !== undefined,
    AGREEMENT_TIMEOUT_MS,
    () => {
      const views = model.live().map((node) =>
        `${node.name} ${
          node.respected
            ? `respects term ${node.respected.term} of ${node.respected.active.length} nodes`
            : "respects nobody"
        }`
      );
      const laggard = model.live().find((node) => !node.respected) ?? model.live()[0];
      return { what: `no agreement (${views.join(", ")})`, child: laggard?.name };
    },
  );
}

/** The leader on which all live nodes agree, as soon as they do. */
async function agreedLeader(cluster: DemoCluster): Promise<string> {
  for (;;) {
    await agreement(cluster);
    // Between their agreement and this line they may have lost it again.
    const leader = cluster.model.leader();
    if (leader) return leader.name;
  }
}

/** Tells the whole story. */
export async function playScript(cluster: DemoCluster, nodes: number): Promise<void> {
  const { model } = cluster;
  await startNodes(cluster, nodes);
  cluster.kill(await agreedLeader(cluster));
  await agreement(cluster);
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
