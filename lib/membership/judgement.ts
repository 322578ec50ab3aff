/**
 * The rules by which claims change the view (SWIM, section 4.2; design §3). What a liar can say is limited by them:
 *
 * - Only the subject's own claim makes a member, moves its address or raises its incarnation; and when it was unknown, dead or elsewhere,
 *   only after it answered this node's nonce at that address. Until then it is a candidate (`candidates.ts`).
 * - An accusation counts only for exactly the incarnation that this node holds, signed by its subject, and only from a member.
 * - In a roster cluster f + 1 accusers are needed, unless the node's own probes failed. Fewer only make it probe that member next.
 * - "Dead" inside the full state of another node counts as "suspect": two halves of a healed network would otherwise bury each other's
 *   members, which are well and need only be told to refute.
 */
import { changed, clusterSize, type Context, type Part, reported } from "./context.ts";
import { noteReturn } from "./flapping.ts";
import { ACCUSERS_MAX, CONFLICTS_MAX, INCARNATION_JUMP_MAX, MEMBERS_MAX } from "./limits.ts";
import type { Own } from "./own.ts";
import { type SuspicionBounds, suspicionBounds, suspicionTimeoutMs } from "./suspicion.ts";
import type { AccusationClaim, AliveClaim, Claim, LeftClaim, NodeId } from "./types.ts";
import { isActive, type MemberRecord, NO_VERDICTS, sameAddress } from "./view.ts";

/** How a claim came. */
export interface Heard {
  /** Who said it, when known. */
  readonly sender?: NodeId;
  /** Whether a member in good standing passed it on, or a node that this one asked for its full state. */
  readonly fromMember: boolean;
  /** Whether it is part of a full state. */
  readonly fullState: boolean;
  /** Whether it is in the full state, a large one, by which this node came into the cluster: whom it could tell has it already. */
  readonly isArrival: boolean;
}

/** What the rules ask of the other parts. */
export interface JudgementHooks {
  /** The claim is newer than what is held, and its subject has to answer a nonce at its address first. */
  candidate(claim: AliveClaim, vouched: boolean, isNews: boolean): void;
  isCandidate(id: NodeId): boolean;
  /** A member is there that was not there, or that was dead. */
  arrived(record: MemberRecord, cameBack: boolean): void;
  /** Somebody accuses it: probe it next. */
  probeSoon(id: NodeId): void;
}

/** The rules of one node. */
export interface Judgement extends Part {
  /** Applies a verified claim. */
  hear(claim: Claim, heard: Heard): void;
  /** The subject of the claim has answered this node's nonce at the claim's address. News is passed on. */
  prove(claim: AliveClaim, isNews: boolean): void;
  /** This node's direct and indirect probes of the member failed. */
  accuse(record: MemberRecord): void;
  /** The operator gives up a member that does not answer: it is dead here at once, forgotten and no longer looked for. */
  giveUp(record: MemberRecord): void;
  /** Members that somebody accuses and that are not settled yet. */
  accused(): readonly NodeId[];
  /** This node's own "dead" about an incarnation: what it shows to that member so that it can refute. */
  ownDead(subject: NodeId, incarnation: number): Claim;
}

interface Suspicion {
  startMs: number;
  endMs: number;
  readonly bounds: SuspicionBounds;
}

/** The rules in a context. */
export function createJudgement(context: Context, own: Own, hooks: JudgementHooks): Judgement {
  const { options, settings, view, queue } = context;
  const selfId = options.self.id;
  const accusersNeeded = options.roster ? options.roster.faultBound + 1 : 1;
  const suspicions = new Map<NodeId, Suspicion>();
  const conflicts = new Set<string>();
  let fullReported = false;

  function hearAlive(claim: AliveClaim, heard: Heard): void {
    if (claim.subject === selfId) return hearOwnAlive(claim);
    const record = view.get(claim.subject);
    const held = record?.incarnation ?? view.tombstone(claim.subject)?.incarnation ?? -1;
    if (claim.incarnation <= held) return;
    if (held >= 0 && claim.incarnation > held + INCARNATION_JUMP_MAX) return;
    if (
      record?.verified && isActive(record) && sameAddress(record.alive.address, claim.address)
    ) {
      return accept(record, claim);
    }
    // Strangers introduce themselves only: else they could have any number of addresses pinged.
    if (held < 0 && !heard.fromMember && heard.sender !== claim.subject) return;
    hooks.candidate(claim, heard.fromMember, !heard.isArrival);
  }

  function hearOwnAlive(claim: AliveClaim): void {
    const { incarnation } = context;
    if (claim.incarnation < incarnation) return;
    const mine = own.claim();
    if (claim.incarnation > incarnation || !sameBytes(claim.encoded, mine.encoded)) {
      own.foreign(claim.incarnation);
    }
  }

  function hearLeft(claim: LeftClaim): void {
    if (claim.subject === selfId) {
      if (claim.incarnation >= context.incarnation && !own.left()) own.foreign(claim.incarnation);
      return;
    }
    const record = view.get(claim.subject);
    if (!record || record.state === "left" || claim.incarnation < record.incarnation) return;
    if (claim.incarnation > record.incarnation + INCARNATION_JUMP_MAX) return;
    view.leave(record, claim);
    record.verified = false;
    clearVerdicts(record);
    view.setState(record, "left", context.nowMs);
    queue.push(claim);
    changed(context, "leave", record);
  }

  function hearAccusation(claim: AccusationClaim, heard: Heard): void {
    if (claim.accuser === selfId || claim.accuser === claim.subject) return;
    if (claim.subject === selfId) return hearOwnAccusation(claim, heard);
    const record = view.get(claim.subject);
    if (!record || claim.incarnation !== record.incarnation || !isActive(record)) return;
    if (!mayAccuse(claim.accuser)) return;
    const before = record.verdicts.get(claim.accuser);
    const dead = claim.type === "dead" && !heard.fullState;
    if (before && (before.dead || !dead)) return;
    if (!before && record.verdicts.size >= ACCUSERS_MAX) return;
    note(record, claim, dead);
    // Passed on as far as it can still matter: the first accuser and the confirmations that shorten the timeout, and every burial.
    // A burial out of a full state stays here: it may be from a partition that is over.
    const early = record.verdicts.size <= Math.max(settings.confirmations + 1, accusersNeeded);
    if (dead || (claim.type === "suspect" && early)) queue.push(claim);
    weigh(record);
  }

  function hearOwnAccusation(claim: AccusationClaim, heard: Heard): void {
    // Only the present incarnation can be accused: older ones are refuted already, later ones this node never had.
    if (claim.incarnation !== context.incarnation || own.left()) return;
    const known = view.get(claim.accuser) || view.tombstone(claim.accuser) ||
      hooks.isCandidate(claim.accuser);
    if (!known && !heard.fromMember) return;
    context.health.note(1);
    own.refute();
  }

  function note(record: MemberRecord, claim: AccusationClaim, dead: boolean): void {
    record.verdicts = new Map(record.verdicts).set(claim.accuser, { claim, dead });
  }

  function mayAccuse(accuser: NodeId): boolean {
    if (options.roster && !options.roster.ids.has(accuser)) return false;
    const record = view.get(accuser);
    return record !== undefined && isActive(record);
  }

  /** Draws the consequence of the verdicts on an active member. */
  function weigh(record: MemberRecord): void {
    const verdicts = [...record.verdicts.values()];
    if (verdicts.filter((verdict) => verdict.dead).length >= accusersNeeded) return bury(record);
    const suspicion = suspicions.get(record.id) ?? startSuspicion(record);
    if (record.state === "alive") {
      hooks.probeSoon(record.id);
      if (record.verdicts.has(selfId) || verdicts.length >= accusersNeeded) {
        suspicion.startMs = context.nowMs;
        view.setState(record, "suspect", context.nowMs);
        changed(context, "suspect", record);
      }
    }
    suspicion.endMs = suspicion.startMs +
      suspicionTimeoutMs(suspicion.bounds, verdicts.length - 1);
  }

  function startSuspicion(record: MemberRecord): Suspicion {
    const bounds = suspicionBounds(settings, clusterSize(context));
    const suspicion = { startMs: context.nowMs, endMs: Infinity, bounds };
    suspicions.set(record.id, suspicion);
    return suspicion;
  }

  function clearVerdicts(record: MemberRecord): void {
    record.verdicts = NO_VERDICTS;
    suspicions.delete(record.id);
  }

  function bury(record: MemberRecord): void {
    suspicions.delete(record.id);
    record.verified = false;
    view.setState(record, "dead", context.nowMs);
    changed(context, "fail", record);
  }

  /** Time to refute is over, or hearsay of too few has gone stale. */
  function expire(record: MemberRecord): void {
    if (record.state !== "suspect") return clearVerdicts(record);
    const claim = ownDead(record.id, record.incarnation);
    note(record, claim, true);
    queue.push(claim);
    bury(record);
  }

  function ownDead(subject: NodeId, incarnation: number): AccusationClaim {
    return options.signClaim({ type: "dead", subject, incarnation }) as AccusationClaim;
  }

  /** Takes over a newer claim of a member. */
  function accept(record: MemberRecord, claim: AliveClaim): void {
    const before = record.alive;
    const state = record.state;
    view.renew(record, claim);
    record.verified = true;
    delete record.left;
    clearVerdicts(record);
    queue.push(claim);
    if (state === "dead" || state === "left") record.introductions = 0;
    if (state !== "alive") view.setState(record, "alive", context.nowMs);
    if (state === "suspect") changed(context, "refute", record);
    if (state === "dead" || state === "left") {
      changed(context, "join", record);
      if (state === "dead") noteReturn(context, record);
      hooks.arrived(record, true);
    } else if (!sameFacts(before, claim)) {
      changed(context, "update", record);
    }
    if (before.name !== claim.name) reportNameConflicts(record);
  }

  function admit(claim: AliveClaim, isNews: boolean): void {
    if (view.size() >= MEMBERS_MAX) {
      if (!fullReported) reported(context, { kind: "members-full", membersMax: MEMBERS_MAX });
      fullReported = true;
      return;
    }
    const record: MemberRecord = {
      id: claim.subject,
      publicKey: claim.publicKey,
      keyMadeS: claim.keyMadeS,
      alive: claim,
      incarnation: claim.incarnation,
      state: "alive",
      sinceMs: context.nowMs,
      verified: true,
      introductions: 0,
      verdicts: NO_VERDICTS,
    };
    view.add(record);
    if (isNews) queue.push(claim);
    changed(context, "join", record);
    hooks.arrived(record, false);
    reportNameConflicts(record);
  }

  /**
   * Both stay, and a name is a label that no rule of the protocol rests on. The key that was made earlier keeps it, then the lesser id: a fact
   * that survives restarts and on which all who hear both claims agree. It is the owner's own word by its own clock: who lies about it when it
   * is first heard gets the label, and so does who made a key while its clock was slow.
   */
  function reportNameConflicts(record: MemberRecord): void {
    const { name } = record.alive;
    const others = [...view.named(name)].filter((other) => other !== record && isActive(other)).map(
      ({ id, keyMadeS }) => ({ id, keyMadeS }),
    );
    if (options.self.name === name) others.push({ id: selfId, keyMadeS: options.self.keyMadeS });
    for (const rival of others) {
      const key = [record.id, rival.id].sort().join(" ");
      if (conflicts.has(key) || conflicts.size >= CONFLICTS_MAX) continue;
      conflicts.add(key);
      const [keeper, other] = [record, rival].sort((a, b) =>
        a.keyMadeS - b.keyMadeS || (a.id < b.id ? -1 : 1)
      );
      reported(context, { kind: "name-conflict", name, keeper: keeper.id, other: other.id });
    }
  }

  return {
    hear(claim, heard) {
      switch (claim.type) {
        case "alive":
          return hearAlive(claim, heard);
        case "left":
          return hearLeft(claim);
        case "suspect":
        case "dead":
          return hearAccusation(claim, heard);
        default:
          return claim satisfies never;
      }
    },
    prove(claim, isNews) {
      const record = view.get(claim.subject);
      if (!record) {
        const buried = view.tombstone(claim.subject);
        if (!buried || claim.incarnation > buried.incarnation) admit(claim, isNews);
      } else if (claim.incarnation > record.incarnation) {
        accept(record, claim);
      }
    },
    accuse(record) {
      if (record.verdicts.has(selfId) || !isActive(record)) return;
      const { id: subject, incarnation } = record;
      const claim = options.signClaim({ type: "suspect", subject, incarnation }) as AccusationClaim;
      note(record, claim, false);
      queue.push(claim);
      weigh(record);
    },
    giveUp(record) {
      if (record.state === "alive") return;
      if (record.state === "suspect") expire(record);
      view.reap(record, false);
      changed(context, "reap", record);
    },
    accused: () => [...suspicions.keys()],
    ownDead,
    dueMs() {
      let due = Infinity;
      for (const suspicion of suspicions.values()) due = Math.min(due, suspicion.endMs);
      return due;
    },
    run() {
      for (const [id, suspicion] of suspicions) {
        if (suspicion.endMs <= context.nowMs) {
          suspicions.delete(id);
          expire(view.get(id)!);
        }
      }
    },
    shift(byMs) {
      for (const suspicion of suspicions.values()) {
        suspicion.startMs += byMs;
        suspicion.endMs += byMs;
      }
    },
  };
}

function sameFacts(a: AliveClaim, b: AliveClaim): boolean {
  return a.name === b.name && sameAddress(a.address, b.address) &&
    JSON.stringify(a.tags) === JSON.stringify(b.tags);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
