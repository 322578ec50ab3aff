/** A roster cluster of real nodes, each with its HTTP interface, and a browser before it. */
import { formatAddress } from "../../lib/base/address.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { doubleVoter } from "../../lib/cli/demo/double_voter.ts";
import { Browser, findChromium } from "../_browser.ts";
import type { TestNode } from "../node/_cluster.ts";
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
  /** The one that holds the lease first. */
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
  const served: Served[] = [];
  for (const test of startAll(world, cast)) {
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
  const holder = await leaseHolder(served.map(({ test }) => test));
  const browser = stack.use(await Browser.start(CHROMIUM!));
  return {
    browser,
    served,
    leader: served.find(({ test }) => test === holder)!,
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
