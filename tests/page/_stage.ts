/** A cluster of real nodes, each with its HTTP interface, and a browser before it. */
import { formatAddress } from "../../lib/base/address.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { doubleVoter } from "../../lib/cli/demo/double_voter.ts";
import { Browser, findChromium } from "../_browser.ts";
import type { SimulatedTee } from "../../lib/tee/simulated.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";
import { limited } from "../node/_limit.ts";
import { identityOf } from "../liars/_liar.ts";
import { leaseHolder, type RosterWorld, rosterWorld } from "../node/_roster.ts";

/** A Chromium, where there is one. */
export const CHROMIUM = findChromium();
if (!CHROMIUM) console.log("skipped: there is no Chromium on this machine");

/** Node and page. */
export interface Served extends AsyncDisposable {
  readonly test: TestNode;
  readonly url: string;
}

export interface Stage extends AsyncDisposable {
  readonly browser: Browser;
  readonly served: readonly Served[];
  /** The one that leads first. */
  readonly leader: Served;
}

/** What the nodes of a stage are like. */
export interface Cast {
  /** Tags of all of them, as a liar could have chosen them. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Whether the last one votes twice in every term in which it votes. */
  readonly withLiar?: boolean;
}

/** `n` voters of which `f` may lie. */
export async function setStage(n: number, f: number, cast: Cast = {}): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await rosterWorld(n, f));
  const served = await serveAll(startAll(world, cast), stack);
  const holder = await leaseHolder(served.map(({ test }) => test));
  return await withBrowser(stack, served, holder);
}

/** An open cluster of `n` nodes whose enclave has evidence of this TEE. */
export async function setOpenStage(n: number, tee: SimulatedTee): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  const enclave = stack.use(new BareEnclave("random"));
  enclave.tee = tee;
  const first = new TestNode(enclave, [], { name: "n0" });
  const others = Array.from(
    { length: n - 1 },
    (_, i) => new TestNode(enclave, [first.node.address], { name: `n${i + 1}` }),
  );
  const nodes = [first, ...others];
  const served = await serveAll(nodes, stack);
  const names = await limited(
    "a leader of all",
    nodes,
    Promise.all(nodes.map((node) => node.leader(n))),
  );
  return await withBrowser(stack, served, nodes.find(({ node }) => node.name === names[0])!);
}

async function serveAll(nodes: readonly TestNode[], stack: AsyncDisposableStack) {
  const served: Served[] = [];
  for (const test of nodes) {
    const server = await ApiServer.start({
      at: { host: "127.0.0.1", port: 0 },
      node: test.node,
      routes: ROUTES,
    });
    served.push(stack.use({
      test,
      url: `http://${formatAddress(server.address)}`,
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await test[Symbol.asyncDispose]();
      },
    }));
  }
  return served;
}

async function withBrowser(
  stack: AsyncDisposableStack,
  served: readonly Served[],
  leader: TestNode,
): Promise<Stage> {
  return {
    browser: stack.use(await Browser.start(CHROMIUM!)),
    served,
    leader: served.find(({ test }) => test === leader)!,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function startAll(world: RosterWorld, { tags = {}, withLiar = false }: Cast): TestNode[] {
  if (!withLiar) return world.startAll({ tags });
  const { checksum } = world.enclave;
  const last = world.folders.length - 1;
  const middleman = doubleVoter(identityOf(world.folders[last]), { checksum, cluster: "test" });
  const first = world.start(0, [], { tags });
  const others = world.folders.slice(1, last).map((_, i) => world.start(i + 1, [first], { tags }));
  return [first, ...others, world.start(last, [first], { tags, middleman })];
}
