/**
 * A small world for the election core: nodes whose views the test sets, a network in virtual time that delays, drops and cuts,
 * and an enclave that signs what a majority voted for. One seed decides everything.
 */
import type { Digest, VerifiedCertificate, Vote } from "../../lib/certificate/types.ts";
import { sha256Hex } from "../../lib/crypto/digest.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import type { ElectionMemory, ElectionRules } from "../../lib/election/open_context.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionEvent,
  ElectionMessage,
  Proposal,
  ViewChange,
} from "../../lib/election/types.ts";

const hash = (...parts: unknown[]) => sha256Hex(utf8(JSON.stringify(parts)));

export const KID = "kid-1";

/** Fake rules: hashes instead of signatures, same shapes. */
export function fakeRules(self: string): ElectionRules {
  return {
    genesis: hash("genesis"),
    digest: (p: Proposal) => hash("D", p.term, p.prev, p.kid, p.active.map((n) => [n.id, n.name])),
    collector: (prev, term, ids) =>
      [...ids].sort((a, b) => hash(prev, term, a) < hash(prev, term, b) ? -1 : 1)[0],
    votesNeeded: (n) => Math.floor(n / 2) + 1,
    signVote: (term, digest) => ({ key: self, signature: hash("vote", self, term, digest) }),
    signGaveUp: (prev, term) => ({
      prev,
      term,
      voter: self,
      key: self,
      signature: hash("gave-up", self, prev, term),
    }),
  };
}

export function candidate(id: string): Candidate {
  return { id, name: id, key: id };
}

/** The event by which a view becomes this one: who is active, who is known beside them, and who was known before. */
export function viewEvent(
  active: readonly string[],
  known: readonly string[] = [],
  before: Iterable<string> = [],
): Extract<ElectionEvent, { type: "view" }> {
  const now = new Set([...active, ...known]);
  return {
    type: "view",
    changes: [
      ...[...before].filter((id) => !now.has(id)).map((id) => ({ kind: "forgotten" as const, id })),
      ...[...now].map((id): ViewChange =>
        active.includes(id) ? { kind: "active", node: candidate(id) } : { kind: "inactive", id }
      ),
    ],
  };
}

export interface SimulatedNode {
  readonly id: string;
  election: OpenElection;
  up: boolean;
  view: string[];
  /** Whom its machine knows. */
  told: readonly string[];
  kids: string[];
  enclave: "up" | "down";
  leader?: VerifiedCertificate;
  memory: { head?: VerifiedCertificate; lastVote?: { term: number; digest: Digest } };
  votes: Map<number, Set<Digest>>;
}

interface Scheduled {
  atMs: number;
  order: number;
  run: () => void;
}

export class World {
  nowMs = 0;
  readonly nodes = new Map<string, SimulatedNode>();
  readonly sent: { from: string; to: string; message: ElectionMessage }[] = [];
  enclaveCalls = 0;
  /** Whether a message from a to b gets through. */
  link: (from: string, to: string, message: ElectionMessage) => boolean = () => true;
  readonly prng: Prng;
  #queue: Scheduled[] = [];
  #order = 0;

  constructor(ids: string[], seed = 1) {
    this.prng = createPrng(seed);
    for (const id of ids) this.add(id);
  }

  add(id: string, memory: ElectionMemory = {}): SimulatedNode {
    const node: SimulatedNode = {
      id,
      election: this.#machine(id, memory),
      up: true,
      view: [],
      told: [],
      kids: [KID],
      enclave: "up",
      memory: { ...memory },
      votes: new Map(),
    };
    this.nodes.set(id, node);
    this.step(node, { type: "keys", kids: node.kids, preferred: node.kids[0] });
    return node;
  }

  #machine(id: string, memory: ElectionMemory): OpenElection {
    return new OpenElection({
      self: id,
      rules: fakeRules(id),
      settings: LOCAL_ELECTION,
      memory,
      prng: createPrng(this.prng.uint32()),
      nowMs: this.nowMs,
      awaitsSeeds: false,
    });
  }

  node(id: string): SimulatedNode {
    return this.nodes.get(id)!;
  }

  /** The process dies; what it persisted stays. */
  crash(id: string): void {
    this.node(id).up = false;
    this.node(id).leader = undefined;
  }

  restart(id: string): void {
    const node = this.node(id);
    node.up = true;
    node.election = this.#machine(id, node.memory);
    node.told = [];
    this.step(node, { type: "keys", kids: node.kids, preferred: node.kids[0] });
    this.setView(id, node.view);
  }

  setView(id: string, view: string[], known: string[] = []): void {
    const node = this.node(id);
    node.view = [...view].sort();
    const knows = [...this.nodes.keys()].filter((other) =>
      view.includes(other) || known.includes(other)
    );
    const event = viewEvent(node.view, knows, node.told);
    node.told = knows;
    this.step(node, event);
  }

  /** Every one of these nodes sees exactly these nodes. */
  component(ids: string[]): void {
    for (const id of ids) this.setView(id, ids);
  }

  step(node: SimulatedNode, event: ElectionEvent): void {
    if (!node.up) return;
    for (const effect of node.election.step(event, this.nowMs)) this.#carryOut(node, effect);
  }

  #carryOut(node: SimulatedNode, effect: ElectionEffect): void {
    switch (effect.type) {
      case "persist-vote": {
        const digests = node.votes.get(effect.term) ?? new Set();
        node.votes.set(effect.term, digests.add(effect.digest));
        node.memory.lastVote = { term: effect.term, digest: effect.digest };
        break;
      }
      case "persist-head":
        node.memory.head = effect.certificate;
        break;
      case "send":
        for (const to of effect.to) this.#deliver(node.id, to, effect.message);
        break;
      case "call-enclave":
        this.enclaveCalls++;
        this.#callEnclave(node, effect.digest, effect.proposal, effect.votes);
        break;
      case "leader":
        node.leader = effect.certificate;
        break;
      case "head":
      case "note":
        break;
      default:
        effect satisfies never;
    }
  }

  #deliver(from: string, to: string, message: ElectionMessage): void {
    this.sent.push({ from, to, message });
    if (!this.link(from, to, message)) return;
    this.at(this.nowMs + 1 + this.prng.below(10), () => {
      const node = this.nodes.get(to);
      if (!node?.up) return;
      if (message.kind === "certificate") {
        const certificate = certificates.get(message.document.certificate)!;
        this.step(node, { type: "certificate", certificate, from });
      } else this.step(node, { type: "message", sender: from, message });
    });
  }

  #callEnclave(node: SimulatedNode, digest: Digest, proposal: Proposal, votes: readonly Vote[]) {
    this.at(this.nowMs + 10, () => {
      if (!node.up) return;
      if (node.enclave === "down") {
        const reason = "unreachable";
        this.step(node, { type: "enclave-failed", digest, reason, refused: false });
        return;
      }
      this.step(node, { type: "certificate", certificate: certify(digest, proposal, votes) });
    });
  }

  at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, order: this.#order++, run });
  }

  /** Runs until the virtual time, delivering messages and ticks in order. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    for (let steps = 0;; steps++) {
      if (steps > 200_000) throw new Error("the world does not come to rest");
      const next = this.#queue.reduce<Scheduled | undefined>(
        (best, item) =>
          !best || item.atMs < best.atMs || (item.atMs === best.atMs && item.order < best.order)
            ? item
            : best,
        undefined,
      );
      let tick: SimulatedNode | undefined;
      let tickAt = Infinity;
      for (const node of this.nodes.values()) {
        const deadline = node.up ? node.election.deadlineMs() : undefined;
        if (deadline !== undefined && deadline < tickAt) [tick, tickAt] = [node, deadline];
      }
      const at = Math.min(next?.atMs ?? Infinity, tickAt);
      if (at > end) break;
      this.nowMs = Math.max(this.nowMs, at);
      if (next && next.atMs <= tickAt) {
        this.#queue.splice(this.#queue.indexOf(next), 1);
        next.run();
      } else this.step(tick!, { type: "tick" });
    }
    this.nowMs = end;
  }

  /** The leaders that the nodes respect, by node; throws when a node ever voted twice in a term. */
  leaders(): Record<string, string | undefined> {
    for (const node of this.nodes.values()) {
      for (const [term, digests] of node.votes) {
        if (digests.size > 1) throw new Error(`${node.id} voted twice in term ${term}`);
      }
    }
    return Object.fromEntries(
      [...this.nodes.values()].filter((node) => node.up).map((
        node,
      ) => [node.id, node.leader?.leader]),
    );
  }
}

const certificates = new Map<string, VerifiedCertificate>();

/** What the enclave does: the draw by least hash. */
export function certify(
  digest: Digest,
  proposal: Proposal,
  votes: readonly Vote[],
): VerifiedCertificate {
  const needed = Math.floor(proposal.active.length / 2) + 1;
  const voters = new Set(votes.map((vote) => vote.key));
  const genuine = votes.every((vote) =>
    vote.signature === fakeRules(vote.key).signVote(proposal.term, digest).signature
  );
  if (!genuine || voters.size < needed) throw new Error("the enclave got too few genuine votes");
  const leader = proposal.active.map((node) => node.id)
    .sort((a, b) => hash(proposal.prev, a) < hash(proposal.prev, b) ? -1 : 1)[0];
  const id = hash("certificate", proposal.term, digest, leader);
  const certificate: VerifiedCertificate = {
    id,
    term: proposal.term,
    prev: proposal.prev,
    kid: proposal.kid,
    tee: "simulated",
    digest,
    leader,
    leaderName: leader,
    active: proposal.active.map((node) => node.id),
    document: { certificate: id, bundle: votes },
  };
  certificates.set(id, certificate);
  return certificate;
}
