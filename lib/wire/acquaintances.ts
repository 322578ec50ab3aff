/**
 * Who knows whose key: with whom this node may be brief (`envelope.ts`). A datagram that leaves the sender's key out saves a fifth of what
 * a probe weighs; whoever lacks the key cannot read it, so it is sent only to those who said that they have it.
 *
 * A node that lost its memory, or forgot this one, may still be spoken to briefly. So a brief ping that nothing was heard after is followed by a
 * full one: at most one is wasted, and the others whom a failed probe asks for help are no worse off.
 */
import { MEMBERS_MAX } from "../membership/limits.ts";
import type { NodeId } from "../membership/types.ts";
import { type EnvelopeForm, FULL_FORM, type KnownSender, TAG_CHARACTERS } from "./envelope.ts";

/** Keys remembered: the members, and as many that an earlier run knew. Some 300 bytes each. */
export const ACQUAINTANCES_MAX = 2 * MEMBERS_MAX;

/** The acquaintances of one node. */
export interface Acquaintances {
  /** From now on this node understands that sender when it is brief. Beyond the maximum nobody is added: they stay with full envelopes. */
  know(id: NodeId, key: Uint8Array): void;
  forget(id: NodeId): void;
  /** The sender whose id begins so. */
  senderOf(tag: string): KnownSender | undefined;
  /** A proven datagram of theirs; `knowsThisNode` is what it said. */
  heard(id: NodeId, knowsThisNode: boolean): void;
  /** How to write to them. `awaitsAnswer` for what they are to answer. */
  formFor(id: NodeId | undefined, awaitsAnswer: boolean): EnvelopeForm;
  size(): number;
}

interface Acquaintance extends KnownSender {
  knowsThisNode: boolean;
  /** A brief datagram that wants an answer is under way. */
  isAwaited: boolean;
}

/** Nobody yet. */
export function createAcquaintances(): Acquaintances {
  const byTag = new Map<string, Acquaintance>();
  const find = (id: NodeId) => {
    const found = byTag.get(tagOf(id));
    return found?.id === id ? found : undefined;
  };
  return {
    know(id, key) {
      const tag = tagOf(id);
      if (byTag.has(tag) || byTag.size >= ACQUAINTANCES_MAX) return;
      byTag.set(tag, { id, key, knowsThisNode: false, isAwaited: false });
    },
    forget(id) {
      if (find(id)) byTag.delete(tagOf(id));
    },
    senderOf: (tag) => byTag.get(tag),
    heard(id, knowsThisNode) {
      const known = find(id);
      if (!known) return;
      known.knowsThisNode = knowsThisNode;
      known.isAwaited = false;
    },
    formFor(id, awaitsAnswer) {
      const known = id === undefined ? undefined : find(id);
      if (!known) return FULL_FORM;
      const isBrief = known.knowsThisNode && !(awaitsAnswer && known.isAwaited);
      if (awaitsAnswer) known.isAwaited = isBrief;
      return { isBrief, knowsRecipient: true };
    },
    size: () => byTag.size,
  };
}

function tagOf(id: NodeId): string {
  return id.slice(0, TAG_CHARACTERS);
}
