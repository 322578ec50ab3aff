/**
 * A WebSocket as a bounded queue of frames: `next` waits for one, with a deadline. It works on the interface that browsers and
 * `ws` share, so host, client and page use the same code. When too many frames wait, a socket that can pause is paused, so that TCP
 * pushes back; one that cannot is closed.
 */

/** The part of the WebSocket interface that is needed. */
export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly protocol: string;
  // The event types of browsers and of `ws` differ in what is not used here.
  // deno-lint-ignore no-explicit-any
  onopen: ((event: any) => void) | null;
  // deno-lint-ignore no-explicit-any
  onmessage: ((event: any) => void) | null;
  // deno-lint-ignore no-explicit-any
  onerror: ((event: any) => void) | null;
  // deno-lint-ignore no-explicit-any
  onclose: ((event: any) => void) | null;
  /** `ws` calls back when the network has taken the bytes; browsers know no callback. */
  send(data: string | Uint8Array<ArrayBuffer>, taken?: () => void): void;
  close(code?: number, reason?: string): void;
  pause?(): void;
  resume?(): void;
  terminate?(): void;
}

/** What is known of bytes that the network has brought, where somebody counts them. */
export interface Arrivals {
  onArrival: () => void;
  /** Bytes so far that can belong to frames. */
  readonly broughtBytes: number;
  /** Bytes of frames that are not whole yet. */
  readonly partialBytes: number;
  /** Hears of every frame that is whole. */
  completed(payloadBytes: number): void;
}

/** What `next` gives. `closed` has the peer's close code; 1006 when the connection broke. `slow`: part of a frame came, and no more of it in time. */
export type SocketEvent =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "binary"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  | { readonly kind: "timeout" }
  | { readonly kind: "slow" };

/** `readyState` of an open socket. */
const OPEN = 1;

/** Slower than 1 KiB a second is not on its way but holding a connection. */
const BYTES_PER_MS_MIN = 1;

/** How long a client that is turned away has to read why, ms; what it sends is not read meanwhile. */
const LAST_WORD_MS = 1000;

/** Close reasons may have 123 bytes (RFC 6455, section 5.5). */
const REASON_CHARACTERS_MAX = 100;

/** Frames of one socket, in order. One caller at a time may wait. */
export class FrameSocket {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  readonly #socket: SocketLike;
  readonly #waitingMax: number;
  readonly #waitingBytesMax: number;
  readonly #frameMs: number;
  readonly #arrivals: Arrivals | undefined;
  readonly #onHeldBytes: (bytes: number) => void;
  readonly #waiting: SocketEvent[] = [];
  #waitingBytes = 0;
  /** Of the frame that was taken last, until the next one is asked for. */
  #takenBytes = 0;
  #sendingBytes = 0;
  #paused = false;
  #closed: (SocketEvent & { kind: "closed" }) | undefined;
  #wake: (() => void) | undefined;

  /**
   * `waitingMax` frames may wait to be taken, and where a socket can pause, no more come while `waitingBytesMax` or more wait; `onFrameBytes` hears the size of each frame as it comes. `arrivals` lets a
   * deadline wait for a long frame that is on its way, for up to `frameMs`; `onHeldBytes` hears how many bytes are held whenever that changes: of frames that are not whole, that wait, of the one that was taken last, and of what the network
   * has not taken yet.
   */
  constructor(
    socket: SocketLike,
    options: {
      waitingMax: number;
      waitingBytesMax?: number;
      onFrameBytes?: (bytes: number) => void;
      arrivals?: Arrivals;
      frameMs?: number;
      onHeldBytes?: (bytes: number) => void;
    },
  ) {
    this.#socket = socket;
    this.#waitingMax = options.waitingMax;
    this.#waitingBytesMax = options.waitingBytesMax ?? Infinity;
    this.#frameMs = options.frameMs ?? Infinity;
    this.#onHeldBytes = options.onHeldBytes ?? (() => {});
    this.#arrivals = options.arrivals;
    if (this.#arrivals) this.#arrivals.onArrival = () => this.#noteHeld();
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
      const bytes = typeof data === "string" ? data.length : data.byteLength;
      options.onFrameBytes?.(bytes);
      this.#arrivals?.completed(bytes);
      this.#push(
        typeof data === "string"
          ? { kind: "text", text: data }
          : { kind: "binary", bytes: new Uint8Array(data) },
      );
    };
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
        this.#closed ??= { kind: "closed", code, reason };
        this.#wake?.();
        resolve();
      };
    });
    // Every error is followed by a close event, which says all that matters.
    socket.onerror = () => {};
  }

  /** Whether frames can still be sent. */
  get isOpen(): boolean {
    return this.#closed === undefined && this.#socket.readyState === OPEN;
  }

  /** The next frame, the end of the connection, or `timeout` or `slow` after so many ms in which no good part of a frame came. */
  async next(timeoutMs: number): Promise<SocketEvent> {
    this.#takenBytes = 0;
    this.#noteHeld();
    const late = await this.#frameOrDeadline(timeoutMs);
    const frame = this.#waiting.shift();
    if (frame) this.#takenBytes = sizeOf(frame);
    this.#waitingBytes -= this.#takenBytes;
    if (this.#paused && !this.#isFull()) {
      this.#paused = false;
      this.#socket.resume?.();
    }
    return frame ?? this.#closed ?? { kind: late };
  }

  /** Sends a frame; nothing happens when the socket is closed, which `next` reports. */
  send(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.isOpen) this.#socket.send(data);
  }

  /** Sends a frame and waits until the network has taken it; `false` when it has not after so many ms, or the socket is closed. Needs `ws`. */
  sendAndWait(data: string, timeoutMs: number): Promise<boolean> {
    if (!this.isOpen) return Promise.resolve(false);
    this.#sendingBytes += data.length;
    this.#noteHeld();
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#socket.send(data, () => {
        this.#sendingBytes -= data.length;
        this.#noteHeld();
        clearTimeout(timer);
        resolve(this.isOpen);
      });
    });
  }

  /** Closes with a code of RFC 6455, section 7.4. A paused socket is resumed, so that it hears the peer's answer. */
  close(code = 1000, reason = ""): void {
    if (this.#closed) return;
    this.#paused = false;
    this.#socket.resume?.();
    this.#socket.close(code, reason.slice(0, REASON_CHARACTERS_MAX));
  }

  /**
   * Turns a client away that may have more on its way: says why, drops what waits, reads no more, and ends the connection when the client has
   * had time to read. For `next` the connection has ended at once. One that is closing already is cut off.
   */
  turnAway(lastWord: string, code: number, reason: string): void {
    if (!this.isOpen) return this.#socket.terminate?.();
    this.#socket.send(lastWord);
    this.#closed = { kind: "closed", code, reason };
    this.#socket.close(code, reason.slice(0, REASON_CHARACTERS_MAX));
    // Nobody resumes it: it is not the queue that stopped it.
    this.#socket.pause?.();
    this.#paused = false;
    this.#waiting.length = this.#waitingBytes = 0;
    this.#noteHeld();
    const timer = setTimeout(() => this.#socket.terminate?.(), LAST_WORD_MS);
    this.closed.then(() => clearTimeout(timer));
    this.#wake?.();
  }

  #push(frame: SocketEvent): void {
    if (this.#closed) return;
    this.#waiting.push(frame);
    this.#waitingBytes += sizeOf(frame);
    this.#noteHeld();
    if (this.#isFull() && !this.#paused) {
      if (this.#socket.pause) {
        this.#paused = true;
        this.#socket.pause();
      } else if (this.#waiting.length > this.#waitingMax) {
        this.close(1008, "too many frames at once");
      }
    }
    this.#wake?.();
  }

  /** Waits for a frame or the end; gives what it is when neither came. */
  async #frameOrDeadline(timeoutMs: number): Promise<"timeout" | "slow"> {
    const brought = () => this.#arrivals?.broughtBytes ?? 0;
    const endMs = performance.now() + this.#frameMs;
    while (this.#waiting.length === 0 && !this.#closed) {
      const waitMs = Math.min(timeoutMs, endMs - performance.now());
      const before = brought();
      await this.#arrival(waitMs);
      const came = brought() - before;
      if (came === 0 || came < waitMs * BYTES_PER_MS_MIN || performance.now() >= endMs) break;
    }
    return this.#arrivals && this.#arrivals.partialBytes > 0 ? "slow" : "timeout";
  }

  #noteHeld(): void {
    const partialBytes = this.#arrivals?.partialBytes ?? 0;
    this.#onHeldBytes(partialBytes + this.#waitingBytes + this.#takenBytes + this.#sendingBytes);
  }

  #isFull(): boolean {
    return this.#waiting.length >= this.#waitingMax || this.#waitingBytes >= this.#waitingBytesMax;
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function sizeOf(frame: SocketEvent): number {
  switch (frame.kind) {
    case "text":
      return frame.text.length;
    case "binary":
      return frame.bytes.length;
    case "closed":
    case "timeout":
    case "slow":
      return 0;
    default:
      return frame satisfies never;
  }
}
