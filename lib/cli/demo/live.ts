/**
 * The demo in a terminal: a short introduction (an election, the crash of its leader), then the keys are the user's. Redrawn when something
 * happened, at most once per frame.
 */
import { type Capabilities } from "../view/capabilities.ts";
import type { ClusterView } from "../view/model.ts";
import { Screen } from "../view/screen.ts";
import { CTRL_C } from "../view/terminal.ts";
import { type DemoCluster, NODES_LIVE_MAX } from "./cluster.ts";
import { demoKeys, demoView } from "./demo_view.ts";
import { agreement } from "./agreement.ts";
import { startNodes } from "./script.ts";
import type { DemoNode, ProcessState } from "./model.ts";

/** Time between two drawings while a lease runs down, ms. */
const LEASE_FRAME_MS = 100;

/** How long the first leader is left to look at before the introduction kills it, ms. */
const INTRODUCTION_MS = 4_000;

/** Plays until the user quits. Rejects with what goes wrong. `redraw` is given to whoever hears of changes. */
export async function playLive(
  cluster: DemoCluster,
  nodes: number,
  capabilities: Capabilities,
  onChange: (redraw: () => void) => void,
): Promise<void> {
  using live = new LiveDemo(cluster, capabilities);
  onChange(() => live.changed());
  await live.play(nodes);
}

class LiveDemo implements Disposable {
  readonly #cluster: DemoCluster;
  readonly #screen: Screen;
  readonly #quit = Promise.withResolvers<void>();
  readonly #keyPressed = Promise.withResolvers<void>();
  readonly #leaseFrames: ReturnType<typeof setInterval>;
  #hint = "starting the enclave host and deploying the function";
  #driving = false;

  constructor(cluster: DemoCluster, capabilities: Capabilities) {
    this.#cluster = cluster;
    this.#screen = new Screen({
      capabilities,
      view: () => this.#view(),
      onKey: (key) => this.#onKey(key),
      onError: (thrown) => cluster.fail(thrown),
    });
    this.#leaseFrames = setInterval(() => {
      if (cluster.model.leaseRemainingMs(performance.now()) !== undefined) this.changed();
    }, LEASE_FRAME_MS);
  }

  async play(nodes: number): Promise<void> {
    const introduction = this.#introduce(nodes);
    introduction.catch((thrown) => this.#cluster.fail(thrown));
    await Promise.race([this.#quit.promise, this.#cluster.failed]);
  }

  /** Something happened: draws soon. */
  changed(): void {
    this.#screen.changed();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#leaseFrames);
    this.#screen[Symbol.dispose]();
  }

  async #introduce(nodes: number): Promise<void> {
    const cluster = this.#cluster;
    await cluster.launch();
    this.#say("starting the nodes");
    await startNodes(cluster, nodes);
    this.#driving = true;
    await agreement(cluster);
    this.#say(`elected; in ${INTRODUCTION_MS / 1000} s its leader is killed (any key: you drive)`);
    const over = await Promise.race([
      cluster.rest(INTRODUCTION_MS).then(() => "over"),
      this.#keyPressed.promise,
    ]);
    const leader = cluster.model.leader();
    if (over === "over" && leader) {
      cluster.kill(leader.name);
      await agreement(cluster);
    }
    this.#say("your turn");
  }

  #onKey(key: string): void {
    const known = demoKeys(this.#cluster.isRoster).some((hint) => hint.key === key.toLowerCase());
    if (key === CTRL_C || key.toLowerCase() === "q") return this.#quit.resolve();
    this.#keyPressed.resolve();
    if (!known) return;
    if (!this.#driving) return this.#say("the nodes are not up yet");
    const refusal = act(this.#cluster, key.toLowerCase());
    this.#say(refusal ?? "your turn");
  }

  #say(hint: string): void {
    this.#hint = hint;
    this.changed();
  }

  #view(): ClusterView {
    const { model, isRoster } = this.#cluster;
    return demoView(model, { isRoster, hint: this.#hint, nowMs: performance.now() });
  }
}

/** Does what a key asks for; gives the reason as a text when it cannot be done now. */
export function act(cluster: DemoCluster, key: string): string | undefined {
  const { model } = cluster;
  const last = (...states: ProcessState[]): DemoNode | undefined =>
    [...model.nodes.values()].findLast((node) => states.includes(node.state));
  const leader = model.leader();
  const live = model.live().length;
  switch (key) {
    case "k":
    case "p":
      if (!leader) return "there is no leader now; wait for the election";
      if (live < 2) return "the last node stays; press r for another one first";
      if (key === "k") cluster.kill(leader.name);
      else cluster.pause(leader.name);
      return;
    case "r": {
      const paused = last("paused");
      const gone = last("killed", "left");
      if (paused) cluster.resume(paused.name);
      else if (!gone) return "nobody is paused, killed or gone";
      else if (live >= NODES_LIVE_MAX) return `${NODES_LIVE_MAX} nodes are enough`;
      else cluster.revive(gone.name);
      return;
    }
    case "a":
      if (live >= NODES_LIVE_MAX) return `${NODES_LIVE_MAX} nodes are enough`;
      cluster.addNode("joins");
      return;
    case "l": {
      const follower = model.live().findLast((node) => node !== leader);
      if (!follower || live < 2) return "the last node stays; press r for another one first";
      cluster.leave(follower.name);
      return;
    }
    case "h":
      if (!leader) return "there is no leader now; wait for the election";
      cluster.handOver(leader.name).catch((thrown) => cluster.fail(thrown));
      return;
    case "t":
      return turn(cluster);
  }
}

/** Makes a follower a liar, as long as the roster bears it. */
function turn(cluster: DemoCluster): string {
  const { model } = cluster;
  const faultBound = model.electorate?.faultBound ?? 0;
  const liars = [...model.nodes.values()].filter((node) => node.isLiar).length;
  if (liars >= faultBound) {
    return `no more than ${faultBound} of ${model.electorate?.voters} may lie in this roster`;
  }
  const victim = model.honest().findLast((node) => node !== model.leader());
  if (!victim) return "there is no follower to turn";
  const gone = [...model.nodes.values()].filter((node) => node.state !== "runs").length;
  cluster.takeOver(victim.name).catch((thrown) => cluster.fail(thrown));
  return gone + liars < faultBound
    ? `${victim.name} lies from now on; h gives it an election to lie in`
    : `${victim.name} lies from now on: with who is gone, more than this roster promises to bear`;
}
