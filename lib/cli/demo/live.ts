/**
 * The demo in a terminal: a short introduction (an election, the crash of its leader), then the keys are the user's. Redrawn when something
 * happened, at most once per frame.
 */
import { type Capabilities } from "../view/capabilities.ts";
import { render } from "../view/render.ts";
import { CTRL_C, Terminal } from "../view/terminal.ts";
import { type DemoCluster, NODES_LIVE_MAX } from "./cluster.ts";
import { DEMO_KEYS, demoView } from "./demo_view.ts";
import { agreement, startNodes } from "./script.ts";
import type { DemoNode, ProcessState } from "./model.ts";

/** Time between two drawings, ms. */
const FRAME_MS = 50;

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
  readonly #capabilities: Capabilities;
  readonly #terminal: Terminal;
  readonly #quit = Promise.withResolvers<void>();
  readonly #keyPressed = Promise.withResolvers<void>();
  #frame?: ReturnType<typeof setTimeout>;
  #hint = "starting the enclave host and deploying the function";
  #driving = false;

  constructor(cluster: DemoCluster, capabilities: Capabilities) {
    this.#cluster = cluster;
    this.#capabilities = capabilities;
    this.#terminal = new Terminal({
      key: (key) => this.#guard(() => this.#onKey(key)),
      resize: () => this.#guard(() => this.#draw()),
    });
    this.#draw();
  }

  async play(nodes: number): Promise<void> {
    const introduction = this.#introduce(nodes);
    introduction.catch((thrown) => this.#cluster.fail(thrown));
    await Promise.race([this.#quit.promise, this.#cluster.failed]);
  }

  /** Something happened: draws soon. */
  changed(): void {
    this.#frame ??= setTimeout(() => {
      this.#frame = undefined;
      this.#guard(() => this.#draw());
    }, FRAME_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#frame);
    this.#terminal[Symbol.dispose]();
  }

  async #introduce(nodes: number): Promise<void> {
    const cluster = this.#cluster;
    await cluster.launch();
    this.#say("starting the nodes");
    await startNodes(cluster, nodes);
    this.#driving = true;
    await agreement(cluster);
    this.#say(`elected; in ${INTRODUCTION_MS / 1000} s its leader is killed (any key: you drive)`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = new Promise<"over">((resolve) => {
      timer = setTimeout(() => resolve("over"), INTRODUCTION_MS);
    });
    const over = await Promise.race([wait, this.#keyPressed.promise, cluster.failed]);
    clearTimeout(timer);
    const leader = cluster.model.leader();
    if (over === "over" && leader) {
      cluster.kill(leader.name);
      await agreement(cluster);
    }
    this.#say("your turn");
  }

  #onKey(key: string): void {
    const known = DEMO_KEYS.some((hint) => hint.key === key.toLowerCase());
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

  #draw(): void {
    const view = demoView(this.#cluster.model, this.#hint);
    this.#terminal.draw(render(view, this.#terminal.size, this.#capabilities));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#cluster.fail(thrown);
    }
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
      if (live < 2) return "the last node stays; add one first";
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
      if (!follower || live < 2) return "the last node stays; add one first";
      cluster.leave(follower.name);
      return;
    }
  }
}
