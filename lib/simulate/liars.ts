/**
 * Nodes that do not keep to the protocol. Each is an honest node with a mouth and ears of its own: what the core would say goes through
 * `says`, what comes in through `hears`. It signs with its own key only; everything it says is encoded, and opened by the same door as
 * a stranger's.
 */
import type { Prng } from "../base/prng.ts";
import { base64url } from "../base/bytes.ts";
import type {
  RosterMessage,
  RosterProposal,
  RosterRules,
  StepDown,
} from "../election/roster/types.ts";
import type { GossipMessage } from "../membership/types.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import type { Lie } from "./faults.ts";
import {
  certified,
  type SecondProposal,
  secondProposal,
  withoutQuorum,
} from "./liar_certificates.ts";
import { simulatedRules } from "./identities.ts";
import { RosterBody } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** A message and the place it goes to. */
export interface Said {
  readonly to: number;
  readonly message: RosterMessage;
}

/** The mouth and the ears. */
export interface Liar {
  readonly lie: Lie;
  /** What it sends instead. */
  says(message: RosterMessage, to: number): readonly Said[];
  /** What it gossips instead. */
  gossips(message: GossipMessage): GossipMessage;
  /** Whether its core is to hear of it. */
  hears(message: { readonly kind: string }, from: number): boolean;
  /** The living enclave keys that its core is told of, of those there are. */
  knows(kids: readonly string[]): readonly string[];
}

/** Proposals that are remembered for votes back in time. */
const PROPOSALS_MAX = 50;
/** Step-downs that are remembered for saying them again. */
const STEP_DOWNS_MAX = 8;
/** One in so many messages carries a lie, where a lie in each would drown the rest. */
const ONE_IN = 8;

/** Makes a node a liar. */
export function liarOf(lie: Lie, node: SimNode, world: World, prng: Prng): Liar {
  const { domain, config, collectors, digests } = node.function;
  const rules = simulatedRules(node.identity, domain, config!, {
    prng,
    collectors,
    digests,
    signs: true,
  });
  const liar: Liar = {
    lie,
    says: (message, to) => [{ to, message }],
    gossips: (message) => message,
    hears: () => true,
    knows: (kids) => kids,
  };
  return { ...liar, ...HABITS[lie]({ node, world, prng, rules }) };
}

interface Character {
  readonly node: SimNode;
  readonly world: World;
  readonly prng: Prng;
  readonly rules: RosterRules;
}

const HABITS: Readonly<Record<Lie, (character: Character) => Partial<Liar>>> = {
  "two-proposals": ({ node, world, prng, rules }) => {
    let other: SecondProposal | undefined;
    return {
      says(message, to) {
        if (message.kind !== "proposal" || message.proposal.type !== "leader" || to % 2 === 0) {
          return [{ to, message }];
        }
        const { proposal } = message;
        if (other?.proposal.term !== proposal.term || other.proposal.prev !== proposal.prev) {
          other = secondProposal(proposal, rules, prng);
        }
        const { vote } = other;
        return [{ to, message: { kind: "proposal", proposal: other.proposal, vote } }];
      },
      hears(message) {
        const said = message as RosterMessage;
        if (said.kind !== "vote" || said.digest !== other?.digest) return true;
        other.votes.set(said.vote.key, said.vote);
        if (other.votes.size !== rosterOf(node.function.config!).votesNeeded) return false;
        const document = certified(other, node, world);
        if (document) sayToOthers(node, world, { kind: "certificate", document });
        return false;
      },
    };
  },

  "votes-for-all": ({ node, rules }) => ({
    says: (message, to) => message.kind === "refusal" ? [] : [{ to, message }],
    hears(message, from) {
      const said = message as RosterMessage;
      if (said.kind !== "proposal") return true;
      voteFor(said.proposal, from, node, rules);
      return false;
    },
  }),

  "acks-all": ({ node, rules }) => ({
    hears(message, from) {
      const said = message as RosterMessage;
      if (said.kind !== "heartbeat") return true;
      const { certificateId, nonce } = said.heartbeat;
      node.mouth.send(from, { kind: "lease-ack", ack: rules.signAck(certificateId, nonce) });
      return false;
    },
  }),

  "withholds": ({ node, world, prng }) => ({
    says(message, to) {
      if (message.kind !== "certificate") return [{ to, message }];
      if (prng.below(4) === 0) {
        world.at(world.nowMs + 300 + prng.below(2_000), () => node.mouth.send(to, message));
      }
      return [];
    },
  }),

  "jumps-terms": ({ node, prng, rules }) => ({
    says(message, to) {
      if (prng.below(ONE_IN) > 0) return [{ to, message }];
      const ahead = node.body.term + prng.below(50);
      const statements = [rules.signGaveUp(headIdOf(node), ahead)];
      return [{ to, message }, { to, message: { kind: "gave-up", statements } }];
    },
  }),

  "votes-back": ({ node, prng, rules }) => {
    const seen: { readonly from: number; readonly term: number; readonly digest: string }[] = [];
    return {
      hears(message, from) {
        const said = message as RosterMessage;
        if (said.kind !== "proposal") return true;
        const { term } = said.proposal;
        if (seen.length < PROPOSALS_MAX) {
          seen.push({ from, term, digest: rules.digest(said.proposal) });
        }
        const old = seen[prng.below(seen.length)];
        const vote = rules.signVote(old.term, old.digest);
        node.mouth.send(old.from, { kind: "vote", term: old.term, digest: old.digest, vote });
        return true;
      },
    };
  },

  "forges-step-downs": ({ node, prng, rules }) => ({
    says(message, to) {
      if (prng.below(ONE_IN) > 0) return [{ to, message }];
      const certificateId = headIdOf(node);
      const { roster } = node.function.config!;
      const leader = roster[prng.below(roster.length)];
      const own = rules.signStepDown(certificateId);
      // Its own signature under another's name, or its own name for a certificate of somebody else.
      const stepDown = prng.below(2) === 0 ? own : { ...own, leader: base64url(leader.id) };
      const isLeader = node.body instanceof RosterBody &&
        node.body.voter.headCertificate?.leader === node.id;
      return isLeader
        ? [{ to, message }]
        : [{ to, message }, { to, message: { kind: "step-down", stepDown } }];
    },
  }),

  "silent": () => ({ says: () => [] }),

  "accuses": ({ node, world, prng }) => ({
    gossips(message) {
      if (prng.below(ONE_IN) > 0 || message.claims.length > 2) return message;
      const other = world.nodes[prng.below(world.nodes.length)];
      const member = node.membership.member(other.id);
      if (!member) return message;
      const type = prng.below(2) === 0 ? "dead" : "suspect";
      const { incarnation } = member;
      const claim = node.mailbox.signClaim({ type, subject: other.id, incarnation });
      return { ...message, claims: [...message.claims, claim] };
    },
  }),

  // The harness takes its memory away whenever it starts.
  "amnesia": () => ({}),

  "colludes": ({ node, world, prng, rules }) => ({
    says(message, to) {
      if (prng.below(ONE_IN) > 0) return [{ to, message }];
      const document = withoutQuorum(node, world, rules);
      return document
        ? [{ to, message }, { to, message: { kind: "certificate", document } }]
        : [{ to, message }];
    },
  }),

  "usurps": ({ node, world, rules }) => ({
    hears(message, from) {
      const said = message as RosterMessage;
      if (said.kind !== "proposal") return true;
      const { proposal } = said;
      // Two of them that answered each other would never end.
      const collector = rules.collector(proposal.prev, proposal.term);
      if (world.nodes[from].id !== collector) return true;
      const vote = rules.signVote(proposal.term, rules.digest(proposal));
      sayToOthers(node, world, { kind: "proposal", proposal, vote });
      return true;
    },
  }),

  // Its core is honest about what it takes for the only key that lives: never that of its head, while there is another.
  "changes-keys": ({ node }) => {
    /** The key that its core was made to hold for gone. */
    let denied: string | undefined;
    return {
      knows(kids) {
        denied = headKidOf(node);
        const others = kids.filter((kid) => kid !== denied);
        return others.length > 0 ? others.slice(-1) : kids;
      },
      hears() {
        if (headKidOf(node) !== denied) node.tellKeys();
        return true;
      },
    };
  },

  "acks-others": ({ node, rules }) => ({
    hears(message, from) {
      const said = message as RosterMessage;
      if (said.kind !== "heartbeat") return true;
      const head = node.body instanceof RosterBody ? node.body.voter.headCertificate : undefined;
      if (!head) return true;
      const ack = rules.signAck(head.proposal.prev, said.heartbeat.nonce);
      node.mouth.send(from, { kind: "lease-ack", ack });
      return false;
    },
  }),

  "repeats-step-downs": ({ node, world, rules }) => {
    const known: StepDown[] = [];
    const head = () =>
      node.body instanceof RosterBody ? node.body.voter.headCertificate : undefined;
    const lies = () => {
      const { prev } = head()?.proposal ?? {};
      return prev === undefined ? known : [...known, rules.signStepDown(prev)];
    };
    /** Who led when it asked for votes last. */
    let replaced: string | undefined;
    return {
      says(message, to) {
        // Who leads is to be the last to hear that somebody else does.
        if (message.kind === "certificate" && world.nodes[to].id === replaced) return [];
        if (message.kind !== "proposal") return [{ to, message }];
        replaced = head()?.leader;
        const released = lies().map((stepDown): Said => ({
          to,
          message: { kind: "step-down", stepDown },
        }));
        return [...released, { to, message }];
      },
      hears(message, from) {
        const said = message as RosterMessage;
        if (said.kind === "step-down" && known.push(said.stepDown) > STEP_DOWNS_MAX) known.shift();
        if (said.kind !== "heartbeat") return true;
        for (const stepDown of lies()) {
          sayToOthers(node, world, { kind: "step-down", stepDown });
        }
        // The leader keeps its lease by this ack, while this core holds it for silent and is bound by nothing: so it asks for votes when that is its
        // turn, and gives its own to whoever asks.
        const { certificateId, nonce } = said.heartbeat;
        node.mouth.send(from, { kind: "lease-ack", ack: rules.signAck(certificateId, nonce) });
        return false;
      },
    };
  },
};

function voteFor(
  proposal: RosterProposal,
  collector: number,
  node: SimNode,
  rules: RosterRules,
): void {
  const { term } = proposal;
  const digest = rules.digest(proposal);
  node.mouth.send(collector, { kind: "vote", term, digest, vote: rules.signVote(term, digest) });
}

function sayToOthers(node: SimNode, world: World, message: RosterMessage): void {
  for (const { place } of world.nodes) if (place !== node.place) node.mouth.send(place, message);
}

function headKidOf(node: SimNode): string | undefined {
  return node.body instanceof RosterBody
    ? node.body.voter.headCertificate?.proposal.kid
    : undefined;
}

function headIdOf(node: SimNode): string {
  return node.body instanceof RosterBody ? node.body.voter.head.id : "";
}
