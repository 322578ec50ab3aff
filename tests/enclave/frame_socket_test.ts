/** The bounded queue of frames over a socket that is played by hand. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { type Arrivals, FrameSocket, type SocketLike } from "../../lib/enclave/frame_socket.ts";

/** A socket whose events the test makes. */
class HandSocket implements SocketLike {
  binaryType = "";
  readyState = 1;
  protocol = "";
  // deno-lint-ignore no-explicit-any
  onopen: ((event: any) => void) | null = null;
  // deno-lint-ignore no-explicit-any
  onmessage: ((event: any) => void) | null = null;
  // deno-lint-ignore no-explicit-any
  onerror: ((event: any) => void) | null = null;
  // deno-lint-ignore no-explicit-any
  onclose: ((event: any) => void) | null = null;
  readonly did: string[] = [];
  /** Says that the network has what was sent last. */
  taken?: () => void;
  send(data: string | Uint8Array, taken?: () => void) {
    this.did.push(`send ${data}`);
    this.taken = taken;
  }
  close(code?: number) {
    this.did.push(`close ${code}`);
  }
}

class PausableSocket extends HandSocket {
  pause() {
    this.did.push("pause");
  }
  resume() {
    this.did.push("resume");
  }
  terminate() {
    this.did.push("terminate");
  }
}

Deno.test("frames that came before they were asked for are kept in order", async () => {
  const socket = new HandSocket();
  const frames = new FrameSocket(socket, { waitingMax: 9 });
  socket.onmessage!({ data: "a" });
  socket.onmessage!({ data: new Uint8Array([1]).buffer });
  socket.onclose!({ code: 1000, reason: "done" });
  deepStrictEqual(await frames.next(1000), { kind: "text", text: "a" });
  deepStrictEqual(await frames.next(1000), { kind: "binary", bytes: new Uint8Array([1]) });
  const closed = { kind: "closed", code: 1000, reason: "done" } as const;
  deepStrictEqual(await frames.next(1000), closed);
  deepStrictEqual(await frames.next(1000), closed);
  ok(!frames.isOpen);
});

Deno.test("a full queue stops reading until a frame is taken", async () => {
  const socket = new PausableSocket();
  const frames = new FrameSocket(socket, { waitingMax: 2 });
  socket.onmessage!({ data: "a" });
  deepStrictEqual(socket.did, []);
  socket.onmessage!({ data: "b" });
  deepStrictEqual(socket.did, ["pause"]);
  await frames.next(1000);
  deepStrictEqual(socket.did, ["pause", "resume"]);
});

Deno.test("long frames that wait stop reading before there are many of them", async () => {
  const socket = new PausableSocket();
  const frames = new FrameSocket(socket, { waitingMax: 9, waitingBytesMax: 10 });
  socket.onmessage!({ data: new ArrayBuffer(6) });
  deepStrictEqual(socket.did, []);
  socket.onmessage!({ data: "four" });
  deepStrictEqual(socket.did, ["pause"]);
  await frames.next(1000);
  await frames.next(1000);
  deepStrictEqual(socket.did, ["pause", "resume"]);
});

Deno.test("a socket that cannot pause is closed when too much waits", () => {
  const socket = new HandSocket();
  new FrameSocket(socket, { waitingMax: 2 });
  for (const data of ["a", "b"]) socket.onmessage!({ data });
  deepStrictEqual(socket.did, []);
  socket.onmessage!({ data: "c" });
  deepStrictEqual(socket.did, ["close 1008"]);
});

Deno.test("waiting ends with the deadline, a frame or the end of the connection", async () => {
  const socket = new HandSocket();
  const frames = new FrameSocket(socket, { waitingMax: 2 });
  deepStrictEqual(await frames.next(1), { kind: "timeout" });
  const waiting = frames.next(60_000);
  socket.onmessage!({ data: "a" });
  strictEqual((await waiting).kind, "text");
  const last = frames.next(60_000);
  socket.onclose!({ code: 1006, reason: "" });
  strictEqual((await last).kind, "closed");
});

/** Bytes that came, one count for each look. */
function arrivalsOf(brought: number[]): Arrivals {
  const completed = () => {};
  return {
    onArrival() {},
    partialBytes: 1,
    completed,
    get broughtBytes() {
      return brought.shift()!;
    },
  };
}

Deno.test("the deadline waits for a long frame while a good part of it comes", async () => {
  const brought = [0, 5, 5, 9, 9, 9];
  const frames = new FrameSocket(new HandSocket(), {
    waitingMax: 2,
    arrivals: arrivalsOf(brought),
  });
  // Five bytes in a deadline of 5 ms are 1 KiB a second, four are not.
  deepStrictEqual(await frames.next(5), { kind: "slow" });
  deepStrictEqual(brought, [9, 9]);
});

Deno.test("what is held are frames that are partly here, that wait, and the one that was taken last", async () => {
  const socket = new HandSocket();
  const held: number[] = [];
  const arrivals: Arrivals = { ...arrivalsOf([0]), broughtBytes: 0, partialBytes: 7 };
  const frames = new FrameSocket(socket, {
    waitingMax: 9,
    arrivals,
    onHeldBytes: (bytes) => held.push(bytes),
  });
  arrivals.onArrival();
  socket.onmessage!({ data: new ArrayBuffer(100) });
  socket.onmessage!({ data: new ArrayBuffer(10) });
  deepStrictEqual(held, [7, 107, 117]);
  await frames.next(1000);
  deepStrictEqual(held.at(-1), 117, "the first is being worked on");
  await frames.next(1000);
  deepStrictEqual(held.at(-1), 17, "and the second alone");
  const sending = frames.sendAndWait("four", 1000);
  deepStrictEqual(held.at(-1), 21, "and an answer until the network has it");
  socket.taken!();
  await sending;
  deepStrictEqual(held.at(-1), 17);
});

Deno.test("who is turned away hears why, is read no more, and is cut off if it stays", async () => {
  const socket = new PausableSocket();
  const frames = new FrameSocket(socket, { waitingMax: 1 });
  socket.onmessage!({ data: "waits" });
  deepStrictEqual(socket.did.splice(0), ["pause"]);
  frames.turnAway("why", 1013, "reason");
  deepStrictEqual(socket.did, ["send why", "close 1013", "pause"]);
  deepStrictEqual(await frames.next(1000), { kind: "closed", code: 1013, reason: "reason" });
  frames.close();
  socket.onmessage!({ data: "more" });
  deepStrictEqual((await frames.next(1000)).kind, "closed");
  deepStrictEqual(socket.did.length, 3);
  socket.onclose!({ code: 1013, reason: "" });
  await frames.closed;
});

Deno.test("who is closing already and is turned away is cut off", () => {
  const socket = new PausableSocket();
  const frames = new FrameSocket(socket, { waitingMax: 1 });
  frames.close();
  socket.readyState = 2;
  socket.did.length = 0;
  frames.turnAway("why", 1013, "reason");
  deepStrictEqual(socket.did, ["terminate"]);
});

Deno.test("nothing is sent on a closed socket", async () => {
  const socket = new HandSocket();
  const frames = new FrameSocket(socket, { waitingMax: 2 });
  frames.send("a");
  socket.onclose!({ code: 1006, reason: "" });
  frames.send("b");
  strictEqual(await frames.sendAndWait("c", 1000), false);
  deepStrictEqual(socket.did, ["send a"]);
});
