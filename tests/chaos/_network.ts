/**
 * A network for one run: each node lives in a network namespace of its own, joined by a cable to the one of this process, which forwards between
 * them and can be told to drop what goes from one to another. All of it is in namespaces that end with this process. Where the user may not
 * make them everything is on the loopback device, nothing can be cut and no disk filled.
 */

/** Set in the environment of a run that is inside. */
const INSIDE = "FUMATA_CHAOS_NAMESPACE";
/** Addresses are `10.77.<place + 1>.2` for nodes, each with this process's end of its cable at `.1`, and this for the enclave hosts. */
const HOSTS_ADDRESS = "10.77.0.1";
const NAMES_FOLDER = "/run/netns";

/** Whether this process has a network of its own. */
export function isInside(): boolean {
  return Deno.env.get(INSIDE) !== undefined;
}

/** Starts a program with these words in namespaces of its own and gives its exit code; `undefined` where that is not allowed. */
export async function inside(words: readonly string[]): Promise<number | undefined> {
  const unshare = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const tried = "ip link add name try0 type veth peer name try1 && iptables -L FORWARD -n";
  if (!await succeeds("unshare", [...unshare, "sh", "-c", tried])) return undefined;
  const prepare = `mkdir -p ${NAMES_FOLDER} && mount -t tmpfs tmpfs ${NAMES_FOLDER} && ` +
    `ip link set lo up && ip addr add ${HOSTS_ADDRESS}/32 dev lo && ` +
    `echo 1 > /proc/sys/net/ipv4/ip_forward && exec "$@"`;
  const { code } = await new Deno.Command("unshare", {
    args: [...unshare, "sh", "-c", prepare, "sh", ...words],
    env: { [INSIDE]: "1" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  return code;
}

/** Where a node is and what stands before the command that runs there. */
export interface Place {
  readonly address: string;
  readonly words: readonly string[];
}

/** The network. */
export class Network {
  /** Where enclave hosts listen. */
  readonly hostsAddress = isInside() ? HOSTS_ADDRESS : "127.0.0.1";
  /** Rules in force, counted: two faults may cut the same way. */
  readonly #cuts = new Map<string, number>();

  /** Makes the place of a node. */
  async place(index: number): Promise<Place> {
    if (!isInside()) return { address: "127.0.0.1", words: [] };
    const [name, near, far] = [`node${index}`, `near${index}`, `far${index}`];
    const subnet = `10.77.${index + 1}`;
    const inPlace = ["netns", "exec", name, "ip"];
    const steps = [
      ["netns", "add", name],
      ["link", "add", near, "type", "veth", "peer", "name", far],
      ["link", "set", far, "netns", name],
      ["addr", "add", `${subnet}.1/24`, "dev", near],
      ["link", "set", near, "up"],
      [...inPlace, "addr", "add", `${subnet}.2/24`, "dev", far],
      [...inPlace, "link", "set", far, "up"],
      [...inPlace, "link", "set", "lo", "up"],
      [...inPlace, "route", "add", "default", "via", `${subnet}.1`],
    ];
    for (const step of steps) await must("ip", step);
    return { address: `${subnet}.2`, words: ["nsenter", `--net=${NAMES_FOLDER}/${name}`] };
  }

  /** Drops what goes from one address to another, until `heal`. */
  async cut(from: string, to: string): Promise<void> {
    await this.#count(from, to, 1);
  }

  async heal(from: string, to: string): Promise<void> {
    await this.#count(from, to, -1);
  }

  async #count(from: string, to: string, by: 1 | -1): Promise<void> {
    const way = `${from} ${to}`;
    const before = this.#cuts.get(way) ?? 0;
    this.#cuts.set(way, before + by);
    if (before !== 0 && before + by !== 0) return;
    await must("iptables", [by > 0 ? "-A" : "-D", "FORWARD", "-s", from, "-d", to, "-j", "DROP"]);
  }
}

/** A small disk in place of a folder. */
export async function mountSmallDisk(folder: string, bytes: number): Promise<void> {
  await must("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder]);
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  if (success) return;
  throw new Error(`${program} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch {
    return false;
  }
}
