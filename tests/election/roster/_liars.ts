/** Nodes that do not keep to the protocol. Each wraps an honest core and changes what it sends and what it hears. */
import type { Digest } from "../../../lib/certificate/types.ts";
import type { LeaderProposal } from "../../../lib/election/roster/types.ts";
import { digestOf, signGaveUp, signVote, verified } from "./_rules.ts";
import type { Liar, Sent, World } from "./harness.ts";

/** All ways to lie, by name. */
export const LIARS: Readonly<Record<string, (id: string) => Liar>> = {
  equivocatingCollector,
  boundlessVoter,
  lyingAcker,
  withholder,
  termJumper,
  backwardVoter,
  stepDownForger,
  strayAcker,
  pretender,
  outOfTurn,
  choosyCollector,
  deafLeader,
  silent,
};

/** Shows one half of the others another proposal than the other half. */
export function equivocatingCollector(id: string): Liar {
  return {
    sends({ from, to, message }, world) {
      if (message.kind !== "proposal" || message.proposal.type !== "leader") {
        return [{ from, to, message }];
      }
      if (world.ids.indexOf(to) % 2 === 0) return [{ from, to, message }];
      const { proposal } = message;
      const left = proposal.active.filter((other) => other !== world.ids[0]);
      const other: LeaderProposal = { ...proposal, active: left };
      const vote = signVote(id, other.term, digestOf(other));
      return [{ from, to, message: { kind: "proposal", proposal: other, vote } }];
    },
    hears: () => true,
  };
}

/** Votes for whatever anybody proposes, at any time, promised or not. */
export function boundlessVoter(id: string): Liar {
  return {
    sends: (sent) => sent.message.kind === "refusal" ? [] : [sent],
    hears({ from, message }, world) {
      if (message.kind === "proposal") {
        const digest = digestOf(message.proposal);
        const { term } = message.proposal;
        const vote = signVote(id, term, digest);
        world.deliver({ from: id, to: from, message: { kind: "vote", term, digest, vote } });
        return false;
      }
      return true;
    },
  };
}

/** Acks every heartbeat of everybody and keeps none of the promises. */
export function lyingAcker(id: string): Liar {
  return {
    sends: (sent) => [sent],
    hears({ from, message }, world) {
      if (message.kind !== "heartbeat") return true;
      const { certificateId, nonce } = message.heartbeat;
      const ack = { certificateId, nonce, voter: id, signature: id };
      world.deliver({ from: id, to: from, message: { kind: "lease-ack", ack } });
      return false;
    },
  };
}

/** Keeps the certificates that it collected for itself, and shows them to one node when it is late. */
export function withholder(_id: string): Liar {
  return {
    sends(sent, world) {
      if (sent.message.kind !== "certificate") return [sent];
      if (world.prng.below(4) === 0) {
        world.at(world.nowMs + 300 + world.prng.below(2_000), () => world.deliver(sent));
      }
      return [];
    },
    hears: () => true,
  };
}

/** Gives up every term, present and future. */
export function termJumper(id: string): Liar {
  return {
    sends(sent, world) {
      const { head, term } = world.node(id).election;
      const ahead = term + world.prng.below(50);
      const statements = [signGaveUp(id, head.id, ahead)];
      const jump: Sent = { ...sent, message: { kind: "gave-up", statements } };
      return world.prng.below(4) === 0 ? [sent, jump] : [sent];
    },
    hears: () => true,
  };
}

/** Votes again for the proposals of the past. */
export function backwardVoter(id: string): Liar {
  const seen: Sent[] = [];
  return {
    sends: (sent) => [sent],
    hears(sent, world) {
      if (sent.message.kind !== "proposal") return true;
      if (seen.length < 50) seen.push(sent);
      const { from, message } = seen[world.prng.below(seen.length)];
      if (message.kind !== "proposal") return true;
      const { term } = message.proposal;
      const digest = digestOf(message.proposal);
      const vote = signVote(id, term, digest);
      world.deliver({ from: id, to: from, message: { kind: "vote", term, digest, vote } });
      return true;
    },
  };
}

/** Says that it steps down from certificates by which others lead. */
export function stepDownForger(id: string): Liar {
  return {
    sends(sent, world) {
      const certificateId = world.node(id).election.head.id;
      const stepDown = { certificateId, leader: id, signature: id };
      const forged = { ...sent, message: { kind: "step-down", stepDown } } as const;
      return world.node(id).election.headCertificate?.leader === id ? [sent] : [sent, forged];
    },
    hears: () => true,
  };
}

/** Acks the last certificate but one in place of the present one. */
export function strayAcker(id: string): Liar {
  return {
    sends(sent, world) {
      if (sent.message.kind !== "lease-ack") return [sent];
      const { prev } = world.node(id).election.headCertificate?.proposal ?? {};
      if (prev === undefined) return [sent];
      return [{
        ...sent,
        message: { kind: "lease-ack", ack: { ...sent.message.ack, certificateId: prev } },
      }];
    },
    hears: () => true,
  };
}

/** Sends heartbeats under certificates by which others lead. */
export function pretender(id: string): Liar {
  let sequence = 0;
  return {
    sends(sent, world) {
      const certificateId = world.node(id).election.head.id;
      const nonce = `${world.prng.uint32()}`;
      const heartbeat = {
        certificateId,
        nonce,
        incarnation: 99,
        sequence: ++sequence,
        signature: id,
      };
      const forged: Sent = { ...sent, message: { kind: "heartbeat", heartbeat } };
      return world.prng.below(3) === 0 ? [sent, forged] : [sent];
    },
    hears: () => true,
  };
}

/** Proposes in every term, whoever collects. */
export function outOfTurn(id: string): Liar {
  return {
    sends: (sent) => [sent],
    hears({ message }, world) {
      if (message.kind !== "proposal") return true;
      const { proposal } = message;
      const vote = signVote(id, proposal.term, digestOf(proposal));
      for (const to of world.ids) {
        if (to !== id) {
          world.deliver({ from: id, to, message: { kind: "proposal", proposal, vote } });
        }
      }
      return true;
    },
  };
}

/** Collects only the votes that it likes: those of the first half of the others. */
export function choosyCollector(id: string): Liar {
  return {
    sends: (sent) => [sent],
    hears: ({ from, message }, world) =>
      message.kind !== "vote" || world.ids.filter((other) => other !== id).indexOf(from) % 2 === 0,
  };
}

/** Leads without hearing whether anybody follows. */
export function deafLeader(_id: string): Liar {
  return {
    sends: (sent) => [sent],
    hears: ({ message }) => message.kind !== "lease-ack" && message.kind !== "ack-refusal",
  };
}

/** Hears everything and says nothing. */
export function silent(_id: string): Liar {
  return { sends: () => [], hears: () => true };
}

/**
 * Wants its own kind to lead, and does what could be of use: withholds every certificate by which somebody else leads, keeps its votes from
 * others' proposals now and then, lists a leader of its kind once more, and tries to leave out nodes that are there: those that win, as
 * its friends know by the certificates that they withheld (`winners`, by what these follow). Not among {@linkcode LIARS}: those are
 * drawn by name alone.
 */
export function aimer(
  id: string,
  kind: ReadonlySet<string>,
  winners: Map<Digest, Set<string>>,
): Liar {
  const own = (proposal: LeaderProposal): LeaderProposal => {
    const { active, incumbent } = proposal;
    const again = incumbent !== undefined && kind.has(incumbent) && !active.includes(incumbent);
    return again ? { ...proposal, active: [...active, incumbent].sort() } : proposal;
  };
  return {
    sends(sent, world) {
      const { message } = sent;
      if (message.kind === "certificate") {
        const { leader, proposal: { prev } } = verified(message.document);
        if (leader !== undefined && kind.has(leader)) return [sent];
        winners.set(prev, (winners.get(prev) ?? new Set()).add(leader ?? ""));
        return [];
      }
      if (message.kind === "vote" && !kind.has(sent.to)) {
        return world.prng.below(4) === 0 ? [] : [sent];
      }
      if (message.kind !== "proposal" || message.proposal.type !== "leader") return [sent];
      let proposal = own(message.proposal);
      const others = proposal.active.filter((other) => !kind.has(other));
      const victims = winners.get(proposal.prev) ??
        new Set(world.prng.below(4) === 0 ? [others[world.prng.below(others.length)]] : []);
      proposal = { ...proposal, active: proposal.active.filter((other) => !victims.has(other)) };
      const vote = signVote(id, proposal.term, digestOf(proposal));
      return [{ ...sent, message: { kind: "proposal", proposal, vote } }];
    },
    // Its core would stop for good on seeing what it signed besides.
    hears: ({ message }) =>
      message.kind !== "evidence" && !(message.kind === "gave-up" && message.seen?.vote.key === id),
  };
}

/** Accuses these nodes in everybody's view. */
export function accuse(world: World, accuser: string, accused: readonly string[]): void {
  for (const id of accused) {
    const accusers = world.accused.get(id) ?? new Set();
    world.accused.set(id, accusers.add(accuser));
  }
}
