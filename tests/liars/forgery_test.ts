/**
 * Liars who say what is not so: in the name of others, out of turn, of other terms, of certificates that are old or false. Five voters of whom
 * one may lie, one of them never started: whatever is said, the leader keeps its lease, terms do not run, and the log names who said it.
 */
import { ok, strictEqual } from "node:assert";
import { base64url, utf8 } from "../../lib/base/bytes.ts";
import type { Heartbeat, LeaderProposal } from "../../lib/election/roster/types.ts";
import type { Said, TestNode } from "../node/_cluster.ts";
import { limited } from "../node/_limit.ts";
import { LiarsCluster } from "./_liar.ts";

/** A signature that nobody made. */
const FORGED = base64url(new Uint8Array(64).fill(7));

Deno.test("whoever speaks for others, out of turn or of other terms is named, and moves nothing", async (t) => {
  await using cluster = await LiarsCluster.start(5, 1, 4);
  const { rules, honest, observer, script, world: { description } } = cluster;
  if (description.kind !== "roster") throw new Error("no roster");
  const voters = description.config.roster.map(({ id, key }) => ({
    id: base64url(id),
    key: base64url(key),
  }));
  const absent = voters[4].id;
  const liar = cluster.liar.node.id;
  await cluster.allSay("a leader", ({ event }) => event === "leader");
  const old = honest[0].node.leader!.document;

  /** A proposal that follows what `of` holds, for its next term or one in which the liar does or does not collect. */
  const proposalAfter = (of: TestNode, collects: boolean): LeaderProposal => {
    const { id: prev, kid, term: last, active } = of.node.leader!;
    let term = last + 1;
    while ((rules.collector(prev, term) === liar) !== collects) term++;
    const incumbent = of.node.leader!.leader;
    return { type: "leader", term, prev, kid, active, incumbent, tenure: 1 };
  };
  const misbehaved = (how: string) => ({ event, fields }: Said) =>
    event === "misbehaved" && fields.by === liar && fields.how === how;

  /** Says it while an honest node leads: every honest node names the liar, the leader keeps its lease. */
  const isNamed = async (how: string, say: (leader: TestNode) => void) => {
    const leader = await cluster.untilHonestLeads();
    const { id } = leader.node.leader!;
    await cluster.allSay(
      "the present leader",
      ({ event, fields }) => event === "leader" && fields.certificateId === id,
    );
    say(leader);
    await cluster.allSay(how, misbehaved(how));
    strictEqual(leader.node.leader!.id, id);
    ok(leader.node.leaseRemainingMs() > 0);
    for (const { node } of honest) strictEqual(node.evidence.length, 0);
  };

  await t.step(
    "a collector that lists a voter who never came: refused by all, another term elects",
    async () => {
      await cluster.untilLiarCollects();
      const from = cluster.marks(honest);
      script.sends = (message) => {
        if (message.kind !== "proposal" || message.proposal.type !== "leader") return [message];
        const active = [...message.proposal.active, absent];
        const proposal = { ...message.proposal, active };
        const vote = rules.signVote(proposal.term, rules.digest(proposal));
        return [{ kind: "proposal", proposal, vote }];
      };
      const isRefusal = ({ event, fields }: Said) => {
        const { forbidden } = (fields.objection ?? {}) as { forbidden?: string[] };
        return event === "election-refused" && fields.collector === liar &&
          forbidden?.includes(absent) === true;
      };
      // On a busy machine the others give up its term before it asks, or answer it when it is over: then in a later one.
      await cluster.electUntilSaid(isRefusal, from, "every");
      const { node } = await cluster.leader();
      ok(!node.leader!.active.includes(absent));
      script.reset(cluster.key);
    },
  );

  await t.step("votes in the name of others", () =>
    isNamed("forged-bundle", (leader) => {
      const votes = voters.map(({ key }) => ({ key, signature: FORGED }));
      cluster.say({ kind: "bundle", proposal: proposalAfter(leader, true), votes });
    }));

  await t.step("a proposal out of turn", () =>
    isNamed("proposal-out-of-turn", (leader) => {
      const proposal = proposalAfter(leader, false);
      const vote = rules.signVote(proposal.term, rules.digest(proposal));
      cluster.say({ kind: "proposal", proposal, vote });
    }));

  await t.step(
    "statements of others that they gave up",
    () =>
      isNamed("forged-gave-up", (leader) => {
        const { id: prev, term } = leader.node.leader!;
        const statements = voters.map(({ id: voter }) => ({
          prev,
          term: term + 1,
          voter,
          signature: FORGED,
        }));
        cluster.say({ kind: "gave-up", statements });
      }),
  );

  await t.step("a proof of a lie that nobody told", () =>
    isNamed("forged-evidence", (leader) => {
      const vote = { key: voters[0].key, signature: FORGED };
      const [one, other] = [leader.node.leader!.digest, leader.node.leader!.prev];
      cluster.say({
        kind: "evidence",
        votes: [{ term: 9, digest: one, vote }, { term: 9, digest: other, vote }],
      });
    }));

  await t.step("heartbeats of its own, and of the leader played back", async () => {
    const nonce = base64url(new Uint8Array(16));
    const unsigned = { nonce, incarnation: 1_000, sequence: 1 };
    await isNamed("heartbeat-of-another", (leader) => {
      const certificateId = leader.node.leader!.id;
      const heartbeat = rules.signHeartbeat({ certificateId, ...unsigned });
      cluster.say({ kind: "heartbeat", heartbeat });
    });
    const heard = Promise.withResolvers<Heartbeat>();
    script.hears = (message) => {
      if (message.kind === "heartbeat") heard.resolve(message.heartbeat);
      return true;
    };
    await cluster.untilHonestLeads();
    const heartbeat = await limited("a heartbeat", cluster.nodes, heard.promise);
    await isNamed("forged-heartbeat", () => cluster.say({ kind: "heartbeat", heartbeat }));
    script.reset(cluster.key);
  });

  await t.step("step-downs, of the leader forged and of its own", async () => {
    await isNamed("forged-step-down", (leader) => {
      const { id: certificateId, leader: leading } = leader.node.leader!;
      const stepDown = { certificateId, leader: leading, signature: FORGED };
      cluster.say({ kind: "step-down", stepDown });
    });
    await isNamed("step-down-of-another", (leader) => {
      const stepDown = rules.signStepDown(leader.node.leader!.id);
      cluster.say({ kind: "step-down", stepDown });
    });
  });

  await t.step("an ack in the name of another", async () => {
    const leader = await cluster.untilHonestLeads();
    const certificateId = leader.node.leader!.id;
    const nonce = base64url(new Uint8Array(16));
    const ack = { certificateId, nonce, voter: voters[0].id, signature: FORGED };
    cluster.say({ kind: "lease-ack", ack }, [leader]);
    const named = leader.listener.until(misbehaved("forged-lease-ack"));
    await limited("forged-lease-ack", cluster.nodes, named);
  });

  await t.step("certificates: changed, of terms long over, and terms that jump", async () => {
    const leader = await cluster.untilHonestLeads();
    const { term, document } = leader.node.leader!;
    const [head, body, signature] = document.certificate.split(".");
    const changed = [head, body, `${signature.slice(0, -4)}AAAA`].join(".");
    const statements = (ahead: number) => [rules.signGaveUp(leader.node.leader!.id, term + ahead)];
    for (const ahead of [1, 2, 50]) cluster.say({ kind: "gave-up", statements: statements(ahead) });
    cluster.say({ kind: "certificate", document: old });
    cluster.say({ kind: "certificate", document: { ...document, certificate: changed } });
    await cluster.allSay(
      "a refusal",
      ({ event, fields }) =>
        event === "certificate-refused" && fields.from === cluster.liar.node.name,
    );
    // Found in an object that names the types, it would be none of them.
    const { kid } = leader.node.leader!;
    const odd = base64url(utf8(`{"alg":"RS256","kid":"${kid}","typ":"constructor"}`));
    const certificate = [odd, body, signature].join(".");
    cluster.say({ kind: "certificate", document: { ...document, certificate } });
    await cluster.allSay(
      "a refusal of a type that every object has",
      ({ event, message }) => event === "certificate-refused" && /the header is not/.test(message),
    );
    strictEqual(leader.node.leader!.term, term);
    ok(leader.node.leaseRemainingMs() > 0);
    const next = await cluster.elect();
    ok(next.node.leader!.term < term + 50, "nobody jumps");
  });
  observer.check();
});
