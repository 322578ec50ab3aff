/** A roster cluster of real nodes: the enclave with its `cluster.json`, the state folders of its voters. */
import { base64url } from "../../lib/base/bytes.ts";
import type { FunctionDescription } from "../../lib/node/function_description.ts";
import { ClusterKindChanged, type NodeOptions } from "../../lib/node/node_options.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { BareEnclave, TestNode } from "./_cluster.ts";
import { limited } from "./_limit.ts";

/** Length of the lease in these clusters, ms: so long that a leader keeps it when the machine is busy, and that its end is soon there. */
export const LEASE_MS = 2_000;

export interface RosterWorld extends AsyncDisposable {
  readonly enclave: BareEnclave;
  readonly clusterJson: object;
  /** One for each voter, in roster order. */
  readonly folders: readonly string[];
  /** What the function said of itself, as a first node learns it. */
  readonly description: FunctionDescription;
  start(index: number, seeds: readonly TestNode[], more?: Partial<NodeOptions>): TestNode;
  /** All voters, the first being the seed of the others. */
  startAll(more?: Partial<NodeOptions>): TestNode[];
}

/** An enclave with a roster of `n` voters, and their state folders. */
export async function rosterWorld(
  n: number,
  faultBound: number,
  more: { readonly operatorKey?: string } = {},
): Promise<RosterWorld> {
  const folder = await Deno.makeTempDir();
  const folders = Array.from({ length: n }, (_, i) => `${folder}/${i}`);
  const clusterJson = {
    cluster: "test",
    roster: folders.map((path, i) => ({ name: `n${i}`, key: keyOf(path) })),
    faultBound,
    policy: "random",
    lease: { leaseMs: LEASE_MS, driftPpm: 500 },
    ...more,
  };
  const enclave = new BareEnclave("random", clusterJson);
  const description = await descriptionOf(enclave);
  const start: RosterWorld["start"] = (index, seeds, more = {}) =>
    new TestNode(enclave, seeds.map((seed) => seed.node.address), {
      name: `n${index}`,
      stateFolder: folders[index],
      description,
      ...more,
    });
  return {
    enclave,
    clusterJson,
    folders,
    description,
    start,
    startAll(more) {
      const first = start(0, [], more);
      return [first, ...folders.slice(1).map((_, i) => start(i + 1, [first], more))];
    },
    async [Symbol.asyncDispose]() {
      await enclave[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A node that does not know the kind of its function finds out and asks to be started again. */
export async function descriptionOf(enclave: BareEnclave): Promise<FunctionDescription> {
  await using node = new TestNode(enclave, []);
  try {
    await node.node.stopped;
  } catch (thrown) {
    if (thrown instanceof ClusterKindChanged) return thrown.description;
  }
  throw new Error("the node did not notice that its function serves a roster");
}

/** The first of these nodes that holds a lease; `from` are the numbers of lines heard already. */
export async function leaseHolder(
  nodes: readonly TestNode[],
  from: readonly number[] = nodes.map(() => 0),
): Promise<TestNode> {
  const first = Promise.any(nodes.map(async (node, i) => {
    await node.listener.until(({ event }) => event === "lease-held", from[i]);
    return node;
  }));
  return await limited("a leader with a lease", nodes, first);
}

/** The public key of a state folder, as `cluster.json` wants it. */
export function keyOf(folder: string): string {
  using store = StateStore.open(folder);
  return base64url(store.identity.publicKey);
}
