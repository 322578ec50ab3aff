/**
 * The sockets of a node: UDP for datagrams and TCP on the same port for what does not fit one. Bytes in, bytes out; what they mean is
 * decided above.
 *
 * On a stream (`stream_frames.ts`) the caller sends its frames, then reads the answer's. Everything that a stranger can fill has a limit:
 * frames, streams, time.
 */
import { type Address, formatAddress } from "../base/address.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import { readFrames, writeFrames } from "./stream_frames.ts";

/** Streams that strangers can hold open at once; with the limit of a stream's bytes, at most 128 MiB of theirs are in memory. */
const STREAMS_MAX = 32;
/** A stream that takes longer is cut. */
const STREAM_TIME_MS_MAX = 10_000;
/** Larger than any valid datagram, so that an oversize one is seen as such and not cut short. */
const DATAGRAM_BUFFER_BYTES = 2048;
/**
 * After so long without a pause the datagrams that wait give way to timers and streams, ms. A receive that finds a datagram is answered
 * before the event loop turns, so that a steady flood would leave everything else standing; a quarter of a second was measured.
 */
const TURN_MS_MAX = 4;
/** With port 0, how often another port is tried when UDP has the one that TCP got. */
const PORT_TRIES = 20;

/** What the node does with what comes in. Both must not throw. */
export interface TransportHandlers {
  /** `bytes` is only valid during the call. */
  datagram(bytes: Uint8Array, source: Address): void;
  /** The frames of one stream; the frames that are returned go back on it. */
  stream(frames: readonly Uint8Array[], source: Address): readonly Uint8Array[];
}

/** Open sockets. */
export interface Transport extends AsyncDisposable {
  readonly address: Address;
  /** Sends and forgets; a datagram that cannot be sent is lost as on the wire. */
  send(to: Address, datagram: Uint8Array): void;
  /** Sends frames on a new stream and gives the answer's frames. Rejects when the other side does not answer in time. */
  exchange(to: Address, frames: readonly Uint8Array[]): Promise<Uint8Array[]>;
}

/** Binds both sockets. Throws a `FumataError` that names the port when it is taken. */
export function openTransport(bind: Address, handlers: TransportHandlers): Transport {
  const { listener, socket } = bindBoth(bind);
  const address = { host: bind.host, port: (listener.addr as Deno.NetAddr).port };
  const open = new Set<Deno.TcpConn>();
  const sends = new Outstanding();
  const running = [
    receiveDatagrams(socket, handlers),
    acceptStreams(listener, handlers, open),
  ];
  return {
    address,
    send(to, datagram) {
      const target = { transport: "udp", hostname: to.host, port: to.port } as const;
      sends.begin();
      socket.send(datagram, target).then(sends.end, sends.end);
    },
    async exchange(to, frames) {
      const connection = await connect(to);
      open.add(connection);
      try {
        return await withinTime(connection, async () => {
          await writeFrames(connection, frames);
          return await readFrames(connection);
        });
      } finally {
        open.delete(connection);
        close(connection);
      }
    },
    async [Symbol.asyncDispose]() {
      close(socket);
      close(listener);
      for (const connection of open) close(connection);
      await Promise.all([...running, sends.over()]);
    },
  };
}

/** Counts what was begun and has not ended, which is cheaper than to keep each of so many. */
class Outstanding {
  #count = 0;
  #whenOver: (() => void) | undefined;

  begin(): void {
    this.#count++;
  }

  readonly end = (): void => {
    if (--this.#count === 0) this.#whenOver?.();
  };

  /** Resolves when all of it has ended; nothing may begin any more. */
  async over(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#whenOver = resolve);
  }
}

function bindBoth(bind: Address): { listener: Deno.TcpListener; socket: Deno.DatagramConn } {
  for (let tries = 1;; tries++) {
    const listener = bindOne(
      bind,
      "TCP",
      () => Deno.listen({ hostname: bind.host, port: bind.port }),
    );
    const port = (listener.addr as Deno.NetAddr).port;
    try {
      const socket = bindOne(
        { host: bind.host, port },
        "UDP",
        () => Deno.listenDatagram({ transport: "udp", hostname: bind.host, port }),
      );
      return { listener, socket };
    } catch (thrown) {
      listener.close();
      if (bind.port !== 0 || tries >= PORT_TRIES) throw thrown;
    }
  }
}

function bindOne<T>(at: Address, protocol: string, listen: () => T): T {
  try {
    return listen();
  } catch (thrown) {
    const where = `${protocol} port ${formatAddress(at)}`;
    const why = thrown instanceof Deno.errors.AddrInUse
      ? "it is in use by another program; choose another with --port or stop that program"
      : `${messageOf(thrown)}; --host must be an address of this machine`;
    throw new FumataError("failure", `Cannot listen on ${where}: ${why}`, { cause: thrown });
  }
}

async function receiveDatagrams(
  socket: Deno.DatagramConn,
  handlers: TransportHandlers,
): Promise<void> {
  const buffer = new Uint8Array(DATAGRAM_BUFFER_BYTES);
  for (let turnMs = performance.now();;) {
    try {
      const askedMs = performance.now();
      const [bytes, from] = await socket.receive(buffer);
      const receivedMs = performance.now();
      // It had to be waited for, so the event loop has turned.
      if (receivedMs - askedMs > 1) turnMs = receivedMs;
      const { hostname, port } = from as Deno.NetAddr;
      handlers.datagram(bytes, { host: hostname, port });
    } catch (thrown) {
      // An ICMP error of an earlier send shows up here on some systems; only a closed socket ends the loop.
      if (isClosed(thrown)) return;
    }
    if (performance.now() - turnMs > TURN_MS_MAX) {
      await nextTurn();
      turnMs = performance.now();
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function acceptStreams(
  listener: Deno.TcpListener,
  handlers: TransportHandlers,
  open: Set<Deno.TcpConn>,
): Promise<void> {
  const serving = new Set<Promise<void>>();
  for (;;) {
    let connection: Deno.TcpConn;
    try {
      connection = await listener.accept();
    } catch (thrown) {
      if (isClosed(thrown)) break;
      continue;
    }
    if (serving.size >= STREAMS_MAX) {
      close(connection);
      continue;
    }
    open.add(connection);
    const served = serve(connection, handlers).finally(() => {
      open.delete(connection);
      serving.delete(served);
      close(connection);
    });
    serving.add(served);
  }
  await Promise.all(serving);
}

async function serve(connection: Deno.TcpConn, handlers: TransportHandlers): Promise<void> {
  const { hostname, port } = connection.remoteAddr as Deno.NetAddr;
  try {
    await withinTime(connection, async () => {
      const frames = await readFrames(connection);
      await writeFrames(connection, handlers.stream(frames, { host: hostname, port }));
    });
  } catch {
    // A stranger's broken stream is its own problem.
  }
}

async function connect(to: Address): Promise<Deno.TcpConn> {
  const signal = AbortSignal.timeout(STREAM_TIME_MS_MAX);
  return await Deno.connect({ hostname: to.host, port: to.port, signal });
}

/** Runs the work, and cuts the connection when it takes too long, which makes the work fail. */
async function withinTime<T>(connection: Deno.TcpConn, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => close(connection), STREAM_TIME_MS_MAX);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

function isClosed(thrown: unknown): boolean {
  return thrown instanceof Deno.errors.BadResource || thrown instanceof Deno.errors.Interrupted;
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch { /* closed already */ }
}
