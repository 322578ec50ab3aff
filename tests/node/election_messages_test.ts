/**
 * The price of a fault-free election (design §4), counted: real votes by real keys, every message encoded and decoded as on the wire, the real
 * function in the sandbox; only time and the network are the test's.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { verifyCertificate } from "../../lib/certificate/mod.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { base64url, fromBase64url } from "../../lib/base/bytes.ts";
import { RosterElection } from "../../lib/election/roster/roster_election.ts";
import { rosterSettings } from "../../lib/election/roster/settings.ts";
import { rosterCertificate } from "../../lib/election/roster/certificate.ts";
import {
  EMPTY_MEMORY,
  type RosterEffect,
  type RosterEvent,
} from "../../lib/election/roster/types.ts";
import {
  rosterGenesis,
  rosterOf,
  rosterRequest,
  rosterRules,
} from "../../lib/node/roster_cluster.ts";
import {
  decodeRosterMessage,
  encodeRosterMessage,
  ROSTER_KINDS,
} from "../../lib/wire/roster_messages.ts";
import { configFields, configOf, voters } from "../function/_roster.ts";
import { certificateKey, electionPackage, FunctionWorld } from "../function/_world.ts";

/** Longest election of the test, in steps: a hundred times what one takes. */
const STEPS_MAX = 10_000;

/** One election of `n` voters. Gives how often each kind of message was sent to one node, and the calls of the function. */
async function countMessages(n: number, f: number): Promise<Record<string, number>> {
  const fields = configFields(n, f);
  const config = configOf(fields);
  await using world = new FunctionWorld(
    await electionPackage({ "cluster.json": JSON.stringify(fields) }),
  );
  const domain = { checksum: world.functionPackage.checksum, cluster: config.cluster };
  const roster = rosterOf(config);
  const key = certificateKey();
  const pins = { domain, keys: new Map([[key.kid, key]]), config };
  const settings = rosterSettings("local", config.lease.leaseMs, config.lease.driftPpm);
  const prng = createPrng(1);
  const nonce = () => base64url(Uint8Array.from({ length: 16 }, () => prng.below(256)));
  const elections = new Map(
    voters(n).map((identity) => [
      identity.id,
      new RosterElection({
        self: identity.id,
        roster,
        rules: rosterRules(identity, domain, config, nonce),
        settings,
        memory: EMPTY_MEMORY,
        origin: { term: 0, id: rosterGenesis(domain) },
        prng,
        nowMs: 0,
      }),
    ]),
  );
  const counts: Record<string, number> = {};
  const count = (what: string) => void (counts[what] = (counts[what] ?? 0) + 1);
  const events: { readonly to: string; readonly event: RosterEvent }[] = [];
  const verified = (document: unknown) => {
    const verdict = verifyCertificate(document, pins);
    ok(verdict.ok);
    return rosterCertificate(verdict.certificate)!;
  };
  const carryOut = async (self: string, effect: RosterEffect) => {
    if (effect.type === "call-enclave") {
      count("call");
      const answer = await world.ask(rosterRequest(config, effect, undefined));
      ok("text" in answer);
      const { certificate } = JSON.parse(answer.text);
      const document = { certificate, bundle: effect.votes };
      events.push({ to: self, event: { type: "certificate", certificate: verified(document) } });
    }
    if (effect.type !== "send") return;
    const body = encodeRosterMessage(effect.message, roster.voters);
    const { key } = roster.voters.find(({ id }) => id === self)!;
    const frame = { senderKey: fromBase64url(key)!, kind: ROSTER_KINDS[effect.message.kind], body };
    const decoded = decodeRosterMessage(frame, { domain, roster });
    ok(decoded.ok);
    const { message } = decoded;
    for (const to of effect.to) {
      count(message.kind);
      const event: RosterEvent = message.kind === "certificate"
        ? { type: "certificate", certificate: verified(message.document), from: self }
        : { type: "message", sender: self, message };
      events.push({ to, event });
    }
  };
  for (const to of elections.keys()) {
    const members = [...elections.keys()].filter((id) => id !== to)
      .map((id) => ({ id, state: "alive" as const, verified: true, accusations: 0 }));
    events.push({ to, event: { type: "keys", kids: [key.kid], preferred: key.kid } });
    events.push({ to, event: { type: "view", members } });
  }
  const isDone = () => [...elections.values()].every(({ head }) => head.term === 1);
  let nowMs = 0;
  for (let step = 0; !isDone(); step++) {
    ok(step < STEPS_MAX, "the election does not end");
    const next = events.shift();
    if (next) {
      const effects = elections.get(next.to)!.step(next.event, nowMs);
      for (const effect of effects) await carryOut(next.to, effect);
      continue;
    }
    nowMs = Math.min(...[...elections.values()].map((one) => one.deadlineMs() ?? Infinity));
    for (const to of elections.keys()) events.push({ to, event: { type: "tick" } });
  }
  // Leading is another matter, and begins at once.
  const { heartbeat: _, "lease-ack": __, ...election } = counts;
  return election;
}

for (const [n, f] of [[1, 0], [3, 0], [4, 1], [7, 2]]) {
  Deno.test(`a fault-free election of ${n} voters costs 3(n-1)+2 messages on the wire`, async () => {
    const counts = await countMessages(n, f);
    const { call, ...messages } = counts;
    const sent = Object.values(messages).reduce((sum, count) => sum + count, 0);
    // The call of the function and its answer.
    strictEqual(sent + 2 * call, 3 * (n - 1) + 2);
    const one = n - 1;
    deepStrictEqual(messages, n === 1 ? {} : { proposal: one, vote: one, certificate: one });
  });
}
