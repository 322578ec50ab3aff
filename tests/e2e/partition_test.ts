/**
 * A partition of real nodes by the kernel: the test runs its nodes in a network namespace of their own and drops what goes between two halves.
 * Skipped with a message where the machine does not allow that.
 */
import { ok, strictEqual } from "node:assert";

const NODE = new URL("../node/", import.meta.url);

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args, stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/** Whether namespaces can be made and packets dropped in them. */
async function isPossible(): Promise<boolean> {
  const script = "ip link set lo up && iptables -A INPUT -s 127.1.0.0/16 -d 127.2.0.0/16 -j DROP";
  return await succeeds("unshare", "-n", "sh", "-c", script);
}

Deno.test("two halves that the kernel has cut apart heal by themselves", async () => {
  if (!await isPossible()) {
    console.log("skipped: this machine allows no network namespaces (unshare -n) or no iptables");
    return;
  }
  const script = 'ip link set lo up && exec "$@"';
  const self = [
    "sh",
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    new URL("_partition.ts", NODE).pathname,
  ];
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["-n", "sh", "-c", script, ...self],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  strictEqual(code, 0, text);
  ok(text.includes("healed"), text);
});
