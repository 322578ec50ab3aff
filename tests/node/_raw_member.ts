/**
 * A member made by hand: real sockets and real signatures, but it does only what the test says. It answers pings and contradicts who doubts
 * it, so that real nodes take it for a member, and it can say anything that its key can sign.
 */
import type { Address } from "../../lib/base/address.ts";
import { hex } from "../../lib/base/bytes.ts";
import { generateIdentity, type Identity } from "../../lib/crypto/ed25519.ts";
import type { AliveClaim, Claim, GossipMessage } from "../../lib/membership/types.ts";
import { Mailbox } from "../../lib/node/mailbox.ts";
import { openTransport, type Transport } from "../../lib/node/transport.ts";

export class RawMember implements AsyncDisposable {
  readonly identity: Identity = generateIdentity();
  readonly transport: Transport;
  readonly mailbox: Mailbox;
  /** That it is alive, in its present incarnation. */
  claim: AliveClaim;
  /** Pings that it was sent. */
  pings = 0;
  /** Messages that it was sent. */
  readonly heard: GossipMessage[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(checksum: Uint8Array, options: { name?: string } = {}) {
    this.mailbox = new Mailbox(this.identity, { checksum, cluster: "test" });
    this.transport = openTransport({ host: "127.0.0.1", port: 0 }, {
      datagram: (bytes, source) => this.#onDatagram(bytes, source),
      stream: () => [],
    });
    const { address } = this.transport;
    const name = options.name ?? `raw:${address.port}`;
    const claim = { type: "alive", incarnation: 0, address, name, tags: {}, keyMadeS: 0 } as const;
    this.claim = this.mailbox.signClaim(claim) as AliveClaim;
  }

  /** Says hello to a node and waits until it is a member there, that is until it was pinged twice. */
  async join(node: Address): Promise<void> {
    this.ping(node, [this.claim]);
    while (this.pings < 2) await this.something();
  }

  ping(to: Address, claims: readonly Claim[]): void {
    const nonce = hex(crypto.getRandomValues(new Uint8Array(8)));
    const head = new Uint8Array(0);
    this.say(to, undefined, {
      kind: "ping",
      nonce,
      incarnation: this.claim.incarnation,
      digest: "0000000000000000",
      head,
      claims,
    });
  }

  say(to: Address, recipient: string | undefined, message: GossipMessage): void {
    this.transport.send(to, this.mailbox.gossip(recipient, message));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport[Symbol.asyncDispose]();
  }

  #onDatagram(bytes: Uint8Array, source: Address): void {
    const received = this.mailbox.openDatagram(bytes);
    if (received?.type !== "gossip") return;
    const { sender, message } = received;
    if (this.heard.length < 1000) this.heard.push(message);
    const refutations = this.#refutations(message);
    if (message.kind === "ping" && message.prober === undefined) {
      this.pings++;
      this.say(source, sender, {
        kind: "ack",
        nonce: message.nonce,
        incarnation: this.claim.incarnation,
        subject: this.identity.id,
        digest: "0000000000000000",
        head: new Uint8Array(0),
        claims: refutations,
      });
    } else if (refutations.length > 0) {
      this.say(source, sender, { kind: "gossip", claims: refutations });
    }
    for (const wake of [...this.#waiting]) wake();
  }

  /** What it answers to a doubt: the claim that it is alive, later than the doubt. Said again when the doubt is. */
  #refutations(message: GossipMessage): AliveClaim[] {
    const doubts = message.claims.filter((claim) =>
      (claim.type === "suspect" || claim.type === "dead") && claim.subject === this.identity.id
    );
    if (doubts.length === 0) return [];
    const incarnation = Math.max(...doubts.map((doubt) => doubt.incarnation + 1));
    if (incarnation > this.claim.incarnation) {
      const { type, address, name, tags, keyMadeS } = this.claim;
      const claim = { type, incarnation, address, name, tags, keyMadeS };
      this.claim = this.mailbox.signClaim(claim) as AliveClaim;
    }
    return [this.claim];
  }

  /** Resolves when it has heard anything. */
  something(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}
