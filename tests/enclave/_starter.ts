/** A worker that starts so many short programs, one after the other, and says when it is done. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<number>) => void;
  postMessage(done: true): void;
};

scope.onmessage = async ({ data: count }) => {
  for (let i = 0; i < count; i++) {
    await new Deno.Command("true", { stdout: "null", stderr: "null" }).output();
  }
  scope.postMessage(true);
};
