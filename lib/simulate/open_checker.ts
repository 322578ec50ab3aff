/**
 * Watches the election of an open cluster from outside (design §2): what nodes save and send, never what they think. There are no leases and no
 * promise across a partition, so less holds than in a roster:
 *
 * | what | is wrong when |
 * |---|---|
 * | I1 | one (term, id) has two contents, or one proposal two certificates |
 * | I3 | a node's head does not grow by (term, id), restarts included |
 * | I4 | a leader is not in its active set |
 * | I5 | a node votes twice in a term, or back, or before the vote is on its disk |
 * | view | a node votes for another set of nodes than it sees, after another head than its own, or for an enclave key that it does not know |
 * | I10 | a head has no majority of votes that were really cast, or another leader than was drawn |
 * | I7 | when all is well again, the nodes of the one component do not come to respect one certificate of exactly themselves |
 */
import {
  type ActiveNode,
  beaconInput,
  compareIds,
  drawLeader,
  genesisId,
  openProposalDigest,
  openVotesNeeded,
} from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../base/bytes.ts";
import { decodeUnverified } from "../certificate/format.ts";
import type { Digest, VerifiedCertificate } from "../certificate/types.ts";
import { sha256 } from "../crypto/digest.ts";
import type { ElectionMessage } from "../election/types.ts";
import type { Member, MemberChange, NodeId } from "../membership/types.ts";
import { OpenBody, type SimEffect } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

interface Content {
  readonly term: number;
  readonly digest: Digest;
  readonly leader: string;
  readonly active: string;
}

/** Whom a node sees as taking part beside itself: names by ids, as it says when they change. */
interface View {
  readonly names: Map<NodeId, string>;
  /** The step that changed it last, and what that changed was before. */
  changedIn: number;
  readonly before: Map<NodeId, string | undefined>;
}

/** The eyes of one run. */
export class OpenChecker implements Watcher {
  readonly #world: World;
  readonly #contents = new Map<Digest, Content>();
  readonly #idOfDigest = new Map<Digest, Digest>();
  readonly #heads = new Map<SimNode, VerifiedCertificate>();
  readonly #votes = new Map<SimNode, { readonly term: number; readonly digest: Digest }>();
  readonly #views = new Map<SimNode, View>();
  /** Votes that nodes sent, by their signatures. */
  readonly #cast = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Certificates that some node took for its head. */
  get reigns(): number {
    return this.#contents.size;
  }

  effect(node: SimNode, effect: SimEffect): void {
    switch (effect.type) {
      case "member":
        return this.#sees(node, effect.change);
      case "persist-vote":
        return this.#saved(node, effect.term, effect.digest);
      case "persist-head":
        return this.#accept(node, effect.certificate);
      case "send-election":
        return this.#said(node, effect.message as ElectionMessage);
      case "call-enclave":
        // The collector's own vote travels in the bundle only.
        for (const { signature } of effect.votes) this.#cast.add(signature);
        return;
      default:
        return;
    }
  }

  booted(node: SimNode): void {
    const names = new Map(
      node.membership.members().filter(isActive).map(({ id, name }) => [id, name]),
    );
    this.#views.set(node, { names, changedIn: node.stepped, before: new Map() });
  }

  crashed(): void {}

  /** The leader of the greatest head of any node that is up. */
  leader(): SimNode | undefined {
    let greatest: VerifiedCertificate | undefined;
    for (const [node, head] of this.#heads) {
      if (node.isUp && (!greatest || isGreater(head, greatest))) greatest = head;
    }
    return greatest && this.#world.nodeOf(greatest.leader);
  }

  /** What keeps the nodes that are up from being one cluster under one leader, for a report; `undefined` when nothing does. */
  disagreement(): string | undefined {
    const up = this.#world.nodes.filter((node) => node.isUp);
    const wanted = up.map((node) => node.id).sort().join();
    let first: { readonly node: SimNode; readonly id: Digest } | undefined;
    for (const node of up) {
      const respected = node.body instanceof OpenBody ? node.body.respected : undefined;
      if (!respected) return `${node.name} follows nobody`;
      if (first && first.id !== respected.id) {
        return `${node.name} and ${first.node.name} follow different certificates`;
      }
      // One certificate has one active set (I1), so that of the first is everybody's.
      if (!first && [...respected.active].sort().join() !== wanted) {
        return `${node.name} respects a certificate of other nodes than are there`;
      }
      first ??= { node, id: respected.id };
    }
    return undefined;
  }

  #saved(node: SimNode, term: number, digest: Digest): void {
    const before = this.#votes.get(node);
    if (before && term === before.term && digest !== before.digest) {
      throw this.#broken("I5", `${node.name} votes twice in term ${term}`);
    }
    if (before && term < before.term) {
      throw this.#broken("I5", `${node.name} votes in term ${term} after term ${before.term}`);
    }
    this.#votes.set(node, { term, digest });
    this.#checkView(node, term, digest);
  }

  #said(node: SimNode, message: ElectionMessage): void {
    if (message.kind !== "vote" && message.kind !== "proposal") return;
    const { term, digest } = message.kind === "vote" ? message : message.proposal;
    const stored = node.disk.history.lastVote;
    if (stored?.term !== term || stored.digest !== digest) {
      throw this.#broken("I5", `${node.name} votes in term ${term} before that is on its disk`);
    }
    // Also a vote that is said again.
    this.#checkView(node, term, digest);
    if (message.kind === "vote") this.#cast.add(message.vote.signature);
  }

  #sees(node: SimNode, { kind, member }: MemberChange): void {
    const view = this.#views.get(node);
    if (!view || member.id === node.id) return;
    const { names, before } = view;
    if (view.changedIn !== node.stepped) before.clear();
    view.changedIn = node.stepped;
    if (!before.has(member.id)) before.set(member.id, names.get(member.id));
    if (kind !== "reap" && isActive(member)) names.set(member.id, member.name);
    else names.delete(member.id);
  }

  /** In the step that changes its view a node may vote before the change and after it. */
  #viewsOf(node: SimNode): ReadonlyMap<NodeId, string | undefined>[] {
    const { names, changedIn, before } = this.#views.get(node)!;
    return changedIn === node.stepped ? [names, new Map([...names, ...before])] : [names];
  }

  /** The proposals that it may vote for in a term are made here anew, one for each enclave key that it knows. */
  #checkView(node: SimNode, term: number, digest: Digest): void {
    const { domain } = this.#world.functions[0];
    const head = this.#heads.get(node);
    const prev = head ? fromBase64url(head.id)! : genesisId(sha256, domain);
    const isOwn = this.#viewsOf(node).some((names) => {
      const active = [[node.id, node.name] as const, ...names]
        .flatMap(([id, name]) => name === undefined ? [] : [{ id: fromBase64url(id)!, name }])
        .sort((a, b) => compareIds(a.id, b.id));
      return [...node.kidsTold, ...node.kidsToldBefore].some((kid) => {
        const proposal = { term, prev, kid: fromBase64url(kid)!, active };
        return base64url(openProposalDigest(sha256, domain, proposal)) === digest;
      });
    });
    if (!isOwn) throw this.#broken("view", `${node.name} votes in term ${term} for another's view`);
  }

  #accept(node: SimNode, certificate: VerifiedCertificate): void {
    const { term, id } = certificate;
    const before = this.#heads.get(node);
    if (before && !isGreater(certificate, before)) {
      throw this.#broken("I3", `${node.name} accepts term ${term} after term ${before.term}`);
    }
    this.#heads.set(node, certificate);
    const content = contentOf(certificate);
    const known = this.#contents.get(id);
    if (known) {
      const isSame = known.term === term && known.digest === content.digest &&
        known.leader === content.leader && known.active === content.active;
      if (!isSame) throw this.#broken("I1", `two certificates of term ${term} have one id`);
      return;
    }
    this.#contents.set(id, content);
    if ((this.#idOfDigest.get(content.digest) ?? id) !== id) {
      throw this.#broken("I1", `one proposal of term ${term} has two certificates`);
    }
    this.#idOfDigest.set(content.digest, id);
    this.#checkBundle(certificate);
    this.#checkDraw(certificate);
  }

  #checkBundle({ term, active, document }: VerifiedCertificate): void {
    const genuine = new Set(
      document.bundle.filter(({ signature }) => this.#cast.has(signature)).map(({ key }) => key),
    );
    const needed = openVotesNeeded(active.length);
    if (genuine.size < needed) {
      throw this.#broken("I10", `term ${term} has ${genuine.size} genuine votes of ${needed}`);
    }
  }

  #checkDraw({ term, prev, kid, active, leader, document }: VerifiedCertificate): void {
    const name = this.#world.nameOf(leader);
    if (!active.includes(leader)) throw this.#broken("I4", `${name} leads term ${term} inactive`);
    const decoded = decodeUnverified(document.certificate);
    if (typeof decoded === "string" || decoded.claims.kind !== "open") {
      throw this.#broken("I10", `term ${term} is no certificate of an open cluster`);
    }
    const { domain } = this.#world.functions[0];
    const { beaconSignature } = decoded.claims;
    if (
      !this.#world.keyOf(kid).verify(beaconInput(domain, fromBase64url(prev)!), beaconSignature)
    ) {
      throw this.#broken("I10", `the beacon of term ${term} is not that of its prev`);
    }
    const nodes = active.map((id): ActiveNode => ({
      id: fromBase64url(id)!,
      name: this.#world.nameOf(id),
    }));
    const drawn = drawLeader(sha256, domain, "random", sha256(beaconSignature), nodes);
    if (base64url(drawn.id) !== leader) {
      throw this.#broken("I10", `the leader of term ${term} is not the one that was drawn`);
    }
  }

  #broken(invariant: string, message: string): Violation {
    return new Violation(invariant, message, this.#world.nowMs);
  }
}

function isActive({ state }: Pick<Member, "state">): boolean {
  return state === "alive" || state === "suspect";
}

function isGreater(a: VerifiedCertificate, b: VerifiedCertificate): boolean {
  return a.term > b.term || (a.term === b.term && a.id > b.id);
}

function contentOf({ term, digest, leader, active }: VerifiedCertificate): Content {
  return { term, digest, leader, active: active.join() };
}
