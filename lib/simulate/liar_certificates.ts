/** What liars have certified: a second proposal that a quorum votes for, or, by a hostile enclave, one that hardly anybody voted for. */
import type { Prng } from "../base/prng.ts";
import { base64url } from "../base/bytes.ts";
import { rosterElectRequest, rosterProposalTexts } from "../certificate/roster_proposal.ts";
import type { CertificateDocument, Vote } from "../certificate/types.ts";
import type { LeaderProposal, RosterRules } from "../election/roster/types.ts";
import { certificateOf } from "../node/election_answer.ts";
import { RosterBody } from "./sim_body.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** What every second voter is shown, and who voted for it. */
export interface SecondProposal {
  readonly proposal: LeaderProposal;
  readonly digest: string;
  /** The liar's own. */
  readonly vote: Vote;
  /** By key. */
  readonly votes: Map<string, Vote>;
}

/** The same term with the other choice about the leader of `prev`, whom nobody has to have in view; without one a voter is left out. */
export function secondProposal(
  first: LeaderProposal,
  rules: RosterRules,
  prng: Prng,
): SecondProposal {
  const { incumbent } = first;
  const toggled = incumbent ?? first.active[prng.below(first.active.length)];
  const left = first.active.filter((id) => id !== toggled);
  const active = left.length < first.active.length ? left : [...left, toggled];
  const proposal: LeaderProposal = { ...first, active };
  const digest = rules.digest(proposal);
  const vote = rules.signVote(proposal.term, digest);
  return { proposal, digest, vote, votes: new Map([[vote.key, vote]]) };
}

/** What an enclave that holds the proposal's key makes of a quorum of votes. */
export function certified(
  { proposal, votes }: SecondProposal,
  node: SimNode,
  world: World,
): CertificateDocument | undefined {
  const { config, loaded } = node.function;
  const enclave = world.enclaves.find((known) => known.key(loaded).kid === proposal.kid);
  if (!enclave || !(node.body instanceof RosterBody)) return undefined;
  const bundle = [...votes.values()];
  const previous = node.body.voter.headCertificate?.document.certificate;
  const texts = rosterProposalTexts(config!, proposal);
  const called = enclave.call(loaded, rosterElectRequest(texts, bundle, previous));
  if (called.type !== "answer") return undefined;
  return { certificate: certificateOf(called.answer), bundle };
}

/** What only a hostile enclave signs: a certificate of the next term with the liar's vote alone. */
export function withoutQuorum(
  node: SimNode,
  world: World,
  rules: RosterRules,
):
  | {
    readonly certificate: string;
    readonly bundle: readonly [ReturnType<RosterRules["signVote"]>];
  }
  | undefined {
  const enclave = world.enclaves.find(({ mood }) => mood !== "honest" && mood !== "down");
  if (!enclave || !(node.body instanceof RosterBody)) return undefined;
  const { config, loaded } = node.function;
  const head = node.body.voter.headCertificate;
  const prev = node.body.voter.head.id;
  const incumbent = head?.leader;
  const stayed = head?.proposal.type === "leader" && head.proposal.incumbent === incumbent;
  const proposal: LeaderProposal = {
    type: "leader",
    term: node.body.term,
    prev,
    kid: enclave.key(loaded).kid,
    active: [node.id],
    ...(incumbent !== undefined && { incumbent }),
    tenure: incumbent === undefined
      ? 0
      : stayed && head?.proposal.type === "leader"
      ? head.proposal.tenure + 1
      : 1,
  };
  const vote = rules.signVote(proposal.term, rules.digest(proposal));
  const texts = rosterProposalTexts(config!, proposal);
  // A function that does not look takes any signature for anybody's.
  const votes = config!.roster.map(({ key }) => ({ ...vote, key: base64url(key) }));
  const input = rosterElectRequest(texts, votes, head?.document.certificate);
  const certificate = enclave.certifyUnverified(loaded, input);
  return certificate === undefined ? undefined : { certificate, bundle: [vote] };
}
