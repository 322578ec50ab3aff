/** A bare WebSocket for tests that say wrong things: frames in, frames out, no protocol. */
// @ts-types="@types/ws"
import { WebSocket } from "ws";

/** What came, in order: text frames as texts, binary ones as bytes, the end as its close code. */
export type RawEvent = string | Uint8Array | number;

/** An open socket. */
export class RawSocket implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #events: RawEvent[] = [];
  readonly #closed: Promise<void>;
  #wake: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const push = (event: RawEvent) => {
      this.#events.push(event);
      this.#wake?.();
    };
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      push(isBinary ? new Uint8Array(data) : new TextDecoder().decode(data));
    });
    this.#closed = new Promise((resolve) => {
      socket.on("close", (code: number) => {
        push(code);
        resolve();
      });
    });
    socket.on("error", () => {});
  }

  /** Connects; a refused upgrade rejects with `<status> <body>`. */
  static open(url: string, path: string, protocols: string[]): Promise<RawSocket> {
    const socket = new WebSocket(url.replace("http", "ws") + path, protocols);
    const raw = new RawSocket(socket);
    return new Promise((resolve, reject) => {
      socket.on("open", () => resolve(raw));
      socket.on("unexpected-response", async (_request, response) => {
        let body = "";
        for await (const part of response) body += part;
        socket.terminate();
        reject(new Error(`${response.statusCode} ${body}`));
      });
      socket.on("error", reject);
    });
  }

  /** The subprotocol that the host picked. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string | Uint8Array): void {
    this.#socket.send(data);
  }

  /** Stops reading from the network. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  async next(): Promise<RawEvent> {
    while (this.#events.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#events.shift()!;
  }

  /** The next text frame as JSON. */
  // deno-lint-ignore no-explicit-any
  async nextJson(): Promise<any> {
    const event = await this.next();
    if (typeof event !== "string") throw new Error(`a text frame is wanted, ${event} came`);
    return JSON.parse(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#closed;
  }
}

/** The first frame of a session. */
export function nonceFrame(nonce: Uint8Array): string {
  return JSON.stringify({ message: { nonce: btoa(String.fromCharCode(...nonce)), metadata: {} } });
}
