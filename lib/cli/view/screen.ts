/**
 * A live view on a terminal: drawn again when something happened, at most once per frame, and when the window changes its size. What was asked to
 * be shown is asked for at the moment of drawing, so that nothing old is drawn.
 */
import type { Capabilities } from "./capabilities.ts";
import type { ClusterView } from "./model.ts";
import { render } from "./render.ts";
import { Terminal } from "./terminal.ts";

/** Time between two drawings, ms: quicker is not seen, and takes time from what is looked at. */
const FRAME_MS = 50;

/** What a screen shows and whom it tells. */
export interface ScreenOptions {
  readonly capabilities: Capabilities;
  view(): ClusterView;
  onKey(key: string): void;
  /** Is told what any of the others threw; the screen goes on. */
  onError(thrown: unknown): void;
}

/** The terminal while a view is on it. */
export class Screen implements Disposable {
  readonly #options: ScreenOptions;
  readonly #terminal: Terminal;
  #frame?: ReturnType<typeof setTimeout>;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#terminal = new Terminal({
      key: (key) => this.#guard(() => options.onKey(key)),
      resize: () => this.#guard(() => this.#draw()),
    });
    this.#guard(() => this.#draw());
  }

  /** Something happened: draws soon. */
  changed(): void {
    this.#frame ??= setTimeout(() => {
      this.#frame = undefined;
      this.#guard(() => this.#draw());
    }, FRAME_MS);
  }

  /** Gives the terminal back. */
  [Symbol.dispose](): void {
    clearTimeout(this.#frame);
    this.#terminal[Symbol.dispose]();
  }

  #draw(): void {
    const { view, capabilities } = this.#options;
    this.#terminal.draw(render(view(), this.#terminal.size, capabilities));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#options.onError(thrown);
    }
  }
}
