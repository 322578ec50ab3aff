/**
 * Watches the election of a roster from outside: what nodes save, send and claim to hold, never what they think. The invariants are those
 * of the design, §8; each failure names its own.
 *
 * | what | is wrong when |
 * |---|---|
 * | I1 | two certificates of one term are accepted under one function, or two that name leaders under any |
 * | I2 | two nodes hold a lease at one instant, or an application acts under an older term than another did |
 * | I3 | a node accepts a term that is not above all that it had accepted under that function, or a leader's not above all leaders'; restarts included |
 * | I4 | a leader is not in its active set, or no honest node ever had its answer to a nonce |
 * | I5 | an honest node votes twice in a term, or back, or before the vote is on its disk |
 * | I10 | a certificate is accepted without a quorum of votes that were really cast, or with another draw |
 * | P3 | a certificate follows that does not descend from one that held a lease |
 * | honest | an honest node stops for good because of lies about it |
 */
import { drawRosterLeader } from "../../function/leader-election/roster_rules.ts";
import { beaconInput } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import type { Digest } from "../certificate/types.ts";
import { decodeUnverified } from "../certificate/format.ts";
import { rosterProposalTexts } from "../certificate/roster_proposal.ts";
import { sha256 } from "../crypto/digest.ts";
import type { RosterCertificate, RosterMessage } from "../election/roster/types.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimFunction } from "./sim_function.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/** An application asks for its lease at most this long after the lease was renewed, ms. */
const POLL_MS = 120;

/** A certificate that some honest node accepted first. */
export interface Reign {
  readonly certificate: RosterCertificate;
  readonly acceptedMs: number;
  readonly under: SimFunction;
}

/** The eyes of one run. */
export class ElectionChecker implements Watcher {
  /** Accepted certificates, by id. */
  readonly reigns = new Map<Digest, Reign>();
  /** When a lease was last seen. */
  leaseSeenMs = -Infinity;
  /** Under which function that was. */
  leasedUnder?: SimFunction;
  readonly #world: World;
  readonly #voterOfKey: ReadonlyMap<string, SimNode>;
  /** By order of terms and term. */
  readonly #idOfTerm = new Map<string, Digest>();
  readonly #heads = new Map<SimNode, Digest>();
  /** By voter and order of terms. */
  readonly #headTerms = new Map<string, number>();
  /** By voter and function: what is voted under another function is another election. */
  readonly #votes = new Map<string, Map<number, Digest>>();
  readonly #votedMax = new Map<string, number>();
  readonly #cast = new Set<string>();
  /** Local time until which nodes said that they hold a lease. */
  readonly #leases = new Map<SimNode, number>();
  readonly #led = new Map<Digest, RosterCertificate>();
  readonly #answered = new Set<string>();
  #actedTerm = 0;
  #isPolling = false;

  constructor(world: World) {
    this.#world = world;
    this.#voterOfKey = new Map(
      world.nodes.map((node) => [base64url(node.identity.publicKey), node]),
    );
  }

  effect(node: SimNode, effect: SimEffect): void {
    // A lease of a liar is worth nothing as a word, but whoever is served by it is served.
    if (effect.type === "lease-held") {
      this.leaseSeenMs = this.#world.nowMs;
      this.leasedUnder = node.function;
    }
    if (node.liar) return;
    switch (effect.type) {
      case "save": {
        const { head } = effect.memory;
        if (head && head.id !== this.#heads.get(node)) this.#accept(node, head);
        return;
      }
      case "send-election":
        this.#said(node, effect.message as RosterMessage);
        return this.#checkLeases();
      case "send-gossip":
        // Within a step a lease may be gone before that is said; whoever says something has said that first.
        return this.#checkLeases();
      case "lease-held":
        return this.#held(node, effect.certificate, effect.untilMs);
      case "lease-lost":
        this.#leases.delete(node);
        return;
      case "member":
        if (effect.change.member.verified) {
          this.#answered.add(`${node.place} ${effect.change.member.id}`);
        }
        return;
      case "fail-stop":
        throw this.#broken("honest", `${node.name} stops for good: ${effect.reason}`);
      default:
        return;
    }
  }

  adopted(_node: SimNode, closing: RosterCertificate, under: SimFunction): void {
    this.#see(closing, under);
  }

  crashed(node: SimNode): void {
    this.#leases.delete(node);
  }

  /** The leader of the highest certificate that any honest node accepted. */
  leader(): SimNode | undefined {
    const leader = this.last?.certificate.leader;
    return leader === undefined ? undefined : this.#world.nodeOf(leader);
  }

  /** The highest certificate of the latest function that has any: a closing may come late, in a term that the successor has passed or not reached. */
  get last(): Reign | undefined {
    let last: Reign | undefined;
    for (const reign of this.reigns.values()) {
      const later = !last ? 1 : reign.under.number - last.under.number ||
        reign.certificate.proposal.term - last.certificate.proposal.term;
      if (later > 0) last = reign;
    }
    return last;
  }

  /** Honest nodes that hold a lease at this instant. */
  holders(): SimNode[] {
    const { nowMs } = this.#world;
    // A process that stands still uses no lease, and looks at both clocks before it does again.
    return [...this.#leases]
      .filter(([node, untilMs]) => node.isAwake && node.clock.monotonicMs(nowMs) < untilMs)
      .map(([node]) => node);
  }

  #said(node: SimNode, message: RosterMessage): void {
    switch (message.kind) {
      case "proposal": {
        const { proposal, vote } = message;
        this.#cast.add(vote.signature);
        return this.#checkVote(node, proposal.term, node.storedVote?.digest);
      }
      case "vote":
        this.#cast.add(message.vote.signature);
        return this.#checkVote(node, message.term, message.digest);
      default:
        return;
    }
  }

  #checkVote(node: SimNode, term: number, digest: Digest | undefined): void {
    const stored = node.storedVote;
    if (digest === undefined || stored?.term !== term || stored.digest !== digest) {
      throw this.#broken("I5", `${node.name} votes in term ${term} before that is on its disk`);
    }
    const voter = `${node.place} ${node.function.number}`;
    const votes = this.#votes.get(voter) ?? new Map<number, Digest>();
    this.#votes.set(voter, votes);
    const before = votes.get(term);
    if (before !== undefined && before !== digest) {
      throw this.#broken("I5", `${node.name} votes twice in term ${term}`);
    }
    const highest = this.#votedMax.get(voter) ?? 0;
    if (term < highest) {
      throw this.#broken("I5", `${node.name} votes in term ${term} after term ${highest}`);
    }
    votes.set(term, digest);
    this.#votedMax.set(voter, term);
  }

  #accept(node: SimNode, certificate: RosterCertificate): void {
    const { term } = certificate.proposal;
    this.#heads.set(node, certificate.id);
    for (const order of ordersOf(certificate, node.function)) {
      const voter = `${node.place} ${order}`;
      const before = this.#headTerms.get(voter) ?? 0;
      if (term <= before) {
        throw this.#broken("I3", `${node.name} accepts term ${term} after term ${before}`);
      }
      this.#headTerms.set(voter, term);
    }
    this.#see(certificate, node.function);
  }

  #see(certificate: RosterCertificate, under: SimFunction): void {
    if (this.reigns.has(certificate.id)) return;
    const { term } = certificate.proposal;
    this.reigns.set(certificate.id, { certificate, acceptedMs: this.#world.nowMs, under });
    for (const order of ordersOf(certificate, under)) {
      const key = `${order} ${term}`;
      const other = this.#idOfTerm.get(key);
      if (other !== undefined && other !== certificate.id) {
        throw this.#broken("I1", `term ${term} has two certificates`);
      }
      this.#idOfTerm.set(key, certificate.id);
    }
    this.#checkBundle(certificate, under);
    this.#checkAnswered(certificate);
    this.#checkDraw(certificate, under);
    for (const led of this.#led.values()) this.#checkDescent(certificate, led);
  }

  #checkBundle(
    { proposal: { term }, digest, document }: RosterCertificate,
    under: SimFunction,
  ): void {
    const voters = new Set<SimNode>();
    for (const { key, signature } of document.bundle) {
      const voter = this.#voterOfKey.get(key);
      if (!voter || !under.places.includes(voter.place)) continue;
      // Who holds all others for dead collects its own vote for a closing and sends it to nobody: it is on its disk.
      const stored = voter.storedVote;
      const isStored = stored?.term === term && stored.digest === digest;
      if (voter.liar || this.#cast.has(signature) || isStored) voters.add(voter);
    }
    const { votesNeeded } = rosterOf(under.config!);
    if (voters.size < votesNeeded) {
      throw this.#broken("I10", `term ${term} has ${voters.size} genuine votes of ${votesNeeded}`);
    }
  }

  #checkDraw({ proposal, leader, document }: RosterCertificate, under: SimFunction): void {
    if (proposal.type === "closing") return;
    const { domain, config } = under;
    const decoded = decodeUnverified(document.certificate);
    if (typeof decoded === "string" || decoded.claims.kind !== "roster") {
      throw this.#broken("I10", `term ${proposal.term} is no certificate of a roster`);
    }
    const { beaconSignature } = decoded.claims;
    const { term, prev, kid } = proposal;
    const key = this.#world.keyOf(kid);
    if (!key.verify(beaconInput(domain, fromBase64url(prev)!), beaconSignature)) {
      throw this.#broken("I10", `the beacon of term ${term} is not that of its prev`);
    }
    const { bitmap } = rosterProposalTexts(config!, proposal);
    const drawn = drawRosterLeader(
      sha256,
      domain,
      config!,
      sha256(beaconSignature),
      config!.roster,
      {
        bitmap: fromBase64url(bitmap)!,
        incumbent: fromBase64url(proposal.incumbent ?? "")!,
        tenure: proposal.tenure,
      },
    );
    if (!drawn || base64url(drawn.id) !== leader) {
      throw this.#broken("I10", `the leader of term ${term} is not the one that was drawn`);
    }
  }

  #checkAnswered({ proposal, leader }: RosterCertificate): void {
    if (proposal.type === "closing" || leader === undefined) return;
    const { term, active } = proposal;
    const name = this.#world.nameOf(leader);
    if (!active.includes(leader)) throw this.#broken("I4", `${name} leads term ${term} inactive`);
    const honest = this.#world.nodes.filter((node) => !node.liar);
    const isMet = honest.some((node) =>
      node.id === leader || this.#answered.has(`${node.place} ${leader}`)
    );
    if (!isMet) throw this.#broken("I4", `${name} leads term ${term} and answered nobody honest`);
  }

  /** Every later certificate descends from one that held a lease. */
  #checkDescent(certificate: RosterCertificate, led: RosterCertificate): void {
    if (certificate.proposal.term <= led.proposal.term) return;
    // A late closing of a function that has a successor already leads nowhere.
    if (this.#numberOf(certificate) < this.#numberOf(led)) return;
    let { prev } = certificate.proposal;
    for (;;) {
      if (prev === led.id) return;
      const before = this.reigns.get(prev);
      if (!before || before.certificate.proposal.term <= led.proposal.term) break;
      prev = before.certificate.proposal.prev;
    }
    throw this.#broken(
      "P3",
      `term ${certificate.proposal.term} does not descend from term ${led.proposal.term}, which held a lease`,
    );
  }

  /** Of the function that elected so. */
  #numberOf({ id }: RosterCertificate): number {
    return this.reigns.get(id)?.under.number ?? 0;
  }

  #held(node: SimNode, certificate: RosterCertificate, untilMs: number): void {
    this.#leases.set(node, untilMs);
    this.#checkLeases();
    if (!this.#led.has(certificate.id)) {
      this.#led.set(certificate.id, certificate);
      for (const reign of this.reigns.values()) this.#checkDescent(reign.certificate, certificate);
    }
    if (this.#isPolling) return;
    this.#isPolling = true;
    const world = this.#world;
    world.at(world.nowMs + world.prng.float() * POLL_MS, () => {
      this.#isPolling = false;
      for (const lessee of this.#leases.keys()) this.#act(lessee);
    });
  }

  /** An application asks whether it may act, and acts. */
  #act(node: SimNode): void {
    if (node.leaseRemainingMs() <= 0) return;
    const certificate = node.headCertificate!;
    const { term } = certificate.proposal;
    if (certificate.leader !== node.id || term < this.#actedTerm) {
      throw this.#broken("I2", `${node.name} acts in term ${term} after term ${this.#actedTerm}`);
    }
    this.#actedTerm = term;
    for (const other of this.#leases.keys()) {
      if (other !== node && other.leaseRemainingMs() > 0) {
        throw this.#broken("I2", `${node.name} and ${other.name} may both act`);
      }
    }
  }

  #checkLeases(): void {
    if (this.#leases.size < 2) return;
    const holders = this.holders();
    if (holders.length < 2) return;
    const names = holders.map(({ name }) => name).join(" and ");
    throw this.#broken("I2", `${names} hold a lease at one instant`);
  }

  #broken(invariant: string, message: string): Violation {
    return new Violation(invariant, message, this.#world.nowMs);
  }
}

/**
 * The orders of terms in which a certificate has its place: that of its function, and that of all leaders. An electorate may be closed more than
 * once, and then its last closing may be of a term in which the successor has a leader already.
 */
function ordersOf({ leader }: RosterCertificate, { number }: SimFunction): readonly string[] {
  const own = `under ${number}`;
  return leader === undefined ? [own] : [own, "led"];
}
