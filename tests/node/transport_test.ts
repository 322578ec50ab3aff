import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { openTransport, type TransportHandlers } from "../../lib/node/transport.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { ownLoopback } from "../_loopback.ts";

const HERE = { host: "127.0.0.1", port: 0 };
const deaf: TransportHandlers = { datagram() {}, stream: () => [] };

Deno.test("a datagram arrives with its source", async () => {
  const { promise, resolve } = Promise.withResolvers<[string, number]>();
  await using receiver = openTransport(HERE, {
    ...deaf,
    datagram: (bytes, source) => resolve([new TextDecoder().decode(bytes), source.port]),
  });
  await using sender = openTransport(HERE, deaf);
  sender.send(receiver.address, utf8("smoke"));
  deepStrictEqual(await promise, ["smoke", sender.address.port]);
});

Deno.test("frames go out on a stream and the answer's come back", async () => {
  await using answerer = openTransport(HERE, {
    ...deaf,
    stream: (frames) => frames.map((frame) => frame.toReversed()),
  });
  await using asker = openTransport(HERE, deaf);
  const large = new Uint8Array(300_000).map((_, i) => i);
  const answer = await asker.exchange(answerer.address, [Uint8Array.of(1, 2), large]);
  deepStrictEqual(answer[0], Uint8Array.of(2, 1));
  deepStrictEqual(answer[1], large.toReversed());
});

Deno.test("datagrams that come faster than they are handled leave timers their turn", async () => {
  const HANDLE_MS = 1;
  const COUNT = 100;
  let handled = 0;
  let handledAtTimer = 0;
  const done = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  await using receiver = openTransport({ host: "127.0.0.1", port: 0 }, {
    datagram() {
      if (++handled === 1) {
        setTimeout(() => {
          handledAtTimer = handled;
          done.resolve();
        }, 1);
      }
      if (handled === COUNT) all.resolve();
      const until = performance.now() + HANDLE_MS;
      while (performance.now() < until);
    },
    stream: () => [],
  });
  const sender = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { host: hostname, port } = receiver.address;
  // They wait in the socket: sending, too, leaves nobody a turn.
  for (let i = 0; i < COUNT; i++) {
    await sender.send(new Uint8Array(10), { transport: "udp", hostname, port });
  }
  await done.promise;
  ok(handledAtTimer < COUNT / 2, `${handledAtTimer} of ${COUNT} came before the timer`);
  await all.promise;
  sender.close();
});

Deno.test("a port in use is named", async () => {
  await using first = openTransport(HERE, deaf);
  throws(
    () => openTransport(first.address, deaf),
    new RegExp(`Cannot listen on TCP port 127.0.0.1:${first.address.port}: it is in use`),
  );
});

Deno.test("a frame that announces too much is cut off and the next stream still works", async () => {
  let streams = 0;
  await using answerer = openTransport(HERE, {
    ...deaf,
    stream: (frames) => (streams++, frames),
  });
  const liar = await Deno.connect({ hostname: "127.0.0.1", port: answerer.address.port });
  await liar.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3));
  // The other side closes: either end of file or a reset.
  const read = await liar.read(new Uint8Array(8)).catch(() => null);
  strictEqual(read, null);
  liar.close();
  strictEqual(streams, 0);
  await using asker = openTransport(HERE, deaf);
  deepStrictEqual(await asker.exchange(answerer.address, [Uint8Array.of(7)]), [Uint8Array.of(7)]);
});

Deno.test("an exchange with nobody there fails", async () => {
  const gone = openTransport({ host: ownLoopback(), port: 0 }, deaf);
  const { address } = gone;
  await gone[Symbol.asyncDispose]();
  await using asker = openTransport(HERE, deaf);
  await rejects(asker.exchange(address, [Uint8Array.of(1)]));
});
