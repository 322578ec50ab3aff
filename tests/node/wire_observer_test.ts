/** What somebody sees who sits between a node and the enclave host, where no TLS is: that there was an election, and not its certificate. */
import { ok, strictEqual } from "node:assert";
import { fromBase64, fromUtf8 } from "../../lib/base/bytes.ts";
import { connectEnclave, deployPackage } from "../../lib/enclave/client/mod.ts";
import { packFolder } from "../../lib/package/mod.ts";
import { startWorld } from "../enclave/_harness.ts";
import { BareEnclave, TestNode } from "./_cluster.ts";

const FUNCTION = new URL("../../function/leader-election/", import.meta.url).pathname;

/** Passes connections on to a port of this machine, and keeps what its answers are. */
class Observer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #running: Promise<unknown>[] = [];
  readonly #connections: Deno.Conn[] = [];
  seen = "";

  constructor(port: number) {
    this.#running.push(this.#serve(port));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** The outputs of all calls, as they went by. */
  outputs(): string[] {
    const found = this.seen.matchAll(/\{"message":\{"type":"function_result","message":"([^"]+)"/g);
    return [...found].map(([, output]) => {
      const bytes = fromBase64(output.replaceAll("\\/", "/"))!;
      return fromUtf8(bytes) ?? "sealed";
    });
  }

  async #serve(port: number): Promise<void> {
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#connections.push(client, server);
      const answers = server.readable.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform: (bytes, controller) => {
            this.seen += new TextDecoder("latin1").decode(bytes);
            controller.enqueue(bytes);
          },
        }),
      );
      this.#running.push(
        client.readable.pipeTo(server.writable).catch(() => {}),
        answers.pipeTo(client.writable).catch(() => {}),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch { /* its pipe has closed it */ }
    }
    await Promise.all(this.#running);
  }
}

Deno.test("who watches a node's connection to the enclave sees no certificate", async () => {
  await using world = await startWorld();
  const { zip, checksum } = await packFolder(FUNCTION);
  const { policy, token } = world;
  const target = { url: world.host.url, token, policy };
  const { id: functionId } = await deployPackage({ ...target, zip, name: "election" });
  await using observer = new Observer(Number(new URL(world.host.url).port));
  await using bare = new BareEnclave("highest");
  const connect = () => connectEnclave({ ...target, url: observer.url, functionId, checksum });
  {
    await using node = new TestNode(bare, [], {
      checksum,
      enclaves: [{ name: "observed", connect }],
    });
    await node.leader(1);
    ok(node.node.leader);
  }
  const outputs = observer.outputs();
  // The description is no secret, and shows that the observer can read what is not sealed.
  strictEqual(JSON.parse(outputs[0]).kind, "open");
  ok(outputs.length >= 2);
  for (const output of outputs.slice(1)) strictEqual(output, "sealed");
});
