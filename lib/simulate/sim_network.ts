/**
 * The network: who hears whom, how late, how often and how whole. It carries messages as they are, or bytes where they are encoded; it knows
 * neither. An attacker on it can hold back, repeat and play again what was sent, and nothing else: it has nobody's key.
 */
import type { Prng } from "../base/prng.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import type { GossipMessage } from "../membership/types.ts";
import type { RosterMessage } from "../election/roster/types.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { SimFunction } from "./sim_function.ts";

/** What travels. */
export type Payload =
  | { readonly type: "gossip"; readonly recipient?: string; readonly message: GossipMessage }
  /** `under` is what its sender signed it for. */
  | {
    readonly type: "election";
    readonly under: SimFunction;
    readonly message: RosterMessage | ElectionMessage;
  }
  | { readonly type: "key"; readonly message: KeyMessage }
  /** Encoded and signed; `kind` is for the eyes of the harness only. */
  | {
    readonly type: "bytes";
    readonly isDatagram: boolean;
    readonly bytes: Uint8Array;
    readonly kind: string;
  };

/** A message on its way between two places. */
export interface Packet {
  readonly from: number;
  readonly to: number;
  readonly payload: Payload;
}

/** What scenarios do to messages of one kind on one way. */
export interface Interference {
  readonly kind: string;
  readonly from?: number;
  readonly to?: number;
  /** `hold` keeps them until they are released. */
  readonly action: "drop" | "hold";
}

/** Election messages that are kept for replays. */
const RECORDED_MAX = 400;

/** The network of one run. */
export class SimNetwork {
  lossRate = 0;
  duplicateRate = 0;
  corruptRate = 0;
  delayMs: readonly [number, number] = [1, 8];
  interferences: Interference[] = [];
  readonly held: { readonly packet: Packet; readonly rule: Interference }[] = [];
  /** Packets that were given to it, and those that it lost. */
  sent = 0;
  lost = 0;
  readonly #prng: Prng;
  readonly #nodes: number;
  /** Cuts by way, counted: several may overlap. */
  readonly #cuts: Uint16Array;
  readonly #recorded: Packet[] = [];
  readonly #deliver: (packet: Packet, delayMs: number) => void;

  constructor(nodes: number, prng: Prng, deliver: (packet: Packet, delayMs: number) => void) {
    this.#nodes = nodes;
    this.#prng = prng;
    this.#cuts = new Uint16Array(nodes * nodes);
    this.#deliver = deliver;
  }

  /** Cuts ways. Gives what joins them again; calling it twice does nothing more. */
  cut(isCut: (from: number, to: number) => boolean): () => void {
    const ways: number[] = [];
    for (let from = 0; from < this.#nodes; from++) {
      for (let to = 0; to < this.#nodes; to++) {
        if (from !== to && isCut(from, to)) ways.push(from * this.#nodes + to);
      }
    }
    for (const way of ways) this.#cuts[way]++;
    return () => {
      for (const way of ways.splice(0)) if (this.#cuts[way] > 0) this.#cuts[way]--;
    };
  }

  /** Joins everything again, and behaves. */
  heal(): void {
    this.#cuts.fill(0);
    this.lossRate = this.duplicateRate = this.corruptRate = 0;
    this.delayMs = [1, 8];
    this.interferences = [];
  }

  /** Whether anything gets from one place to another. */
  isOpen(from: number, to: number): boolean {
    return this.#cuts[from * this.#nodes + to] === 0;
  }

  /** One-way delay of a message: most are quick, a few are late. */
  drawDelayMs(): number {
    const [least, most] = this.delayMs;
    const u = this.#prng.float();
    return least + (most - least) * u * u;
  }

  /** Sends. */
  send(packet: Packet): void {
    this.sent++;
    if (this.#recorded.length < RECORDED_MAX) this.#recorded.push(packet);
    else if (this.#prng.below(16) === 0) this.#recorded[this.#prng.below(RECORDED_MAX)] = packet;
    const rule = this.interferences.find((rule) => isMeant(rule, packet));
    if (rule?.action === "hold") this.held.push({ packet, rule });
    if (rule || !this.isOpen(packet.from, packet.to)) {
      this.lost++;
      return;
    }
    const isDoubled = this.duplicateRate > 0 && this.#prng.float() < this.duplicateRate;
    for (let copy = 0; copy < (isDoubled ? 2 : 1); copy++) {
      if (this.lossRate > 0 && this.#prng.float() < this.lossRate) this.lost++;
      else this.#deliver(this.#damaged(packet), this.drawDelayMs());
    }
  }

  /** Gives recorded messages to their recipients once more. */
  replay(messages: number): void {
    for (let i = 0; i < messages && this.#recorded.length > 0; i++) {
      const packet = this.#recorded[this.#prng.below(this.#recorded.length)];
      if (this.isOpen(packet.from, packet.to)) this.#deliver(packet, this.drawDelayMs());
    }
  }

  /** Lets go of what was held back, and of the rules that did. Gives how many messages that were. */
  release(kind?: string): number {
    const isOf = (rule: Interference) => kind === undefined || rule.kind === kind;
    this.interferences = this.interferences.filter((rule) => !isOf(rule));
    const freed = this.held.filter(({ rule }) => isOf(rule));
    for (const item of freed) this.held.splice(this.held.indexOf(item), 1);
    for (const { packet } of freed) this.#deliver(packet, this.drawDelayMs());
    return freed.length;
  }

  #damaged(packet: Packet): Packet {
    const { payload } = packet;
    if (payload.type !== "bytes" || this.corruptRate === 0) return packet;
    if (this.#prng.float() >= this.corruptRate) return packet;
    const bytes = payload.bytes.slice();
    bytes[this.#prng.below(bytes.length)] ^= 1 << this.#prng.below(8);
    return { ...packet, payload: { ...payload, bytes } };
  }
}

/** What kind of message a packet carries. */
export function kindOf(payload: Payload): string {
  return payload.type === "bytes" ? payload.kind : payload.message.kind;
}

function isMeant(rule: Interference, { from, to, payload }: Packet): boolean {
  return kindOf(payload) === rule.kind && (rule.from === undefined || rule.from === from) &&
    (rule.to === undefined || rule.to === to);
}
