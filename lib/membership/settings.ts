/**
 * The knobs of membership and three profiles. Each setting says what it means, its range and what it costs.
 *
 * With n members, probe interval T and no faults, a node sends 2 datagrams every T (one ping, one ack) whatever n is. A member
 * that dies is first pinged after about T/(1-1/e) on average by somebody (SWIM, section 3.1), is held for suspect
 * `probeTimeoutMs + indirectTimeoutMs` later, and dead after a suspicion of between
 * `min = suspicionMult * max(1, log10(n)) * T` and `max = suspicionMaxFactor * min` (Lifeguard, section IV-B). A suspicion makes every
 * other node probe the suspect in its next slot, so confirmations come within about one T.
 */

/** Settings of the protocol; all times in ms. */
export interface MembershipSettings {
  /** T: time between two probes of a healthy node. 200..60000. Datagrams a second = 2000 / T. */
  readonly probeIntervalMs: number;
  /** How long a direct ping may take before others are asked. 100..T; idle processes wake up to 50 ms late. */
  readonly probeTimeoutMs: number;
  /** How long the others have then. 100..T - probeTimeoutMs. A relay sends its nack after half of it. */
  readonly indirectTimeoutMs: number;
  /** k: how many others are asked. 1..8. Cost: up to 4k datagrams per failed direct ping. */
  readonly indirectProbes: number;
  /** Base of the suspicion timeout in units of T. 0.5..20; more tolerates longer pauses and detects later. */
  readonly suspicionMult: number;
  /** Max / min of the suspicion timeout. 1..10: how much longer a lone accuser has to wait. */
  readonly suspicionMaxFactor: number;
  /** K: independent confirmations that bring the timeout down to its minimum. 1..8; capped at n - 2. */
  readonly confirmations: number;
  /** S: top of the local health multiplier. 0..8; an unhealthy node probes and waits up to S + 1 times slower. */
  readonly healthMax: number;
  /** Shortest time between two rounds of gossip; no round when there is nothing to say. 50..5000. */
  readonly gossipIntervalMs: number;
  /** Members that get one round. 1..8. */
  readonly gossipFanout: number;
  /** lambda: a claim is sent `ceil(lambda * log10(n + 1))` times by each node. 1..10. */
  readonly transmitMult: number;
  /** For how long a dead member still gets gossip, so that it learns of its death. 0..3600000. */
  readonly gossipToDeadMs: number;
  /**
   * Time between two full-state exchanges by the clock; grows with log2(n / 32) above 32 members. 1000..3600000. Cost: n claims each way
   * and some eight packets of TCP. Views that differ are found by the digest on probes within seconds, so this only backs that up.
   */
  readonly syncIntervalMs: number;
  /** Time between two tries of a dead member or unreached seed. 500..3600000. Cost: one ping each. */
  readonly reconnectIntervalMs: number;
  /** When a dead or left member leaves the view. 10000..2^31. Its tombstone stays. */
  readonly reapAfterMs: number;
  /** Time within which a member that failed and came back three times is said to flap. 10000..3600000. */
  readonly flapWindowMs: number;
  /** How long a leaving node waits for confirmations at most. 100..60000. */
  readonly leaveTimeoutMs: number;
  /** Members that must confirm a leave. 1..8; all, if there are fewer. */
  readonly leaveConfirmations: number;
  /** First pings to nodes that have not answered before: burst and number a second. 1..1000. */
  readonly contactsPerSecond: number;
  /** A wake-up later than this means that this process was paused, so that the silence it sees says nothing. 50..T. */
  readonly stallMs: number;
}

/** Names of the profiles. */
export type Profile = "lan" | "wan" | "local";

/** Ready-made settings: `lan` for one site, `wan` between sites, `local` for processes of one machine. */
export const PROFILES: Readonly<Record<Profile, MembershipSettings>> = {
  // With push/pull below two packets a second, acknowledgements included: what Serf sends in its profile of this name.
  lan: {
    probeIntervalMs: 1020,
    probeTimeoutMs: 250,
    indirectTimeoutMs: 250,
    indirectProbes: 3,
    suspicionMult: 0.8,
    suspicionMaxFactor: 4,
    confirmations: 3,
    healthMax: 8,
    gossipIntervalMs: 200,
    gossipFanout: 3,
    transmitMult: 4,
    gossipToDeadMs: 30_000,
    syncIntervalMs: 300_000,
    reconnectIntervalMs: 30_000,
    reapAfterMs: 24 * 3600_000,
    flapWindowMs: 300_000,
    leaveTimeoutMs: 5000,
    leaveConfirmations: 3,
    contactsPerSecond: 100,
    stallMs: 150,
  },
  wan: {
    probeIntervalMs: 5000,
    probeTimeoutMs: 2000,
    indirectTimeoutMs: 2500,
    indirectProbes: 3,
    suspicionMult: 3,
    suspicionMaxFactor: 4,
    confirmations: 4,
    healthMax: 8,
    gossipIntervalMs: 500,
    gossipFanout: 4,
    transmitMult: 4,
    gossipToDeadMs: 60_000,
    syncIntervalMs: 600_000,
    reconnectIntervalMs: 60_000,
    reapAfterMs: 24 * 3600_000,
    flapWindowMs: 900_000,
    leaveTimeoutMs: 15_000,
    leaveConfirmations: 3,
    contactsPerSecond: 50,
    stallMs: 500,
  },
  local: {
    probeIntervalMs: 400,
    probeTimeoutMs: 150,
    indirectTimeoutMs: 200,
    indirectProbes: 3,
    suspicionMult: 1.5,
    suspicionMaxFactor: 4,
    confirmations: 3,
    healthMax: 8,
    gossipIntervalMs: 100,
    gossipFanout: 3,
    transmitMult: 4,
    gossipToDeadMs: 10_000,
    syncIntervalMs: 60_000,
    reconnectIntervalMs: 3000,
    reapAfterMs: 3600_000,
    flapWindowMs: 60_000,
    leaveTimeoutMs: 1500,
    leaveConfirmations: 3,
    contactsPerSecond: 200,
    stallMs: 120,
  },
};

/** How often each node passes a claim on: `ceil(lambda * log10(n + 1))` (SWIM, section 4.1; logarithm as Serf has it). */
export function transmitLimit(settings: MembershipSettings, members: number): number {
  return Math.ceil(settings.transmitMult * Math.log10(members + 1));
}

/** Time between two full-state exchanges with so many members. */
export function syncIntervalMs(settings: MembershipSettings, members: number): number {
  const doublings = members > 32 ? Math.ceil(Math.log2(members / 32)) : 0;
  return settings.syncIntervalMs * (1 + doublings);
}
