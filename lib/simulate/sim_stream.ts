/** Full state over a stream between two simulated nodes: there and back, or a failure after a while. Streams are either there or not. */
import type { Address } from "../base/address.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** How long a stream that does not come about is waited for, ms. */
const STREAM_TIMEOUT_MS = 1_000;

/** One node exchanges its full state with whoever is at an address. */
export function exchangeStates(world: World, node: SimNode, address: Address): void {
  const place = world.placeOf(address);
  const partner = place === undefined ? undefined : world.nodes[place];
  const isReached = partner?.isAwake && world.network.isOpen(node.place, partner.place) &&
    world.network.isOpen(partner.place, node.place);
  const fail = () =>
    node.later(
      world.nowMs + STREAM_TIMEOUT_MS,
      () => node.tell((clock) => node.body.gossip({ type: "sync-failed", address }, clock)),
    );
  if (!isReached) return fail();
  const mine = node.door.carried(undefined, node.membership.snapshot());
  const { generation } = node;
  world.at(world.nowMs + world.network.drawDelayMs(), () => {
    // A process that stands still answers nobody, and its state may not be on its disk yet.
    if (!partner.isAwake) return node.generation === generation ? fail() : undefined;
    const theirs = partner.door.carried(node.id, partner.membership.snapshot());
    const source = { host: node.address.host, port: 1 };
    const sender = node.id;
    const heard = partner.door.opened(mine);
    partner.tell((clock) =>
      partner.body.gossip({ type: "synced", address: source, sender, claims: heard }, clock)
    );
    world.at(world.nowMs + world.network.drawDelayMs(), () => {
      if (node.generation !== generation) return;
      const claims = node.door.opened(theirs);
      node.tell((clock) => node.body.gossip({ type: "synced", address, claims }, clock));
    });
  });
}
