/**
 * What goes over the network and comes from it: the mailbox between the sockets and the node. Bytes of strangers are bounded by source,
 * opened, and handed on as what they proved to be; messages go out by datagram where they fit one and by stream where they do not;
 * a full-state exchange is one stream in both directions.
 */
import type { Address } from "../base/address.ts";
import { messageOf } from "../base/errors.ts";
import type { Claim, GossipMessage, Member, MemberChange, NodeId } from "../membership/types.ts";
import type { Dropped } from "../wire/envelope.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import type { ElectionFrame } from "./election_part.ts";
import type { GossipEvent } from "./gossip.ts";
import type { Mailbox, Received } from "./mailbox.ts";
import { SourceLimit } from "./source_limit.ts";
import { openTransport, type Transport } from "./transport.ts";

/** What the traffic needs of its node. */
export interface TrafficShell {
  gossip(event: GossipEvent): void;
  /** Takes an election message; a drop when it is none. */
  election(frame: ElectionFrame): Dropped | undefined;
  key(sender: NodeId, message: KeyMessage): void;
  /** All claims of the view. */
  snapshot(): readonly Claim[];
  /** A message did not fit a datagram, and its stream failed. */
  sendFailed(name: string, to: NodeId, reason: string): void;
}

/** The traffic of one node. */
export class Traffic implements AsyncDisposable {
  readonly #mailbox: Mailbox;
  readonly #shell: TrafficShell;
  readonly #transport: Transport;
  readonly #sources = new SourceLimit();

  /** Binds the sockets. Throws a `FumataError` that names the port when it is taken. */
  constructor(bind: Address, mailbox: Mailbox, shell: TrafficShell) {
    this.#mailbox = mailbox;
    this.#shell = shell;
    this.#transport = openTransport(bind, {
      datagram: (bytes, source) => this.#onDatagram(bytes, source),
      stream: (frames, source) => this.#onStream(frames, source),
    });
  }

  /** Where the sockets are bound. */
  get address(): Address {
    return this.#transport.address;
  }

  /** Frames that were dropped, by reason. */
  get drops(): Mailbox["drops"] & { readonly flood: number } {
    return { ...this.#mailbox.drops, flood: this.#sources.refused };
  }

  /** Who is a member has a rate of its own, and its key is known. */
  memberChanged({ kind, member }: MemberChange, members: readonly Member[]): void {
    if (kind === "join") this.#mailbox.know(member);
    if (kind === "reap") this.#mailbox.forget(member.id);
    this.#sources.setMembers(members.map(({ address }) => address));
  }

  sendGossip(to: Address, recipient: NodeId | undefined, message: GossipMessage): void {
    if (message.kind === "ping") this.#sources.expect(to);
    this.#transport.send(to, this.#mailbox.gossip(recipient, message));
  }

  /** Sends a message of elections or keys, by datagram if it fits; `name` is for the log. */
  send(id: NodeId, to: Address, kind: number, body: Uint8Array, name: string): void {
    const { bytes, fitsDatagram } = this.#mailbox.election(id, kind, body);
    if (fitsDatagram) return this.#transport.send(to, bytes);
    this.#transport.exchange(to, [bytes]).catch((thrown) => {
      this.#shell.sendFailed(name, id, messageOf(thrown));
    });
  }

  /** Exchanges full states with whoever is at an address; what came of it is told as gossip. */
  async sync(address: Address): Promise<void> {
    try {
      const frames = this.#mailbox.sync(undefined, this.#shell.snapshot());
      const answer = await this.#transport.exchange(address, frames);
      const claims = answer.flatMap((frame) => {
        const received = this.#mailbox.openFrame(frame);
        return received?.type === "sync" ? received.claims : [];
      });
      this.#shell.gossip({ type: "synced", address, claims });
    } catch {
      this.#shell.gossip({ type: "sync-failed", address });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  #onDatagram(bytes: Uint8Array, source: Address): void {
    if (!this.#mailbox.isWorthOpening(bytes)) return;
    if (!this.#sources.admits(source, performance.now())) return;
    const received = this.#mailbox.openDatagram(bytes);
    if (received) this.#onReceived(received, source);
  }

  #onStream(frames: readonly Uint8Array[], source: Address): readonly Uint8Array[] {
    const claims: Claim[] = [];
    let syncedWith: string | undefined;
    for (const frame of frames) {
      const received = this.#mailbox.openFrame(frame);
      if (!received) return [];
      if (received.type === "sync") {
        if (syncedWith !== undefined && syncedWith !== received.sender) return [];
        syncedWith = received.sender;
        claims.push(...received.claims);
      } else this.#onReceived(received, source);
    }
    if (syncedWith === undefined) return [];
    const answer = this.#mailbox.sync(syncedWith, this.#shell.snapshot());
    this.#shell.gossip({ type: "synced", address: source, sender: syncedWith, claims });
    return answer;
  }

  #onReceived(received: Received, source: Address): void {
    switch (received.type) {
      case "gossip": {
        const { sender, bytes: datagramBytes, message } = received;
        return this.#shell.gossip({ type: "gossip", sender, source, datagramBytes, message });
      }
      case "election": {
        const dropped = this.#shell.election(received);
        if (dropped) this.#mailbox.count(dropped.reason);
        return;
      }
      case "key":
        return this.#shell.key(received.sender, received.message);
      case "sync":
        return;
      default:
        received satisfies never;
    }
  }
}
