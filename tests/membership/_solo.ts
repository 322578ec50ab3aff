/** One core under test among puppets: every datagram that it gets is written by hand, every effect is looked at. */
import { strictEqual } from "node:assert";
import type { Address } from "../../lib/base/address.ts";
import { createPrng } from "../../lib/base/prng.ts";
import {
  createMembership,
  type Membership,
  type MembershipOptions,
} from "../../lib/membership/core.ts";
import { messageBytes } from "../../lib/membership/limits.ts";
import { type MembershipSettings, PROFILES } from "../../lib/membership/settings.ts";
import type {
  AliveClaim,
  Claim,
  GossipMessage,
  MemberChange,
  MembershipEffect,
  MembershipEvent,
  MembershipReport,
} from "../../lib/membership/types.ts";
import { type FakeIdentity, fakeIdentity } from "./harness.ts";

export type Sent = MembershipEffect & { type: "send" };

/** Somebody whose words the test writes. */
export interface Puppet extends FakeIdentity {
  readonly address: Address;
  readonly name: string;
  alive(
    incarnation: number,
    changes?: { address?: Address; name?: string; keyMadeS?: number },
  ): AliveClaim;
  suspect(about: { readonly id: string }, incarnation: number): Claim;
  dead(about: { readonly id: string }, incarnation: number): Claim;
  left(incarnation: number): Claim;
}

export const EMPTY = new Uint8Array(0);

/** The core with its clock. */
export class Solo {
  readonly me: Puppet;
  readonly core: Membership;
  readonly settings: MembershipSettings;
  nowMs = 0;
  /** Effects of the last step. */
  effects: MembershipEffect[] = [];
  /** All effects. */
  readonly log: MembershipEffect[] = [];
  readonly #prng = createPrng(1);
  #puppets = 0;
  #nonces = 0;

  constructor(options: Partial<MembershipOptions> = {}) {
    this.me = this.puppet("me");
    this.settings = options.settings ?? PROFILES.local;
    const { id, publicKey, address, name } = this.me;
    this.core = createMembership({
      self: { id, publicKey, address, name, tags: {}, keyMadeS: 5 },
      lastIncarnation: -1,
      seeds: [],
      known: [],
      settings: this.settings,
      prng: createPrng(2),
      nonce: () => (++this.#nonces).toString(16).padStart(16, "0"),
      signClaim: this.me.signClaim,
      signAck: this.me.signAck,
      ...options,
    });
    this.tick();
  }

  puppet(name = `p${this.#puppets}`): Puppet {
    const identity = fakeIdentity(this.#prng);
    const address = { host: "10.0.0.1", port: 9000 + this.#puppets++ };
    const { signClaim } = identity;
    return {
      ...identity,
      name,
      address,
      alive: (incarnation, changes) =>
        signClaim({
          type: "alive",
          incarnation,
          address,
          name,
          tags: {},
          keyMadeS: 5,
          ...changes,
        }) as AliveClaim,
      suspect: (about, incarnation) =>
        signClaim({ type: "suspect", subject: about.id, incarnation }),
      dead: (about, incarnation) => signClaim({ type: "dead", subject: about.id, incarnation }),
      left: (incarnation) => signClaim({ type: "left", incarnation }),
    };
  }

  step(event: MembershipEvent): MembershipEffect[] {
    this.effects = this.core.step(event, this.nowMs);
    this.log.push(...this.effects);
    return this.effects;
  }

  tick(): MembershipEffect[] {
    return this.step({ type: "tick" });
  }

  /** Lets time pass, with a tick at each deadline. */
  run(ms: number): MembershipEffect[] {
    const untilMs = this.nowMs + ms;
    const all: MembershipEffect[] = [];
    for (;;) {
      const deadline = this.core.deadlineMs() ?? Infinity;
      if (deadline > untilMs) break;
      this.nowMs = Math.max(this.nowMs, deadline);
      all.push(...this.tick());
    }
    this.nowMs = untilMs;
    return all;
  }

  receive(from: Puppet, message: GossipMessage, source = from.address): MembershipEffect[] {
    const datagramBytes = messageBytes(message);
    return this.step({ type: "message", sender: from.id, source, datagramBytes, message });
  }

  hear(from: Puppet, ...claims: Claim[]): MembershipEffect[] {
    return this.receive(from, { kind: "gossip", claims });
  }

  ping(from: Puppet, incarnation: number, claims: Claim[] = [], source = from.address): Sent[] {
    const message = {
      kind: "ping",
      nonce: "f".repeat(16),
      incarnation,
      digest: "0000000000000000",
      head: EMPTY,
      claims,
    } as const;
    return sentOf(this.receive(from, message, source));
  }

  ack(from: Puppet, nonce: string, incarnation = 0, claims: Claim[] = []): MembershipEffect[] {
    const subject = from.id;
    return this.receive(from, {
      kind: "ack",
      nonce,
      subject,
      incarnation,
      digest: "0000000000000000",
      head: EMPTY,
      claims,
    });
  }

  /** Makes a puppet a member by the book. */
  admit(puppet: Puppet, incarnation = 0, changes?: Parameters<Puppet["alive"]>[1]): void {
    this.hear(puppet, puppet.alive(incarnation, changes));
    this.ack(puppet, pingTo(this.effects, puppet).nonce, incarnation);
    strictEqual(this.stateOf(puppet), "alive");
  }

  stateOf(puppet: Puppet): string | undefined {
    return this.core.member(puppet.id)?.state;
  }

  incarnationOf(puppet: Puppet): number | undefined {
    return this.core.member(puppet.id)?.incarnation;
  }

  get incarnation(): number {
    return this.core.self()!.incarnation;
  }

  changes(): MemberChange["kind"][] {
    return this.log.flatMap((effect) => effect.type === "changed" ? [effect.change.kind] : []);
  }

  reports(): MembershipReport["kind"][] {
    return this.log.flatMap((effect) => effect.type === "reported" ? [effect.report.kind] : []);
  }
}

export function sentOf(effects: readonly MembershipEffect[]): Sent[] {
  return effects.filter((effect): effect is Sent => effect.type === "send");
}

/** Pings to a puppet's address among effects. */
export function pingsTo(effects: readonly MembershipEffect[], to: { readonly address: Address }) {
  return sentOf(effects).filter((sent) => sent.to.port === to.address.port)
    .map((sent) => sent.message)
    .filter((message): message is GossipMessage & { kind: "ping" } => message.kind === "ping");
}

export function pingTo(effects: readonly MembershipEffect[], to: { readonly address: Address }) {
  const [ping] = pingsTo(effects, to);
  strictEqual(ping?.kind, "ping", "a ping was sent");
  return ping;
}
