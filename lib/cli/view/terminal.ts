/**
 * The terminal as a resource: alternate screen, hidden cursor and raw keys while it is held, everything as it was afterwards, also
 * when the program ends in between (`Deno.exit` runs the `unload` listeners). The only file of the view with IO.
 *
 * In raw mode Ctrl-C arrives as a key and not as a signal, so that it does not reach the children behind our back.
 */
import type { Size } from "./render.ts";

/** Ctrl-C in raw mode. */
export const CTRL_C = "\x03";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/** What a terminal that does not know its size is taken for. */
const DEFAULT_SIZE: Size = { columns: 80, rows: 24 };

/** The most columns and rows that are drawn: a terminal that claims more is not believed. */
const SIZE_MAX: Size = { columns: 500, rows: 200 };

/** The terminal of this process. Only one may be held at a time. */
export class Terminal implements Disposable {
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  readonly #restore = () => this.#leave();
  readonly #reader = Deno.stdin.readable.getReader();
  #held = true;

  /** Takes the terminal. `onKey` gets one character at a time; keys that send several (arrows) are left out. */
  constructor(on: { key: (key: string) => void; resize: () => void }) {
    this.#onKey = on.key;
    this.#onResize = on.resize;
    Deno.stdin.setRaw(true);
    write(ENTER);
    globalThis.addEventListener("unload", this.#restore);
    Deno.addSignalListener("SIGWINCH", this.#onResize);
    this.#readKeys();
  }

  /** The size of the window now. */
  get size(): Size {
    try {
      const { columns, rows } = Deno.consoleSize();
      if (columns < 1 || rows < 1) return DEFAULT_SIZE;
      return {
        columns: Math.min(columns, SIZE_MAX.columns),
        rows: Math.min(rows, SIZE_MAX.rows),
      };
    } catch {
      return DEFAULT_SIZE;
    }
  }

  /** Shows the lines, one for each row of the window, in place of what was there. */
  draw(lines: readonly string[]): void {
    // Each line is erased before it is written: behind its last column the erasing would take that column with it.
    write("\x1b[H" + lines.map((line) => "\x1b[K" + line).join("\r\n"));
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    if (!this.#held) return;
    globalThis.removeEventListener("unload", this.#restore);
    Deno.removeSignalListener("SIGWINCH", this.#onResize);
    this.#leave();
    this.#reader.cancel().catch(() => {});
  }

  #leave(): void {
    if (!this.#held) return;
    this.#held = false;
    try {
      Deno.stdin.setRaw(false);
      write(LEAVE);
    } catch { /* the terminal is gone: nothing is left to restore */ }
  }

  async #readKeys(): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) return;
        for (const key of keysOf(value)) this.#onKey(key);
      }
    } catch { /* the terminal is gone; the hang-up signal ends the program */ }
  }
}

/** The single-character keys in what a terminal sent at once; escape sequences (arrows, function keys) are skipped whole. */
export function keysOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  // deno-lint-ignore no-control-regex
  return [...text.replaceAll(/\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?/g, "")];
}

const encoder = new TextEncoder();

function write(text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
