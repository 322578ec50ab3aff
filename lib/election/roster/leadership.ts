/**
 * A leader in office (design §4.7, §4.8): heartbeats, the lease that their acks give, and the way out. A step-down goes in four steps that
 * never change places: stop what runs under the lease, hear that it has stopped (sub-leases given back or over), store the step-down, send
 * it. From the first of them on the lease counts as gone and no heartbeat is sent.
 */
import type { Digest } from "../../certificate/types.ts";
import type { NodeId } from "../../membership/types.ts";
import type { Context } from "./context.ts";
import { Lease } from "./lease.ts";
import { leaseMarginMs } from "./settings.ts";
import { SubLeases } from "./sub_leases.ts";
import type { LeaseAck, LeaseLoss, RosterCertificate } from "./types.ts";

/** The office of one certificate. */
export class Leadership {
  readonly certificate: RosterCertificate;
  readonly #context: Context;
  readonly #incarnation: number;
  /** Binds this node by its own ack; false when it may not ack. */
  readonly #bindSelf: (nowMs: number) => boolean;
  readonly #lease: Lease;
  readonly #subLeases: SubLeases;
  readonly #echoes = new Map<NodeId, string>();
  #sequence = 0;
  #heartbeatAtMs: number;
  #isHeld = false;
  #phase: "leading" | "stopping" | "stopped" = "leading";

  constructor(
    context: Context,
    certificate: RosterCertificate,
    start: {
      readonly incarnation: number;
      readonly nowMs: number;
      readonly clockOffsetMs?: number;
      readonly bindSelf: (nowMs: number) => boolean;
      /** When the sub-leases of an earlier run of this process are over. */
      readonly earlierRunOverMs: number;
    },
  ) {
    this.#context = context;
    this.certificate = certificate;
    this.#incarnation = start.incarnation;
    this.#bindSelf = start.bindSelf;
    this.#heartbeatAtMs = start.nowMs;
    this.#subLeases = new SubLeases(start.earlierRunOverMs);
    const { roster: { votesNeeded, leaseMs }, settings } = context;
    const marginMs = leaseMarginMs(leaseMs, settings);
    this.#lease = new Lease(
      { votesNeeded, leaseMs, marginMs, clockJumpMs: settings.clockJumpMs },
      start.nowMs,
      start.clockOffsetMs,
    );
  }

  /** How long this node may still act as the leader; 0 when it may not. */
  leaseRemainingMs(nowMs: number): number {
    return this.#phase === "leading" ? this.#lease.remainingMs(nowMs) : 0;
  }

  /** Whether it is on its way out. */
  get isSteppingDown(): boolean {
    return this.#phase !== "leading";
  }

  /** A voter acked one of its heartbeats. */
  acked(ack: LeaseAck): void {
    if (ack.certificateId !== this.certificate.id || this.#phase !== "leading") return;
    if (this.#lease.acked(ack.voter, ack.nonce)) this.#sayHeld();
  }

  /** A restarted follower wants this in the next heartbeat. */
  echoTo(follower: NodeId, bootNonce: string): void {
    this.#echoes.set(follower, bootNonce);
  }

  /** A reading of the wall clock against the monotonic one. */
  clockOffset(offsetMs: number, nowMs: number): void {
    const byMs = this.#lease.clockOffset(offsetMs, nowMs);
    if (byMs === undefined) return;
    this.#context.note({ what: "clock-jump", byMs });
    this.#lose("clock-jump");
    // Ask for a new lease at once.
    this.#heartbeatAtMs = nowMs;
  }

  /** Something that runs under the lease asks for a part of it. */
  subLease(id: string, wantedMs: number, nowMs: number): void {
    const grantedMs = this.#subLeases.grant(id, wantedMs, this.leaseRemainingMs(nowMs), nowMs);
    this.#context.emit({ type: "sub-lease-granted", id, grantedMs });
  }

  /** It has stopped. */
  subLeaseReturned(id: string): void {
    this.#subLeases.returned(id);
  }

  /** The first step out. */
  beginStepDown(why: "asked" | "no-lease"): void {
    if (this.#phase !== "leading") return;
    this.#context.note({ what: "stepping-down", term: this.certificate.proposal.term, why });
    this.#lose("stepping-down");
    this.#phase = "stopping";
    this.#context.emit({ type: "stop-work", certificateId: this.certificate.id });
  }

  /** The second: what ran under the lease has stopped. */
  released(certificateId: Digest): void {
    if (certificateId === this.certificate.id && this.#phase === "stopping") {
      this.#phase = "stopped";
    }
  }

  /** Whether the step-down can be stored and sent. */
  mayStepDown(nowMs: number): boolean {
    return this.#phase === "stopped" && nowMs >= this.#subLeases.idleAtMs();
  }

  /** Another certificate took over, or the process has to stop. */
  end(why: "superseded" | "fail-stop"): void {
    this.#lose(why);
    if (this.#phase === "leading") {
      this.#context.emit({ type: "stop-work", certificateId: this.certificate.id });
    }
    this.#phase = "stopped";
  }

  /** Does what is due. */
  advance(nowMs: number): void {
    if (this.#phase !== "leading") return;
    if (this.#lease.remainingMs(nowMs) === 0) this.#lose("expired");
    if (nowMs >= this.#lease.overdueAtMs()) return this.beginStepDown("no-lease");
    if (nowMs >= this.#heartbeatAtMs) this.#sendHeartbeats(nowMs);
  }

  /** When something is due. */
  deadlineMs(): number {
    if (this.#phase === "stopping") return Infinity;
    if (this.#phase === "stopped") return this.#subLeases.idleAtMs();
    const lossMs = this.#isHeld ? this.#lease.untilMs : Infinity;
    return Math.min(this.#heartbeatAtMs, lossMs, this.#lease.overdueAtMs());
  }

  #sendHeartbeats(nowMs: number): void {
    const { rules, self, others, settings } = this.#context;
    const nonce = rules.nonce();
    this.#heartbeatAtMs = nowMs + settings.heartbeatIntervalMs;
    this.#lease.sending(nonce, nowMs);
    const isHeldAlone = this.#bindSelf(nowMs) && this.#lease.acked(self, nonce);
    const sequence = ++this.#sequence;
    const unsigned = {
      certificateId: this.certificate.id,
      nonce,
      incarnation: this.#incarnation,
      sequence,
    };
    const plain = others.filter((id) => !this.#echoes.has(id));
    if (plain.length > 0) {
      this.#context.send(plain, { kind: "heartbeat", heartbeat: rules.signHeartbeat(unsigned) });
    }
    for (const [follower, echo] of this.#echoes) {
      const heartbeat = rules.signHeartbeat({ ...unsigned, echo });
      this.#context.send([follower], { kind: "heartbeat", heartbeat });
    }
    this.#echoes.clear();
    if (isHeldAlone) this.#sayHeld();
  }

  #sayHeld(): void {
    this.#isHeld = true;
    const { certificate } = this;
    this.#context.emit({ type: "lease-held", certificate, untilMs: this.#lease.untilMs });
  }

  #lose(why: LeaseLoss): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#context.emit({ type: "lease-lost", certificateId: this.certificate.id, why });
  }
}
