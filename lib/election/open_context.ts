/**
 * What the parts of one machine of an open cluster share: who it is and by which rules, what it holds (its state), and the list of
 * effects of the present step. The parts change the state; nothing here decides.
 *
 * The collector and the digests of a view are computed once for each term, head and view: both hash the whole list, and at
 * every step of a large cluster that would be most of its work.
 */
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import type { Prng } from "../base/prng.ts";
import type { Digest, VerifiedCertificate, Vote } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { OpenTerms } from "./open_terms.ts";
import type { ElectionSettings } from "./settings.ts";
import type {
  Candidate,
  ElectionEffect,
  ElectionMessage,
  ElectionNote,
  GaveUp,
  Head,
  Proposal,
} from "./types.ts";

/** The rules and keys that the machine needs; deterministic, so that a run repeats from its inputs. */
export interface ElectionRules {
  readonly genesis: Digest;
  digest(proposal: Proposal): Digest;
  collector(prev: Digest, term: number, active: readonly NodeId[]): NodeId;
  votesNeeded(activeNodes: number): number;
  signVote(term: number, digest: Digest): Vote;
  signGaveUp(prev: Digest, term: number): GaveUp;
}

/** What a node remembers across restarts. */
export interface ElectionMemory {
  readonly head?: VerifiedCertificate;
  readonly lastVote?: { readonly term: number; readonly digest: Digest };
}

/** What the machine is made of. */
export interface ElectionOptions {
  readonly self: NodeId;
  readonly rules: ElectionRules;
  readonly settings: ElectionSettings;
  readonly memory: ElectionMemory;
  readonly prng: Prng;
  readonly nowMs: number;
  /** Whether seeds were named, so that electing alone should wait for them. */
  readonly awaitsSeeds: boolean;
}

/** What follows from one term, head and view. */
interface Present {
  readonly term: number;
  readonly prev: Digest;
  readonly active: readonly Candidate[];
  collector?: NodeId;
  /** Of the proposal of the view, by the enclave key in it: no more than the keys that this node has ever known. */
  readonly digests: Map<Digest, Digest>;
}

/** The shared things of one node. */
export class OpenContext {
  readonly self: NodeId;
  readonly rules: ElectionRules;
  readonly settings: ElectionSettings;
  readonly terms: OpenTerms;

  head: Head;
  /** Of the head; absent at the genesis. */
  certificate?: VerifiedCertificate;
  lastVote?: ElectionMemory["lastVote"];
  /** The view, sorted by id bytes. */
  active: readonly Candidate[] = [];
  activeIds: ReadonlySet<NodeId> = new Set();
  /** Who is known in any state. */
  known: ReadonlySet<NodeId> = new Set();
  kids: ReadonlySet<Digest> = new Set();
  preferredKid?: Digest;
  #present?: Present;
  #effects: ElectionEffect[] = [];

  constructor({ self, rules, settings, memory: { head, lastVote } }: ElectionOptions) {
    this.self = self;
    this.rules = rules;
    this.settings = settings;
    this.certificate = head;
    this.head = head ? { term: head.term, id: head.id } : { term: 0, id: rules.genesis };
    this.lastVote = lastVote;
    this.terms = new OpenTerms(this.head, lastVote?.term ?? 0);
  }

  /** The present term: the one that the next certificate will have. */
  get term(): number {
    return this.terms.current;
  }

  /** The view without this node. */
  get others(): NodeId[] {
    return this.active.map((node) => node.id).filter((id) => id !== this.self);
  }

  /** Whether the certificate of the head holds for the present view. */
  get isRespected(): boolean {
    const { certificate, activeIds } = this;
    return certificate !== undefined && certificate.active.length === activeIds.size &&
      certificate.active.every((id) => activeIds.has(id));
  }

  /** Whether this node is in its view, and that has no certificate, and may have one: the function takes no larger view. */
  get isElecting(): boolean {
    return this.active.length <= ACTIVE_NODES_MAX && this.activeIds.has(this.self) &&
      !this.isRespected;
  }

  /** Who gathers the votes of the present term; the view must not be empty. */
  get collector(): NodeId {
    const present = this.#followed();
    return present.collector ??= this.rules.collector(
      present.prev,
      present.term,
      present.active.map((node) => node.id),
    );
  }

  /** The key that a proposal should name: that of the head goes on while this node has verified it. */
  get kid(): Digest | undefined {
    const current = this.certificate?.kid;
    return current !== undefined && this.kids.has(current) ? current : this.preferredKid;
  }

  /** Whether this node has given the present term up. */
  get hasGivenUp(): boolean {
    return this.terms.hasGivenUp(this.self);
  }

  /** The present view as a proposal for the present term. */
  proposalOf(kid: Digest): Proposal {
    return { term: this.term, prev: this.head.id, kid, active: this.active };
  }

  /** The digest of {@linkcode OpenContext.proposalOf}. */
  digestOf(kid: Digest): Digest {
    const { digests } = this.#followed();
    const held = digests.get(kid);
    if (held !== undefined) return held;
    const digest = this.rules.digest(this.proposalOf(kid));
    digests.set(kid, digest);
    return digest;
  }

  /** Sends to some members; nothing when there is nobody, or nothing to say. */
  send(to: readonly NodeId[], message: ElectionMessage): void {
    if (to.length === 0) return;
    if (message.kind === "gave-up" && message.statements.length === 0) return;
    this.emit({ type: "send", to, message });
  }

  /** Says something for the log. */
  note(note: ElectionNote): void {
    this.emit({ type: "note", note });
  }

  /** Adds an effect. */
  emit(effect: ElectionEffect): void {
    this.#effects.push(effect);
  }

  /** The effects since the last call, in order. */
  takeEffects(): ElectionEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #followed(): Present {
    const { term, active, head: { id: prev } } = this;
    const held = this.#present;
    if (held?.term === term && held.prev === prev && held.active === active) return held;
    return this.#present = { term, prev, active, digests: new Map() };
  }
}
