/**
 * A loopback address of one's own, for tests in which a port must be free after somebody gave it up: on 127.0.0.1 a test that runs at the
 * same time may have taken it by then. On systems that answer at 127.0.0.1 only, that is what there is.
 */

/** An IPv4 address of this machine at which nobody else is likely to listen. */
export function ownLoopback(): string {
  if (Deno.build.os !== "linux") return "127.0.0.1";
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + a % 254}.${b}.${1 + c % 254}`;
}
