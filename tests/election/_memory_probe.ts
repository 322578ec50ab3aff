/**
 * Runs the machines of a node in virtual time for thousands of terms, restarts or strangers, whichever load the argument names, and prints by how
 * many bytes the heap has grown between two collections of all garbage. Run by `memory_test.ts` with `--expose-gc`.
 */
import type { ElectionEvent } from "../../lib/election/types.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { OpenElection } from "../../lib/election/open_election.ts";
import { OpenView } from "../../lib/election/open_view.ts";
import { ClosingSearch } from "../../lib/election/roster/closing_search.ts";
import { AccusationWatch } from "../../lib/election/roster/observations.ts";
import type { SignedVote } from "../../lib/election/roster/types.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { RsaPublicKey } from "../../lib/crypto/rsa.ts";
import type { MemberChange } from "../../lib/membership/types.ts";
import { Journal } from "../../lib/node/journal.ts";
import { KeyExchange } from "../../lib/node/key_exchange.ts";
import { KnownKeys } from "../../lib/node/known_keys.ts";
import { NodeMetrics } from "../../lib/node/node_metrics.ts";
import { SourceLimit } from "../../lib/node/source_limit.ts";
import { candidate, fakeRules, viewEvent } from "./harness.ts";
import { forgetCertificates, signGaveUp, signVote } from "./roster/_rules.ts";
import { Solo } from "./roster/_solo.ts";

/** Rounds before the first look, in which everything that is bounded fills up, and between it and the second. */
const [WARM_ROUNDS, ROUNDS] = [4_200, 3_000];

declare const gc: () => void;

/** One round of a load; `n` grows. */
type Load = (n: number) => void;

/** A voter through terms: given up, proposed twice by liars, elected, led, stepped down from, accused. */
function terms(): Load {
  const solo = new Solo();
  const watch = new AccusationWatch(new Set(solo.ids));
  return (n) => {
    const [one, two, three] = solo.others;
    solo.gaveUp([one, two, three]);
    const proposal = solo.proposal();
    solo.propose(proposal);
    solo.propose({ ...proposal, active: solo.ids.slice(1) });
    for (const from of [one, two]) solo.vote(from, proposal);
    const certificate = n % 3 === 0 ? solo.elect(solo.self) : solo.elect(two);
    solo.heartbeat(certificate, 1);
    solo.heartbeat(certificate, 1, { from: three });
    solo.tell(three, {
      kind: "step-down",
      stepDown: { certificateId: `${n}`, leader: three, signature: three },
    });
    solo.step({ type: "sub-lease", id: `holder ${n}`, wantedMs: 10 });
    solo.step({ type: "step-down" });
    solo.step({ type: "released", certificateId: certificate.id });
    solo.pass(solo.roster.leaseMs * 2);
    watch.alive(two, n, n);
    watch.accused(three, two, n);
    solo.clear();
  };
}

/** A voter that starts again and again, while liars vote twice in terms that come and go. */
function restarts(): Load {
  const solo = new Solo();
  return (n) => {
    const [one, two] = solo.others;
    for (const liar of [one, two]) {
      const signed = (digest: string): SignedVote => ({
        term: solo.election.term + n % 16,
        digest,
        vote: signVote(liar, solo.election.term + n % 16, digest),
      });
      solo.tell(liar, { kind: "evidence", votes: [signed(`D:${n}`), signed(`D:${n}'`)] });
    }
    solo.elect(two);
    solo.gaveUp([one, two], solo.election.term + 1 + n % 7);
    solo.boot();
    solo.pass(solo.roster.leaseMs);
    solo.clear();
  };
}

/** A node of an open cluster that nobody is elected in, past which strangers come and go, each with something to say. */
function strangers(): Load {
  const election = new OpenElection({
    self: "self",
    rules: fakeRules("self"),
    settings: LOCAL_ELECTION,
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: false,
  });
  const friends = ["self", "a", "b"];
  const step = (event: ElectionEvent, nowMs: number) => void election.step(event, nowMs);
  // As in a cluster that is too large for its function: nobody asks who is active.
  const unread = new OpenView();
  return (n) => {
    const nowMs = n * 100;
    const stranger = `stranger ${n}`;
    step(viewEvent([...friends, stranger], [], [`stranger ${n - 1}`]), nowMs);
    unread.take([{ kind: "active", node: candidate(stranger) }]);
    unread.take([{ kind: "forgotten", id: stranger }]);
    const { head, term } = election;
    const say = (message: Extract<ElectionEvent, { type: "message" }>["message"]) =>
      step({ type: "message", sender: stranger, message }, nowMs);
    const proposal = { term, prev: head.id, kid: "kid", digest: stranger };
    say({ kind: "proposal", proposal });
    const statement = fakeRules(stranger).signGaveUp(head.id, term + n);
    say({ kind: "gave-up", statements: [statement] });
    say({ kind: "gave-up", statements: [fakeRules(stranger).signGaveUp(stranger, term)] });
    step({ type: "head-seen", from: stranger, head: { term: term + 1, id: stranger } }, nowMs);
    step({ type: "tick" }, nowMs + 50);
  };
}

/** The books of a node's shell, as strangers fill them. */
function books(): Load {
  const fakeKey = (kid: string) => ({ kid, jwk: { n: kid } }) as unknown as RsaPublicKey;
  const evidence = {
    platform: "simulated",
    document: new Uint8Array(64),
    endorsements: [],
  } as const;
  const known = new KnownKeys("00", { keys: () => [], saveKey: () => {} });
  const exchange = new KeyExchange({
    desk: {
      keys: known.keys,
      keyToPassOn: () => ({ key: fakeKey("k"), evidence }),
      admitPassedOn: () => false,
    },
    judge: () => "no",
    send: () => {},
    taken: () => {},
    refused: () => {},
  });
  const metrics = new NodeMetrics(() => 0);
  const journal = new Journal({
    log: (level, event, message, fields = {}) =>
      metrics.note({ id: 0, level, event, message, fields, json: "" }),
  }, "self");
  const sources = new SourceLimit();
  const search = new ClosingSearch({ term: 0, id: "g" }, new Set(["a", "b"]), 100);
  return (n) => {
    const id = `stranger ${n}`;
    const address = { host: `10.0.${n >> 8 & 255}.${n & 255}`, port: n };
    exchange.ask(id, id, n);
    exchange.hear(id, { kind: "want-key", kid: id }, n);
    known.save({ key: fakeKey(id), tee: "simulated", evidence });
    known.save({ key: fakeKey(`own ${n}`), tee: "simulated", evidence, description: "{}" });
    sources.expect(address);
    sources.setMembers([address]);
    sources.admits(address, n);
    search.step({ type: "head-seen", from: id, head: { term: n + 1, id } }, n);
    search.step({ type: "head-seen", from: "a", head: { term: n + 1, id } }, n);
    for (const kind of ["join", "suspect", "fail", "reap"] as const) {
      const member = { id, name: id, address, state: "alive" };
      journal.member({ kind, member } as unknown as MemberChange);
    }
    journal.forged(n % 2 === 0 ? "a" : "b", "vote");
  };
}

function grownBytes(load: Load): number {
  let n = 0;
  const run = (rounds: number) => {
    for (let i = 0; i < rounds; i++) load(++n);
    forgetCertificates();
    for (let i = 0; i < 3; i++) gc();
    return Deno.memoryUsage().heapUsed;
  };
  const before = run(WARM_ROUNDS);
  const after = run(ROUNDS);
  // It is still in use.
  load(++n);
  return after - before;
}

/** What a load looks like that keeps one small thing a round: the measure has to see it. */
function leaking(): Load {
  const kept: string[] = [];
  return (n) => void kept.push(signGaveUp("a", "p", n).signature);
}

// One for each process: what another load left behind would blur the measure.
const loads: Readonly<Record<string, () => Load>> = { terms, restarts, strangers, books, leaking };
console.log(grownBytes(loads[Deno.args[0]]()));
