/** Liars who sign two things in one term (design §4.10): their own signatures name them to every honest node, which keep them; nothing else breaks. */
import { ok } from "node:assert";
import { doubleVoter } from "../../lib/cli/demo/double_voter.ts";
import type { LeaderProposal } from "../../lib/election/roster/types.ts";
import type { Said } from "../node/_cluster.ts";
import { LiarsCluster } from "./_liar.ts";

/** Whether this line names a liar by its own votes. */
function names(liar: string) {
  return ({ event, fields }: Said) =>
    event === "fork-evidence" && (fields.evidence as { liar?: string }).liar === liar;
}

/** Every honest node has logged the liar anew, and can show the proof. */
async function isCaught(cluster: LiarsCluster, from: readonly number[], pieces: number) {
  await cluster.allSay("the name of the liar", names(cluster.liar.node.id), [...from]);
  for (const { node } of cluster.honest) {
    // The draw may make it collect twice before the others agree, and then it has lied twice.
    ok(node.evidence.length >= pieces);
    ok(node.evidence.every((one) => one.type === "votes" && one.liar === cluster.liar.node.id));
  }
}

Deno.test("a collector that shows the others different proposals is named by all honest nodes, with proof", async () => {
  await using cluster = await LiarsCluster.start(4, 1);
  const { script, rules, honest, observer } = cluster;

  await cluster.untilLiarCollects();
  const from = cluster.marks(honest);
  const [odd] = honest;
  script.sends = (message, to) => {
    if (message.kind !== "proposal" || message.proposal.type !== "leader") return [message];
    if (to === odd.node.id) return [message];
    const { proposal } = message;
    const active = proposal.active.filter((id) => id !== odd.node.id);
    const other: LeaderProposal = { ...proposal, active };
    const vote = rules.signVote(other.term, rules.digest(other));
    return [{ kind: "proposal", proposal: other, vote }];
  };
  await cluster.electUntilSaid(names(cluster.liar.node.id), from, "some");
  await isCaught(cluster, from, 1);
  observer.check();
});

Deno.test("a voter that votes twice is named by all honest nodes, with proof", async () => {
  await using cluster = await LiarsCluster.start(4, 1);
  const { script, honest, observer } = cluster;
  const from = cluster.marks(honest);
  const { checksum } = cluster.world.enclave;
  script.sends = doubleVoter(cluster.identity, { checksum, cluster: "test" }).sends;
  await cluster.electUntilSaid(names(cluster.liar.node.id), from, "some");
  await isCaught(cluster, from, 1);
  observer.check();
});

Deno.test("who votes back in a term that is over is named by its vote in the certificate of that term", async () => {
  await using cluster = await LiarsCluster.start(4, 1);
  const { rules, honest, observer } = cluster;
  let term = 0;
  while (term === 0) {
    const { document, term: present } = (await cluster.elect()).node.leader!;
    if (document.bundle.some(({ key }) => key === cluster.key)) term = present;
  }
  // The term is over for everybody by then.
  await cluster.elect();
  const from = cluster.marks(honest);
  const digest = cluster.liar.node.leader!.digest;
  const before = honest.map(({ node }) => node.leader!.term);
  cluster.say({ kind: "vote", term, digest, vote: rules.signVote(term, digest) });
  await isCaught(cluster, from, 1);
  honest.forEach(({ node }, i) => ok(node.leader!.term >= before[i]));
  observer.check();
});
