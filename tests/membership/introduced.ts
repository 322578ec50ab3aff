/**
 * A large cluster in which everyone knows everyone, made quickly. Members are members only after each proved itself to each, which is n * n
 * questions and answers whatever is done; here each core goes through its own introductions alone, and this file stands in for the network:
 * it answers every ping for whom it was meant, and gives the full state when it is asked for. The cores are the shipping ones and nothing in
 * them is gone around: what is left out is the other half of each introduction, and the gossip of all to all.
 */
import { type Address, formatAddress } from "../../lib/base/address.ts";
import { assert } from "../../lib/base/errors.ts";
import type { Claim, GossipMessage, MembershipEffect } from "../../lib/membership/types.ts";
import { Cluster, type NetworkOptions, type SimNode } from "./harness.ts";

/** Time for the probes that tell new members of this node, and for its own claim to leave the queue, beside the first words. */
const SETTLE_INTERVALS = 20;

/** A cluster of so many members, at rest. */
export function introducedCluster(size: number, options: NetworkOptions): Cluster {
  const cluster = new Cluster(options);
  cluster.keepChanges = false;
  for (let i = 0; i < size; i++) cluster.add();
  const claims = cluster.nodes.map((node) => node.membership.self()!);
  const byAddress = new Map(cluster.nodes.map((node) => [formatAddress(node.address), node]));
  const { contactsPerSecond, probeIntervalMs } = cluster.settings;
  const startMs = cluster.nowMs;
  const endMs = startMs + 1000 * size / contactsPerSecond + SETTLE_INTERVALS * probeIntervalMs;
  cluster.nodes.forEach((node, i) => {
    const seed = cluster.nodes[i === 0 ? 1 : 0].address;
    introduce(node, seed, { startMs, endMs, claims, byAddress });
    assert(node.membership.members().length === size - 1, `${node.name} knows all`);
  });
  cluster.nowMs = endMs;
  for (const node of cluster.nodes) cluster.tell(node, { type: "tick" });
  return cluster;
}

interface Introductions {
  readonly startMs: number;
  readonly endMs: number;
  readonly claims: readonly Claim[];
  readonly byAddress: ReadonlyMap<string, SimNode>;
}

function introduce(node: SimNode, seed: Address, all: Introductions): void {
  const { membership } = node;
  let nowMs = all.startMs;
  const waiting = membership.step({ type: "join", seeds: [seed] }, nowMs);
  while (nowMs < all.endMs) {
    for (let effect = waiting.pop(); effect; effect = waiting.pop()) {
      waiting.push(...answered(node, effect, all, nowMs));
    }
    nowMs = Math.max(nowMs, membership.deadlineMs() ?? all.endMs);
    if (nowMs < all.endMs) waiting.push(...membership.step({ type: "tick" }, nowMs));
  }
}

/** What follows from the answer to an effect, if it has one. */
function answered(
  { membership }: SimNode,
  effect: MembershipEffect,
  { claims, byAddress }: Introductions,
  nowMs: number,
): MembershipEffect[] {
  if (effect.type === "sync") {
    return membership.step({ type: "synced", address: effect.address, claims }, nowMs);
  }
  if (effect.type !== "send" || effect.message.kind !== "ping") return [];
  const { id } = byAddress.get(formatAddress(effect.to))!.identity;
  const { nonce, digest } = effect.message;
  const head = new Uint8Array(0);
  // Who has the same digest sees the same: nobody asks for full states on its account.
  const message: GossipMessage = {
    kind: "ack",
    nonce,
    subject: id,
    incarnation: 0,
    digest,
    head,
    claims: [],
  };
  return membership.step({
    type: "message",
    sender: id,
    source: effect.to,
    datagramBytes: 0,
    message,
  }, nowMs);
}
