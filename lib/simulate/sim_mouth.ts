/**
 * What leaves a simulated node: election messages, messages about keys, gossip. It travels as the message itself, or as the bytes that a real
 * node sends: where the run wants that, from a liar, and to whoever runs another function. A liar's words are changed here.
 */
import type { RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import type { SimEffect } from "./sim_body.ts";
import type { Payload } from "./sim_network.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

type Gossiping = Extract<SimEffect, { type: "send-gossip" }>;
type Electing = Extract<SimEffect, { type: "send-election" }>;

/** The mouth of one node, in all its lives. */
export class SimMouth {
  readonly #world: World;
  readonly #node: SimNode;

  constructor(world: World, node: SimNode) {
    this.#world = world;
    this.#node = node;
  }

  /** Sends an election message as it is, in this node's name. */
  send(to: number, message: RosterMessage | ElectionMessage): void {
    const { function: under, door } = this.#node;
    this.#world.said(this.#node, to, message);
    // To somebody under another function it is bytes, and that one's own door says what they come to.
    const isForeign = this.#world.nodes[to].function !== under;
    this.#post(
      to,
      this.#isEncoded || isForeign
        ? door.encodedElection(to, message)
        : { type: "election", under, message },
    );
  }

  /** Sends a message about keys. */
  sendKey(to: number, message: KeyMessage): void {
    const { door } = this.#node;
    this.#post(to, this.#isEncoded ? door.encodedKey(to, message) : { type: "key", message });
  }

  /** Says what membership wants said. */
  gossip({ to, recipient, message }: Gossiping): void {
    const { liar, door } = this.#node;
    const place = this.#world.placeOf(to);
    if (place === undefined) return;
    const said = liar ? liar.gossips(message) : message;
    this.#post(
      place,
      this.#isEncoded
        ? door.encodedGossip(recipient, said)
        : { type: "gossip", recipient, message: said },
    );
  }

  /** Says what the election wants said, or what a liar says instead. */
  elect({ to, message }: Electing): void {
    const { liar } = this.#node;
    for (const { address } of to) {
      const place = this.#world.placeOf(address);
      if (place === undefined) continue;
      if (!liar) this.send(place, message);
      else {for (const said of liar.says(message as RosterMessage, place)) {
          this.send(said.to, said.message);
        }}
    }
  }

  get #isEncoded(): boolean {
    return this.#world.encodes || this.#node.liar !== undefined;
  }

  #post(to: number, payload: Payload): void {
    this.#world.network.send({ from: this.#node.place, to, payload });
  }
}
