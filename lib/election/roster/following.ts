/**
 * The follower (design §4.6-4.8): acks the heartbeats of the certificate that it stored and promises by that, notices when the leader falls
 * silent, and knows who has stepped down.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Context } from "./context.ts";
import { HeartbeatLog } from "./heartbeat_log.ts";
import type { AckRefusalReason, Heartbeat, StepDown } from "./types.ts";

interface EarlyHeartbeat {
  readonly heartbeat: Heartbeat;
  readonly dueMs: number;
}

/** The follower of one node. */
export class Following {
  readonly #context: Context;
  readonly #bootNonce: string;
  readonly #log: HeartbeatLog;
  #heardMs: number;
  /** The certificate whose leader was heard last. */
  #appeared?: Digest;
  /** Last step-down of each voter, also of certificates that this node does not hold yet. */
  readonly #stepDowns = new Map<NodeId, Digest>();
  /** One a member: heartbeats whose certificate may be on its way. */
  readonly #early = new Map<NodeId, EarlyHeartbeat>();

  constructor(context: Context, nowMs: number) {
    this.#context = context;
    this.#bootNonce = context.rules.nonce();
    this.#log = new HeartbeatLog(this.#bootNonce, context.certificate?.id);
    this.#heardMs = nowMs;
  }

  /** Another head: its leader has the time of a lease to appear, and may have spoken before. */
  restart(nowMs: number): void {
    this.#heardMs = nowMs;
    for (const [sender, { heartbeat }] of this.#early) {
      if (heartbeat.certificateId !== this.#context.head.id) continue;
      this.#early.delete(sender);
      this.hear(sender, heartbeat, nowMs);
    }
  }

  /** A heartbeat came. */
  hear(sender: NodeId, heartbeat: Heartbeat, nowMs: number): void {
    const { certificateId, nonce } = heartbeat;
    const { head, settings, leader, rules } = this.#context;
    if (certificateId !== head.id) {
      const dueMs = this.#early.get(sender)?.dueMs ?? nowMs + settings.resendIntervalMs;
      this.#early.set(sender, { heartbeat, dueMs });
      return;
    }
    if (sender !== leader) {
      return this.#context.note({ what: "misbehaved", by: sender, how: "heartbeat-of-another" });
    }
    if (this.hasSteppedDown()) return;
    switch (this.#log.hear(heartbeat)) {
      case "stale":
        return;
      case "echo":
        return this.#refuse(sender, certificateId, "echo");
      case "fresh":
        this.#heardMs = nowMs;
        this.#appeared = head.id;
        this.#context.watch.heard(sender);
        if (this.bind(nowMs)) {
          const ack = rules.signAck(certificateId, nonce);
          return this.#context.send([sender], { kind: "lease-ack", ack });
        }
        this.#context.tellOrder([sender]);
        return this.#refuse(sender, certificateId, "voted");
    }
  }

  /** Promises the lease to the leader of the head, unless a vote or an order stands against it. */
  bind(nowMs: number): boolean {
    const { leader, head, lastVote, order, roster, promises } = this.#context;
    // An order is stored for good, and whoever voted to close has one.
    if (leader === undefined || order) return false;
    if (lastVote && lastVote.term > head.term) return false;
    const promisedMsMax = promises.make({ id: head.id, leader }, roster.leaseMs, nowMs);
    if (promisedMsMax !== undefined) this.#context.persist({ promisedMsMax });
    return true;
  }

  /** Another node's step-down came. */
  hearStepDown({ certificateId, leader }: StepDown): void {
    const { head, promises } = this.#context;
    if (certificateId === head.id && leader !== this.#context.leader) {
      this.#context.note({ what: "misbehaved", by: leader, how: "step-down-of-another" });
    }
    const wasThere = !this.hasSteppedDown();
    // Final for the head: an older one can be said again by whoever kept it, and a later one is, until somebody else leads.
    if (wasThere || leader !== this.#context.leader) this.#stepDowns.set(leader, certificateId);
    promises.release(certificateId, leader);
    if (wasThere && this.hasSteppedDown()) {
      this.#context.note({ what: "stepped-down", leader, term: head.term });
    }
  }

  /** Whether the leader of the head, when it is another node, leads no more by its own word. */
  hasSteppedDown(): boolean {
    const { leader, head } = this.#context;
    return leader !== undefined && this.#stepDowns.get(leader) === head.id;
  }

  /** Whether the leader of the head was ever heard as the leader. */
  hasAppeared(): boolean {
    return this.#appeared === this.#context.head.id;
  }

  /** When the leader counts as silent unless it is heard. */
  get silentAtMs(): number {
    return this.#heardMs + this.#context.settings.leaderTimeoutMs;
  }

  /** Answers heartbeats whose certificate has not come. */
  advance(nowMs: number): void {
    for (const [sender, { heartbeat, dueMs }] of this.#early) {
      if (nowMs < dueMs) continue;
      this.#early.delete(sender);
      this.#refuse(sender, heartbeat.certificateId, "head");
    }
  }

  /** When something is due. */
  deadlineMs(): number {
    let earliest = Infinity;
    for (const { dueMs } of this.#early.values()) earliest = Math.min(earliest, dueMs);
    return earliest;
  }

  #refuse(to: NodeId, certificateId: Digest, reason: AckRefusalReason): void {
    const echo = reason === "echo" ? { bootNonce: this.#bootNonce } : {};
    const { head } = this.#context;
    this.#context.send([to], { kind: "ack-refusal", certificateId, reason, head, ...echo });
  }
}
