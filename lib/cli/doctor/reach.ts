/**
 * Whether datagrams go to other members and back, also the longest ones. A passer-by asks: a throw-away identity sends the pings that nodes
 * send each other, which everyone of the cluster answers and which change nothing. The long one is filled up with a claim of a second
 * throw-away identity, which nodes do not take from strangers. An answer is never longer than its question, so the way
 * back is tried with whatever the node answers.
 */
import { type Address, formatAddress } from "../../base/address.ts";
import { hex } from "../../base/bytes.ts";
import { messageOf } from "../../base/errors.ts";
import { generateIdentity } from "../../crypto/ed25519.ts";
import { DATAGRAM_BYTES_MAX, messageBytes, SEAL_BYTES_MAX } from "../../membership/limits.ts";
import type { Claim, GossipMessage } from "../../membership/types.ts";
import { Mailbox } from "../../node/mailbox.ts";
import { openTransport } from "../../node/transport.ts";
import { createClaimSigner } from "../../wire/claims.ts";
import type { Sealer } from "../../wire/sealing.ts";
import type { Domain } from "../../../function/leader-election/rules.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** Datagrams are lost now and then. */
const TRIES = 3;
/** A way around the earth and back takes a fraction. */
const ANSWER_MS_MAX = 1_000;
const CONNECT_MS_MAX = 3_000;
/** Names of hosts in claims. */
const HOST_CHARACTERS_MAX = 253;

/** What a machine says of a port at which no program is. */
const NOBODY = "nothing listens there";

/** Who asks. */
export interface PasserBy {
  /** The address to send from; its port is a free one. */
  readonly host: string;
  readonly domain: Domain;
  readonly sealer?: Sealer;
}

/** Tries the way to one member. */
export async function checkReach(
  to: Address,
  { host, domain, sealer }: PasserBy,
): Promise<Finding[]> {
  const waiting = new Map<string, () => void>();
  const mailbox = new Mailbox(generateIdentity(), domain, sealer);
  await using transport = openTransport({ host, port: 0 }, {
    datagram(bytes) {
      const received = mailbox.openDatagram(bytes);
      if (received?.type !== "gossip" || received.message.kind !== "ack") return;
      waiting.get(received.message.nonce)?.();
    },
    stream: () => [],
  });
  const ask = async (claims: readonly Claim[]): Promise<number | undefined> => {
    for (let tries = 0; tries < TRIES; tries++) {
      const message = ping(claims);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      waiting.set(message.nonce, () => resolve(true));
      const timer = setTimeout(() => resolve(false), ANSWER_MS_MAX);
      const datagram = mailbox.gossip(undefined, message);
      transport.send(to, datagram);
      const isAnswered = await promise;
      clearTimeout(timer);
      waiting.delete(message.nonce);
      if (isAnswered) return datagram.length;
    }
    return undefined;
  };
  const where = formatAddress(to);
  const tcp = await tcpFailure(to);
  const answersUdp = await ask([]) !== undefined;
  if (tcp === NOBODY && !answersUdp) {
    // One fault with one remedy: no network is in the way.
    return [fail("reach", `${where}: ${NOBODY}`, "start the node there, or correct the address")];
  }
  const findings: Finding[] = [];
  if (tcp !== undefined) {
    const advice = "let TCP through on the same port: certificates and full state go that way";
    findings.push(fail("reach", `${where} takes no TCP connection: ${tcp}`, advice));
  }
  if (!answersUdp) {
    const advice = tcp === undefined
      ? "let UDP through both ways; or it has another cluster name or other cluster keys"
      : "does the node run there? let UDP through both ways";
    return [...findings, fail("reach", `${where} does not answer over UDP`, advice)];
  }
  const bytes = await ask(filling(domain.cluster));
  if (bytes === undefined) {
    const what = `${where} answers short datagrams and none of ${DATAGRAM_BYTES_MAX} bytes`;
    const advice = "a tunnel on the way has an MTU below 1280: raise it, or let fragments through";
    return [...findings, warn("reach", what, advice)];
  }
  return [...findings, ok("reach", `${where} answers over UDP, also ${bytes} bytes`)];
}

function ping(claims: readonly Claim[]): GossipMessage & { readonly kind: "ping" } {
  const nonce = hex(crypto.getRandomValues(new Uint8Array(8)));
  const head = new Uint8Array(0);
  return { kind: "ping", nonce, incarnation: 0, digest: "0".repeat(16), head, claims };
}

/** Claims that make a ping as long as a datagram may be. */
function filling(cluster: string): readonly Claim[] {
  const sign = createClaimSigner(generateIdentity(), cluster);
  const claim = (incarnation: number, characters: number) =>
    sign({
      type: "alive",
      incarnation,
      address: { host: "x".repeat(characters), port: 1 },
      name: "filling",
      tags: {},
      keyMadeS: 0,
    });
  const roomBytes = DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX;
  const claims: Claim[] = [];
  for (;;) {
    const longest = claim(claims.length, HOST_CHARACTERS_MAX);
    const overBytes = messageBytes(ping([...claims, longest])) - roomBytes;
    if (overBytes <= 0) claims.push(longest);
    else if (overBytes < HOST_CHARACTERS_MAX) {
      return [...claims, claim(claims.length, HOST_CHARACTERS_MAX - overBytes)];
    } else return claims;
  }
}

async function tcpFailure({ host, port }: Address): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), CONNECT_MS_MAX);
  const connecting = Deno.connect({ hostname: host, port });
  try {
    const connection = await Promise.race([connecting, promise]);
    if (connection !== "late") {
      connection.close();
      return undefined;
    }
    // It may still come, and is of no use then.
    connecting.then((connection) => connection.close(), () => {});
    return "no answer";
  } catch (thrown) {
    return /refused/i.test(messageOf(thrown)) ? NOBODY : messageOf(thrown);
  } finally {
    clearTimeout(timer);
  }
}
