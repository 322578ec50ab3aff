/**
 * Liars who keep things back or say them of others: certificates that their collector withholds or shows late, votes that it picks, acks of the
 * wrong certificate, leaders that only speak or only listen, accusations without end. No signature proves these; what holds is that the
 * others go on, with one leader a term and one lease at an instant.
 *
 * That accusations make nobody dead is tried up to three times: on a machine that is busy enough, members are late with their answers and fail
 * without any accusation.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { RosterMessage } from "../../lib/election/roster/types.ts";
import type { Claim } from "../../lib/membership/types.ts";
import { limited } from "../node/_limit.ts";
import { leaseHolder } from "../node/_roster.ts";
import { LiarsCluster } from "./_liar.ts";

/** Elections under accusations. */
const ROUNDS = 5;
/** Rounds of accusations until somebody has seen three that were answered. */
const ACCUSATIONS_MAX = 40;
/** How often it may happen that somebody fails for want of a quiet machine. */
const TRIES = 3;

Deno.test("whoever withholds, picks, or plays deaf or dumb is passed over", async (t) => {
  await using cluster = await LiarsCluster.start(4, 1);
  const { rules, honest, observer, script, liar } = cluster;

  await t.step(
    "a collector that keeps the certificate for itself, and shows it when it is late",
    async () => {
      await cluster.untilLiarCollects();
      const leader = await cluster.leader();
      const { term } = leader.node.leader!;
      const withheld: RosterMessage[] = [];
      script.sends = (message) => {
        if (message.kind !== "certificate") return [message];
        withheld.push(message);
        return [];
      };
      // What the others would fetch from it does not come either; only it knows that there is a certificate.
      const from = cluster.marks();
      leader.node.stepDown();
      // The draw of a later term may make the liar itself the leader.
      const next = await leaseHolder(cluster.nodes, from);
      ok(next.node.leader!.term > term);
      script.reset(cluster.key);
      const [late] = withheld;
      if (late) cluster.say(late);
      await cluster.elect();
    },
  );

  await t.step("a collector that counts only the votes that it likes", async () => {
    await cluster.untilLiarCollects();
    const leader = await cluster.leader();
    const unwanted = honest.find((node) => node !== leader)!;
    script.hears = (message, from) => message.kind !== "vote" || from !== unwanted.node.id;
    const { node } = await cluster.elect();
    // It can pick who votes, not who is drawn: whoever is there has to be in.
    ok(node.leader!.active.includes(unwanted.node.id));
    script.reset(cluster.key);
  });

  await t.step("a follower whose acks name another certificate", async () => {
    const leader = await cluster.untilHonestLeads();
    const { id, prev } = leader.node.leader!;
    const from = cluster.marks();
    const swapped = Promise.withResolvers<void>();
    script.sends = (message) => {
      if (message.kind !== "lease-ack") return [message];
      swapped.resolve();
      return [{ kind: "lease-ack", ack: rules.signAck(prev, message.ack.nonce) }];
    };
    await limited("an ack of the liar", cluster.nodes, swapped.promise);
    // The other followers are a quorum with the leader.
    const renewed = leader.listener.until(({ event }) => event === "lease-held", from[0]);
    await limited("a lease renewed", cluster.nodes, renewed);
    strictEqual(leader.node.leader!.id, id);
    ok(leader.node.leaseRemainingMs() > 0);
    script.reset(cluster.key);
  });

  await t.step("a leader that only speaks never holds a lease again, and is replaced", async () => {
    await cluster.untilLiarLeads();
    const from = cluster.marks(honest);
    script.hears = () => false;
    const next = await leaseHolder(honest, from);
    strictEqual(liar.node.leaseRemainingMs(), 0);
    ok(next.node.leaseRemainingMs() > 0);
    script.reset(cluster.key);
  });

  await t.step("a leader that only listens is replaced", async () => {
    await cluster.untilLiarLeads();
    const from = cluster.marks(honest);
    script.sends = () => [];
    await leaseHolder(honest, from);
    strictEqual(liar.node.leaseRemainingMs(), 0);
    script.reset(cluster.key);
  });

  await t.step(
    "accusations of one voter, on and on, make nobody dead and leave nobody out",
    async () => {
      let harmed: unknown[] = [];
      for (let tries = 0; tries === 0 || (tries < TRIES && harmed.length > 0); tries++) {
        const from = cluster.marks(honest);
        for (let round = 0; round < ROUNDS; round++) {
          accuseAll(cluster);
          await cluster.elect();
        }
        const failed = honest.flatMap(({ listener }, i) =>
          listener.said.slice(from[i]).filter(({ event, fields }) =>
            event === "member-fail" && fields.id !== liar.node.id
          )
        );
        const { active, roster } = (await cluster.leader()).node.leader!;
        const incumbent = roster?.kind === "election" ? roster.incumbent : undefined;
        const leftOut = honest.map(({ node }) => node.id).filter((id) =>
          !active.includes(id) && id !== incumbent
        );
        harmed = [...failed, ...leftOut];
      }
      deepStrictEqual(harmed, []);
    },
  );

  await t.step(
    "who accuses alone, and is wrong each time, is spoken of, though nothing is proven",
    async () => {
      const words = () =>
        honest.flatMap(({ listener }) => listener.said).filter(({ event, level, fields }) =>
          event === "observed" && level === "warn" && fields.how === "lone-accusation"
        );
      // On a busy machine some accusations come together, or others doubt the accused as well.
      for (let tries = 0; tries < ACCUSATIONS_MAX && words().length === 0; tries++) {
        accuseAll(cluster);
        await cluster.elect();
      }
      const [{ fields, message }] = words();
      strictEqual(fields.by, liar.node.id);
      match(message, new RegExp(`^${liar.node.name} alone accused n\\d \\d times, and n`));
    },
  );
  observer.check();
});

/** Has the liar say to every honest node of every honest node that it does not answer, and that it is dead. */
function accuseAll(cluster: LiarsCluster): void {
  const { honest, mailbox } = cluster;
  for (const { node: accused } of honest) {
    const { incarnation } = accused.self!;
    const claims: Claim[] = (["suspect", "dead"] as const).map((type) =>
      mailbox.signClaim({ type, subject: accused.id, incarnation })
    );
    for (const { node } of honest) {
      cluster.sendRaw(node.address, mailbox.gossip(node.id, { kind: "gossip", claims }));
    }
  }
}
