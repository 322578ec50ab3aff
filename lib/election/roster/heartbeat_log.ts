/**
 * The follower's side of heartbeats (design §4.7): each counts once and in order, by incarnation and then sequence, so a recorded one is
 * worth nothing. A restarted follower has forgotten how far it was, so for the certificate that it held then it believes a
 * heartbeat only when that echoes its fresh boot nonce.
 */
import type { Digest } from "../../certificate/types.ts";
import type { Heartbeat } from "./types.ts";

/** How a heartbeat of the stored certificate stands. */
export type HeartbeatVerdict = "fresh" | "stale" | "echo";

/** What one follower has heard under its stored certificate. */
export class HeartbeatLog {
  readonly #bootNonce: string;
  /** The certificate that was stored before the restart, until an echo has come. */
  #demandsEchoOf?: Digest;
  #certificateId?: Digest;
  #incarnation = -1;
  #sequence = -1;

  constructor(bootNonce: string, storedBefore: Digest | undefined) {
    this.#bootNonce = bootNonce;
    this.#demandsEchoOf = storedBefore;
  }

  /** Takes a heartbeat of the stored certificate. */
  hear(heartbeat: Heartbeat): HeartbeatVerdict {
    const { certificateId, incarnation, sequence, echo } = heartbeat;
    if (certificateId === this.#demandsEchoOf) {
      if (echo !== this.#bootNonce) return "echo";
      this.#demandsEchoOf = undefined;
    }
    if (certificateId !== this.#certificateId) {
      this.#certificateId = certificateId;
      this.#incarnation = this.#sequence = -1;
    }
    const isLater = incarnation > this.#incarnation ||
      (incarnation === this.#incarnation && sequence > this.#sequence);
    if (!isLater) return "stale";
    this.#incarnation = incarnation;
    this.#sequence = sequence;
    return "fresh";
  }
}
