/**
 * Sockets of a node that lies: its honest core decides and signs as always, and between it and the wire sits a tongue that says something
 * else, or more, or nothing, and ears that keep from the core what would stop it. What goes out is sealed anew with the node's own key,
 * so the others hear a voter of their roster that speaks the real protocol.
 *
 * This is how liars look from outside whatever they run, so the demo and the tests of liars in real processes share it. Gossip goes
 * through untouched; sealed gossip (`--encrypt`) is not understood.
 */
import type { ClusterConfig } from "../../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../../function/leader-election/rules.ts";
import type { Address } from "../../base/address.ts";
import { base64url } from "../../base/bytes.ts";
import type { Identity } from "../../crypto/ed25519.ts";
import type { RosterMessage } from "../../election/roster/types.ts";
import type { NodeId } from "../../membership/types.ts";
import { Mailbox } from "../../node/mailbox.ts";
import { rosterOf } from "../../node/roster_cluster.ts";
import { openTransport, type Transport, type TransportHandlers } from "../../node/transport.ts";
import { decodeCbor } from "../../wire/cbor_decode.ts";
import {
  decodeRosterMessage,
  encodeRosterMessage,
  ROSTER_KINDS,
  type RosterDoor,
} from "../../wire/roster_messages.ts";

/** What a liar does with what its honest core says, and with what that would hear. */
export interface Tongue {
  /** What is sent in place of a message; itself to send it as it is. */
  sends(message: RosterMessage, to: NodeId): readonly RosterMessage[];
  /** Whether the core is to hear it. */
  hears(message: RosterMessage, from: NodeId): boolean;
}

/** Whose sockets they are. */
export interface LiarOptions {
  readonly identity: Identity;
  readonly domain: Domain;
  readonly config: ClusterConfig;
  readonly tongue: Tongue;
}

/** What is read of a frame before anybody looks at its signature. */
interface Frame {
  readonly message: RosterMessage;
  readonly sender: NodeId;
  readonly recipient: NodeId;
}

/** The sockets. Hand {@linkcode LyingTransport.open} to the node as its `openTransport`. */
export class LyingTransport {
  readonly #identity: Identity;
  readonly #mailbox: Mailbox;
  readonly #door: RosterDoor;
  readonly #tongue: Tongue;
  #transport?: Transport;

  constructor({ identity, domain, config, tongue }: LiarOptions) {
    this.#identity = identity;
    this.#mailbox = new Mailbox(identity, domain);
    const { operatorKey } = config;
    this.#door = { domain, roster: rosterOf(config), ...(operatorKey && { operatorKey }) };
    this.#tongue = tongue;
  }

  /** Opens the sockets. */
  readonly open = (bind: Address, handlers: TransportHandlers): Transport => {
    const transport = openTransport(bind, {
      datagram: (bytes, source) => {
        if (this.#hears(bytes)) handlers.datagram(bytes, source);
      },
      stream: (frames, source) =>
        handlers.stream(frames.filter((frame) => this.#hears(frame)), source),
    });
    this.#transport = transport;
    return {
      address: transport.address,
      send: (to, datagram) => {
        const said = this.#said(datagram);
        if (!said) return transport.send(to, datagram);
        for (const message of said.messages) this.say(to, said.recipient, message);
      },
      exchange: async (to, frames) => {
        const said = frames.length === 1 ? this.#said(frames[0]) : undefined;
        if (!said) return await transport.exchange(to, frames);
        for (const message of said.messages) this.say(to, said.recipient, message);
        return [];
      },
      [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
    };
  };

  /** Sends a message of its own making: anything that its key can sign. */
  say(to: Address, recipient: NodeId, message: RosterMessage): void {
    const body = encodeRosterMessage(message, this.#door.roster.voters);
    const { bytes, fitsDatagram } = this.#mailbox.election(
      recipient,
      ROSTER_KINDS[message.kind],
      body,
    );
    if (fitsDatagram) this.#transport?.send(to, bytes);
    // Lost as on the wire: a liar does not say so.
    else this.#transport?.exchange(to, [bytes]).catch(() => {});
  }

  #said(
    bytes: Uint8Array,
  ): { readonly recipient: NodeId; readonly messages: readonly RosterMessage[] } | undefined {
    const frame = this.#read(bytes);
    if (frame?.sender !== this.#identity.id) return undefined;
    const { recipient, message } = frame;
    return { recipient, messages: this.#tongue.sends(message, recipient) };
  }

  #hears(bytes: Uint8Array): boolean {
    const frame = this.#read(bytes);
    return !frame || this.#tongue.hears(frame.message, frame.sender);
  }

  /** A frame of the election as it stands in its envelope; `undefined` for anything else. */
  #read(bytes: Uint8Array): Frame | undefined {
    const envelope = decodeCbor(bytes);
    if (!Array.isArray(envelope)) return undefined;
    const [, , kind, senderKey, recipient, body] = envelope;
    if (typeof kind !== "number" || !(senderKey instanceof Uint8Array)) return undefined;
    if (!(recipient instanceof Uint8Array) || !(body instanceof Uint8Array)) return undefined;
    const decoded = decodeRosterMessage({ senderKey, kind, body }, this.#door);
    if (!decoded.ok) return undefined;
    const key = base64url(senderKey);
    const sender = this.#door.roster.voters.find((voter) => voter.key === key)!.id;
    return { message: decoded.message, sender, recipient: base64url(recipient) };
  }
}
