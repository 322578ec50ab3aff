/**
 * Network addresses as people write them and as the wire carries them: `host:port`, `[v6]:port`, `:port` or `port`
 * (the last two mean this machine, as in the seeds).
 */
import { FumataError } from "./errors.ts";

/** Where a node listens: an IP address or host name and a port of 1..65535. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The longest host name that DNS allows (RFC 1035, section 2.3.4). */
const HOST_CHARACTERS_MAX = 253;

/** Reads an address, or gives `undefined` when the text is none. */
export function parseAddress(text: string, defaultHost = "127.0.0.1"): Address | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:[\]/@]*)):)?(\d{1,5})$/.exec(text.trim());
  if (!match) return undefined;
  const host = match[1] ?? (match[2] || defaultHost);
  const port = Number(match[3]);
  if (port < 1 || port > 65535 || host.length > HOST_CHARACTERS_MAX) return undefined;
  return { host, port };
}

/** Reads an address or throws a usage error that names the flag it came from. */
export function requireAddress(text: string, flag: string): Address {
  const address = parseAddress(text);
  if (address) return address;
  throw new FumataError(
    "usage",
    `Cannot use ${flag} "${text}": it is not an address; write host:port, [v6]:port or a port of 1..65535`,
  );
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether only this machine reaches the host: 127.0.0.0/8, ::1 or localhost. */
export function isLoopback(host: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(host) || host === "::1" || host === "localhost";
}
