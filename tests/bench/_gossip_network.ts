/**
 * The network of a gossip bench: a namespace of its own, in which the kernel counts packets by kind and drops what is to be dropped. Wants
 * `unshare`, `ip` and `iptables`, and the right to use them.
 */
import { GOSSIP_KINDS } from "../../lib/wire/gossip_messages.ts";

/** Packets and bytes of payload, by what they are. */
export type Traffic = ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>;

const IP_BYTES = 20;
const UDP_BYTES = 8;
/** The kind is the third byte of a datagram of ours: the last byte of the word at 27 (IP and UDP headers are 28 bytes). */
const KIND_MATCH = "27&0xFF";

/** Whether this machine lets the bench make namespaces. */
export async function canIsolate(): Promise<boolean> {
  try {
    return (await new Deno.Command("unshare", { args: ["-n", "true"] }).output()).success;
  } catch {
    return false;
  }
}

/** The words that start a program in a namespace of its own, or as it is when that may not be. */
export function isolated(words: readonly string[], mayIsolate: boolean): readonly string[] {
  if (!mayIsolate) return words;
  return ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", ...words];
}

/** Begins to count; with kinds only where datagrams are ours and readable. */
export async function countTraffic(withKinds: boolean): Promise<void> {
  await iptables("-N", "COUNT");
  await iptables("-A", "INPUT", "-j", "COUNT");
  if (withKinds) {
    for (const [name, kind] of Object.entries(GOSSIP_KINDS)) {
      const match = ["-m", "u32", "--u32", `${KIND_MATCH}=${kind}`];
      const label = ["-m", "comment", "--comment", name];
      await iptables("-A", "COUNT", "-p", "udp", ...match, ...label, "-j", "RETURN");
    }
  }
  for (const [name, protocol] of [["other datagrams", "udp"], ["streams", "tcp"]]) {
    const label = ["-m", "comment", "--comment", name];
    await iptables("-A", "COUNT", "-p", protocol, ...label, "-j", "RETURN");
  }
}

/** What was counted so far. Streams count their TCP headers as payload, as they count acknowledgements as packets. */
export async function traffic(): Promise<Traffic> {
  const counted = new Map<string, { packets: number; bytes: number }>();
  for (const line of (await iptables("-nvxL", "COUNT")).split("\n")) {
    const [, packets, bytes, name] = /^\s*(\d+)\s+(\d+)\s.*\/\* (.+?) \*\//.exec(line) ?? [];
    if (name === undefined) continue;
    const headers = IP_BYTES + (name === "streams" ? 0 : UDP_BYTES);
    counted.set(name, {
      packets: Number(packets),
      bytes: Number(bytes) - headers * Number(packets),
    });
  }
  return counted;
}

/** Lets nothing to or from these ports through, or all of it again. */
export async function dropPort(port: number, isDropped: boolean): Promise<void> {
  for (const protocol of ["udp", "tcp"]) {
    for (const side of ["--dport", "--sport"]) {
      const action = isDropped ? "-I" : "-D";
      await iptables(action, "INPUT", "-p", protocol, side, String(port), "-j", "DROP");
    }
  }
}

/** Loses this share of all datagrams from now on. */
export async function loseDatagrams(share: number): Promise<void> {
  const random = ["-m", "statistic", "--mode", "random", "--probability", String(share)];
  await iptables("-A", "INPUT", "-p", "udp", ...random, "-j", "DROP");
}

async function iptables(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("iptables", { args }).output();
  if (!success) {
    const why = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run "iptables ${args.join(" ")}": ${why}`);
  }
  return new TextDecoder().decode(stdout);
}
