/** A worker that sends datagrams to one address, round and round at an even rate, until it is terminated. */
export interface Flood {
  readonly datagrams: readonly Uint8Array[];
  readonly hostname: string;
  readonly port: number;
  readonly perSecond: number;
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Flood>) => void;
  postMessage(sent: number): void;
};

scope.onmessage = async ({ data: { datagrams, hostname, port, perSecond } }) => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const startedMs = performance.now();
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let sent = 0;;) {
    const due = (performance.now() - startedMs) * perSecond / 1000;
    while (sent < due) {
      const bytes = datagrams[sent++ % datagrams.length];
      await socket.send(bytes, { transport: "udp", hostname, port }).catch(() => 0);
    }
    scope.postMessage(sent);
    Atomics.wait(pause, 0, 0, 2);
  }
};
