/** A network of a bench's own: a namespace in which the loopback device counts nothing else and packets can be dropped, where this user may make one. */

/** Set in the environment of a bench that runs in a namespace. */
const INSIDE = "FUMATA_BENCH_NAMESPACE";

/** Whether this process runs in a namespace of its own. */
export function isIsolated(): boolean {
  return Deno.env.get(INSIDE) !== undefined;
}

/** Starts this program again in a namespace, where that can be made, and ends with it; returns where it cannot, or when it is inside. */
export async function isolate(program: string): Promise<void> {
  if (isIsolated() || !await canIsolate()) return;
  const script = 'ip link set lo up && exec "$@"';
  const self = [Deno.execPath(), "run", "-A", program, ...Deno.args];
  const { code } = await new Deno.Command("unshare", {
    args: ["-n", "sh", "-c", script, "sh", ...self],
    env: { [INSIDE]: "1" },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  Deno.exit(code);
}

/** Packets that the loopback device of this namespace has sent. */
export async function loopbackPackets(): Promise<number> {
  // In a namespace /sys may still show the outer one's devices; /proc/net/dev follows the process.
  const text = await Deno.readTextFile("/proc/net/dev");
  const line = text.split("\n").find((line) => /^\s*lo:/.test(line));
  return Number(line?.split(":")[1].trim().split(/\s+/)[9]);
}

/** Adds (`-A`) or removes (`-D`) rules of iptables that drop. Throws when one is not taken. */
export async function drop(action: "-A" | "-D", rules: readonly string[][]): Promise<void> {
  for (const [chain, ...rule] of rules) {
    const args = [action, chain, ...rule, "-j", "DROP"];
    const { success } = await new Deno.Command("iptables", { args, stderr: "null" }).output();
    if (!success) throw new Error(`iptables ${args.join(" ")} failed`);
  }
}

async function canIsolate(): Promise<boolean> {
  try {
    return (await new Deno.Command("unshare", { args: ["-n", "true"] }).output()).success;
  } catch {
    return false;
  }
}
