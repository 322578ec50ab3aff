/** Waiting until the nodes of the demo agree: what every step of its stories ends with. */
import type { DemoCluster } from "./cluster.ts";

/** How long the nodes may take to agree, ms; they need some seconds on a busy machine. */
export const AGREEMENT_TIMEOUT_MS = 60_000;

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
export async function agreedLeader(cluster: DemoCluster): Promise<string> {
  for (;;) {
    await agreement(cluster);
    // Between their agreement and this line they may have lost it again.
    const leader = cluster.model.leader();
    if (leader) return leader.name;
  }
}
