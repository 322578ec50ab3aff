/**
 * Stands in for the program itself: the same commands and log lines, no protocol behind them. A fake node prints `started` and then whatever
 * the hub in the test sends it, line by line; `!exit N` ends it. Called as `_fake_program.ts HUB_PORT COMMAND WORDS…`.
 */
const [hubPort, command, ...words] = Deno.args;
const valueOf = (flag: string) => words[words.indexOf(flag) + 1];
const print = (record: Record<string, unknown>) =>
  console.log(
    JSON.stringify({ time: "", level: "info", message: String(record.event), ...record }),
  );

/** Signal listeners alone do not keep a process. */
const stay = () => setInterval(() => {}, 1_000_000);

switch (command) {
  case "enclave":
    stay();
    await Deno.writeTextFile(valueOf("--profile-out"), "{}");
    Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
    print({ event: "listening", url: "http://127.0.0.1:1" });
    break;
  case "deploy":
    console.log(JSON.stringify({ function_id: "fake", function_checksum: "00" }, null, 2));
    break;
  case "identity":
    console.log(JSON.stringify({ id: "id", key: "key" }, null, 2));
    break;
  case "node":
  case "demo-liar":
    await node(valueOf("--name"));
    break;
  case "stubborn":
    Deno.addSignalListener("SIGTERM", () => {});
    stay();
    print({ event: "ready" });
    break;
  default:
    console.error(`no such command: ${command}`);
    Deno.exit(1);
}

async function node(name: string): Promise<void> {
  print({ event: "started", id: `id-of-${name}`, address: `127.0.0.1:${name.slice(5)}` });
  const hub = await Deno.connect({ port: Number(hubPort) });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => Deno.exit(0));
  }
  await hub.write(new TextEncoder().encode(`${command} ${name}\n`));
  let rest = "";
  for await (const text of hub.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const exit = /^!exit (\d+)$/.exec(line);
      if (exit) {
        console.error("the reason why");
        Deno.exit(Number(exit[1]));
      }
      console.log(line);
    }
  }
}
