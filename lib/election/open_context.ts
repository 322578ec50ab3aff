/**
 * What the parts of one machine of an open cluster share: who it is and by which rules, what it holds (its state), and the list of
 * effects of the present step. The parts change the state; nothing here decides.
 *
 * What the whole list is looked at or hashed for is found once for each term, head and view, and only when somebody asks: at
 * every step of a large cluster that would be most of its work. The collector is the least by a hash of its own, so that who comes is
 * compared with the collector so far, and only when that one goes all are hashed again.
 */
import { ACTIVE_NODES_MAX } from "../../function/leader-election/rules.ts";
import type { Prng } from "../base/prng.ts";
import type { Digest, VerifiedCertificate, Vote } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { OpenTerms } from "./open_terms.ts";
import { OpenView, type ViewOutcome } from "./open_view.ts";
import type { ElectionSettings } from "./settings.ts";
import type {
  ElectionEffect,
  ElectionMessage,
  ElectionNote,
  GaveUp,
  Head,
  Proposal,
  ViewChange,
} from "./types.ts";

/** The rules and keys that the machine needs; deterministic, so that a run repeats from its inputs. */
export interface ElectionRules {
  readonly genesis: Digest;
  digest(proposal: Proposal): Digest;
  /** The least of them by a hash of each one alone. */
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

/** What follows from one term and head, for a view. */
interface Present {
  readonly term: number;
  readonly prev: Digest;
  /** Of the view that `digests` are of. */
  revision: number;
  /** Of the proposal of the view, by the enclave key in it: no more than the keys that this node has ever known. */
  readonly digests: Map<Digest, Digest>;
  /** The least of the view but for those who came since; absent when it is not known. */
  collector?: NodeId;
  readonly cameSince: Set<NodeId>;
}

/** The shared things of one node. */
export class OpenContext {
  readonly self: NodeId;
  readonly rules: ElectionRules;
  readonly settings: ElectionSettings;
  readonly terms: OpenTerms;
  readonly view = new OpenView();

  head: Head;
  /** Of the head; absent at the genesis. */
  certificate?: VerifiedCertificate;
  lastVote?: ElectionMemory["lastVote"];
  kids: ReadonlySet<Digest> = new Set();
  preferredKid?: Digest;
  #present?: Present;
  /** Whether the certificate of the head holds for the view, and for which of both that was found. */
  #respect?: {
    readonly certificate?: VerifiedCertificate;
    readonly revision: number;
    readonly isRespected: boolean;
  };
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
    return this.view.active.map((node) => node.id).filter((id) => id !== this.self);
  }

  /** Whether the certificate of the head holds for the present view. */
  get isRespected(): boolean {
    const { certificate, view, view: { revision } } = this;
    const held = this.#respect;
    if (held?.certificate === certificate && held?.revision === revision) return held.isRespected;
    const isRespected = certificate !== undefined && certificate.active.length === view.size &&
      certificate.active.every((id) => view.isActive(id));
    this.#respect = { certificate, revision, isRespected };
    return isRespected;
  }

  /** Whether the view has more nodes than the function takes: then there is no election, and no leader. */
  get isTooLarge(): boolean {
    return this.view.size > ACTIVE_NODES_MAX;
  }

  /** Whether this node is in its view, and that has no certificate, and may have one. */
  get isElecting(): boolean {
    return !this.isTooLarge && this.view.isActive(this.self) && !this.isRespected;
  }

  /** Takes changes of the view. */
  takeView(changes: readonly ViewChange[]): ViewOutcome {
    const outcome = this.view.take(changes);
    const present = this.#present;
    if (present?.collector === undefined) return outcome;
    const { entered, left } = outcome;
    for (const id of left) present.cameSince.delete(id);
    if (left.includes(present.collector)) this.#present = undefined;
    else for (const id of entered) present.cameSince.add(id);
    return outcome;
  }

  /** Who gathers the votes of the present term; the view must not be empty. */
  get collector(): NodeId {
    const present = this.#followed();
    const { term, prev, collector, cameSince } = present;
    if (collector !== undefined && cameSince.size === 0) return collector;
    const ids = collector === undefined
      ? this.view.active.map((node) => node.id)
      : [collector, ...cameSince];
    cameSince.clear();
    return present.collector = this.rules.collector(prev, term, ids);
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
    return { term: this.term, prev: this.head.id, kid, active: this.view.active };
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
    const { term, head: { id: prev }, view: { revision } } = this;
    const held = this.#present;
    if (held?.term !== term || held.prev !== prev) {
      return this.#present = { term, prev, revision, digests: new Map(), cameSince: new Set() };
    }
    if (held.revision !== revision) held.digests.clear();
    held.revision = revision;
    return held;
  }
}
