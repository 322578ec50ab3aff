/** A node as a service: what it tells its manager, and what a SIGHUP changes. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { formatAddress } from "../../lib/base/address.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { LogForm } from "../../lib/cli/command.ts";
import { layer } from "../../lib/cli/config/layers.ts";
import { nodeCommand } from "../../lib/cli/commands/node.ts";
import { HookRunner } from "../../lib/cli/hooks/hook_runner.ts";
import { parseHooks } from "../../lib/cli/hooks/hook.ts";
import { reload } from "../../lib/cli/reload.ts";
import { ServiceManager } from "../../lib/cli/systemd.ts";
import { KeyringFile } from "../../lib/node/keyring_file.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";

Deno.test("a service manager hears when the node is ready, that it lives, and that it stops", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/notify`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  const heard = async () => new TextDecoder().decode((await socket.receive())[0]);
  /** What is said beside that the node lives, which is said as often as a busy machine lets it. */
  const news = async () => {
    for (;;) {
      const line = await heard();
      if (line !== "WATCHDOG=1\n") return line;
    }
  };
  const env: Record<string, string> = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "20000" };
  {
    using manager = ServiceManager.open((name) => env[name])!;
    strictEqual(await heard(), "WATCHDOG=1\n");
    await manager.ready("node a");
    strictEqual(await news(), "READY=1\nSTATUS=node a\n");
  }
  {
    using manager = ServiceManager.open((name) => name === "WATCHDOG_PID" ? "1" : env[name])!;
    await manager.stopping();
    match(await news(), /^STOPPING=1\n/);
    socket.close();
    // Nobody listens any more.
    await manager.stopping();
  }
  strictEqual(ServiceManager.open(() => undefined), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a reload changes hooks, log level and cluster keys, says what waits for a start, and survives a fault", async () => {
  const folder = await Deno.makeTempDir();
  const [config, keyFile] = [`${folder}/node.json`, `${folder}/key`];
  KeyringFile.create(keyFile);
  const write = (value: unknown) => Deno.writeTextFile(config, JSON.stringify(value));
  await write({ encrypt: keyFile, port: 5000 });
  const args = parseArguments(["--config", config], nodeCommand);
  const read = () => layer(args, nodeCommand, { env: () => undefined });
  const started = await read();
  const logForm: LogForm = { format: "text", level: "info" };
  await using enclave = new BareEnclave("highest");
  await using test = new TestNode(enclave, [], { keyFile });
  const { node, listener } = test;
  {
    await using hooks = new HookRunner(node, parseHooks([]));
    const before = node.keyring!.map(({ id }) => id);
    await Deno.remove(keyFile);
    KeyringFile.create(keyFile);
    const more = { port: 5001, on: ["deposed=echo reloaded"], "log-level": "debug" };
    await write({ encrypt: keyFile, ...more });
    await reload({ node, hooks, logForm }, started, read);
    strictEqual(logForm.level, "debug");
    strictEqual(node.keyring!.map(({ id }) => id).includes(before[0]), false);
    const waits = listener.said.find(({ event }) => event === "restart-needed")!;
    deepStrictEqual(waits.fields.settings, ["port"]);

    await write({ encrypt: keyFile, prot: 1, "log-level": "warn" });
    await reload({ node, hooks, logForm }, started, read);
    match(
      listener.said.find(({ event }) => event === "reload-refused")!.message,
      /nothing was changed: .*"prot"/,
    );
    strictEqual(logForm.level, "debug");
    await test.leader(1);
  }
  const lines = listener.said.filter(({ event }) => event === "hook-output");
  deepStrictEqual(lines.map(({ fields }) => fields.line), ["reloaded"]);
  strictEqual(formatAddress(node.address).includes("5001"), false);
  await Deno.remove(folder, { recursive: true });
});
