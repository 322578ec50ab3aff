/** Giving the leadership back and waiting until that is done: on disk, after what ran under the lease has stopped (design §4.8). */
import type { Node } from "./node.ts";

/** Steps down. Whether this node leads by that certificate no more; true at once when it does not lead, or its cluster has no leases. */
export async function handOver(node: Node, waitMsMax: number): Promise<boolean> {
  const certificateId = node.leader?.id;
  if (node.kind === "open" || node.leader?.leader !== node.id) return true;
  const isLeading = () => node.leader?.id === certificateId;
  const { promise, resolve } = Promise.withResolvers<void>();
  const unfollow = node.events.follow(() => void (isLeading() || resolve()));
  const timer = setTimeout(resolve, waitMsMax);
  node.stepDown();
  if (isLeading()) await promise;
  clearTimeout(timer);
  unfollow();
  return !isLeading();
}
