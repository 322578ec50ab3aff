/**
 * The door of a simulated node: messages become what travels, and what arrives becomes messages whose sender is known. Where everything is
 * encoded, and for liars always, that is the door of the real node (`lib/node/mailbox.ts`, `lib/wire`).
 */
import type { RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import { latin1 } from "../base/bytes.ts";
import { messageBytes } from "../membership/limits.ts";
import type { Claim, GossipMessage, NodeId } from "../membership/types.ts";
import { encodeKeyMessage, KEY_KINDS, type KeyMessage } from "../wire/key_messages.ts";
import type { ElectionFrame } from "../node/election_part.ts";
import type { Mailbox, Received } from "../node/mailbox.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import { decodeElection, ELECTION_KINDS, encodeElection } from "../wire/election_messages.ts";
import { decodeRosterMessage, encodeRosterMessage, ROSTER_KINDS } from "../wire/roster_messages.ts";
import type { Packet, Payload } from "./sim_network.ts";
import type { SimFunction } from "./sim_function.ts";
import type { World } from "./world.ts";

/** An election message of either kind of cluster. */
type ElectionWord = RosterMessage | ElectionMessage;

/** Messages by who said them and all their bytes, under one function. */
export type Heard = Map<string, ElectionWord>;

/** As many as can be on their way and played again at one time. */
const HEARD_MAX = 1_024;

/** A message whose sender is known. */
export type Opened =
  | {
    readonly type: "gossip";
    readonly sender: NodeId;
    readonly datagramBytes: number;
    readonly message: GossipMessage;
  }
  | {
    readonly type: "election";
    readonly sender: NodeId;
    readonly message: ElectionWord;
  }
  | { readonly type: "key"; readonly sender: NodeId; readonly message: KeyMessage };

/** The door. */
export class SimDoor {
  readonly #world: World;
  readonly #function: SimFunction;
  readonly #id: NodeId;
  readonly #mailbox: Mailbox;

  constructor(world: World, own: SimFunction, id: NodeId, mailbox: Mailbox) {
    this.#world = world;
    this.#function = own;
    this.#id = id;
    this.#mailbox = mailbox;
  }

  /** A gossip message as bytes. */
  encodedGossip(recipient: NodeId | undefined, message: GossipMessage): Payload {
    const bytes = this.#mailbox.gossip(recipient, message);
    return { type: "bytes", isDatagram: true, bytes, kind: message.kind };
  }

  /** What a packet says; `undefined` when it does not get through. */
  open(packet: Packet): Opened | undefined {
    const { payload, from } = packet;
    switch (payload.type) {
      case "gossip": {
        const { recipient, message } = payload;
        if (recipient !== undefined && recipient !== this.#id) return undefined;
        const datagramBytes = messageBytes(message);
        return { type: "gossip", sender: this.#world.nodes[from].id, datagramBytes, message };
      }
      case "election":
        // What was signed under another function verifies under this one no more.
        if (payload.under !== this.#function) return undefined;
        return { type: "election", sender: this.#world.nodes[from].id, message: payload.message };
      case "key":
        return { type: "key", sender: this.#world.nodes[from].id, message: payload.message };
      case "bytes": {
        const received = payload.isDatagram
          ? this.#mailbox.openDatagram(payload.bytes)
          : this.#mailbox.openFrame(payload.bytes);
        return received && this.#decode(received);
      }
      default:
        return payload satisfies never;
    }
  }

  #decode(received: Received): Opened | undefined {
    switch (received.type) {
      case "gossip": {
        const { sender, bytes, message } = received;
        return { type: "gossip", sender, datagramBytes: bytes, message };
      }
      case "election": {
        const message = this.#message(received);
        return message && { type: "election", sender: received.sender, message };
      }
      case "key":
        return received;
      case "sync":
        return undefined;
      default:
        return received satisfies never;
    }
  }

  /** What somebody says to all is decoded and verified once: that depends on nothing of who hears it. Refusals are not remembered. */
  #message(frame: ElectionFrame): ElectionWord | undefined {
    const { config, domain, heard } = this.#function;
    const text = `${frame.sender} ${frame.kind} ${latin1(frame.body)}`;
    const known = heard.get(text);
    if (known) return known;
    const decoded = config
      ? decodeRosterMessage(frame, { domain, roster: rosterOf(config) })
      : decodeElection(frame, domain);
    if (!decoded.ok) return undefined;
    if (heard.size >= HEARD_MAX) heard.delete(heard.keys().next().value!);
    heard.set(text, decoded.message);
    return decoded.message;
  }

  /** An election message as bytes. */
  encodedElection(to: number, message: ElectionWord): Payload {
    const { config } = this.#function;
    const [kind, body] = config
      ? [
        ROSTER_KINDS[message.kind],
        encodeRosterMessage(message as RosterMessage, rosterOf(config).voters),
      ]
      : [
        ELECTION_KINDS[(message as ElectionMessage).kind],
        encodeElection(message as ElectionMessage),
      ];
    return this.#carrying(this.#world.nodes[to].id, kind, body, message.kind);
  }

  /** A message about keys as bytes. */
  encodedKey(to: number, message: KeyMessage): Payload {
    const { id } = this.#world.nodes[to];
    return this.#carrying(id, KEY_KINDS[message.kind], encodeKeyMessage(message), message.kind);
  }

  #carrying(recipient: NodeId, number: number, body: Uint8Array, kind: string): Payload {
    const { bytes, fitsDatagram } = this.#mailbox.election(recipient, number, body);
    return { type: "bytes", isDatagram: fitsDatagram, bytes, kind };
  }

  /** Claims as the stream carries them. */
  carried(
    recipient: NodeId | undefined,
    claims: readonly Claim[],
  ): readonly (Claim | Uint8Array)[] {
    return this.#world.encodes ? this.#mailbox.sync(recipient, claims) : claims;
  }

  /** The claims of the other side. */
  opened(carried: readonly (Claim | Uint8Array)[]): readonly Claim[] {
    return carried.flatMap((item) => {
      if (!(item instanceof Uint8Array)) return [item];
      const received = this.#mailbox.openFrame(item);
      return received?.type === "sync" ? received.claims : [];
    });
  }
}
