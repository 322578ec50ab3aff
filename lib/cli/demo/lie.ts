/**
 * The demo's lie: a follower is taken over by a program that votes twice, an election gives it the occasion, and every honest node gets hold of
 * the two signatures that prove it, while the cluster goes on with one leader and one lease.
 */
import { agreedLeader, agreement, AGREEMENT_TIMEOUT_MS } from "./agreement.ts";
import type { DemoCluster } from "./cluster.ts";

/** Elections that the liar may miss: a quorum of the others can be faster, but not that often. */
const OCCASIONS_MAX = 10;

/** Tells it. Resolves when all honest nodes hold a proof and agree. */
export async function playLie(cluster: DemoCluster): Promise<void> {
  const { model } = cluster;
  await agreedLeader(cluster);
  const liar = model.honest().findLast((node) => node !== model.leader());
  if (!liar) throw new Error("Broken invariant: a cluster that agrees has a leader and followers");
  await cluster.takeOver(liar.name);
  await agreement(cluster);
  // Its core keeps to the rules: after a start it votes for nobody while a promise of its earlier life may run.
  await cluster.rest(model.electorate?.leaseMs ?? 0);
  const isCaught = () => model.honest().every((node) => liar.provenBy.has(node.name));
  for (let occasion = 0; occasion < OCCASIONS_MAX && !isCaught(); occasion++) {
    await cluster.handOver(await agreedLeader(cluster));
    await agreement(cluster);
  }
  await cluster.until(
    isCaught,
    AGREEMENT_TIMEOUT_MS,
    () => ({ what: `not everybody holds a proof against ${liar.name}`, child: liar.name }),
  );
}
