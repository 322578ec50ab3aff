/** What a voter says of others without a proof: facts that came three times, told anew when they have doubled; and nothing of what can have other reasons. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  AccusationWatch,
  ElectionWatch,
  type LostTerm,
  observationWords,
} from "../../../lib/election/roster/observations.ts";
import type { RosterNote } from "../../../lib/election/roster/notes.ts";
import { voter } from "./_solo.ts";

type Observed = Extract<RosterNote, { what: "observed" }>;

function elections() {
  const told: Observed[] = [];
  const watch = new ElectionWatch((note) => told.push(note));
  let term = 0;
  /** A term of `c` that nothing came of, and then one of `d` that elected. */
  const round = (happens: () => void = () => {}, change: Partial<LostTerm> = {}) => {
    term++;
    happens();
    watch.lost({
      term,
      collector: "c",
      isTimedOut: true,
      isGivenUpByCollector: false,
      isCollectorAlive: true,
      ...change,
    });
  };
  const vote = () => {
    watch.proposed(term);
    watch.voted(term);
  };
  return { told, watch, round, vote, term: () => term };
}

Deno.test("a collector that takes votes and shows nothing is told of at the third time, and when that has doubled", () => {
  const { told, watch, round, vote } = elections();
  for (let i = 0; i < 12; i++) {
    round(vote);
    watch.elected("d");
  }
  deepStrictEqual(told.map(({ how, by, times }) => `${how} ${by} ${times}`).slice(0, 2), [
    "unused-vote c 1",
    "unused-vote c 2",
  ]);
  deepStrictEqual(told.filter(({ isNews }) => isNews).map(({ times }) => times), [3, 6, 12]);
  match(
    observationWords(told[2], (id) => `node ${id}`),
    /^node c took this node's vote in 3 terms, last in 3, and showed neither/,
  );
});

Deno.test("a collector that neither proposes nor gives up is told of", () => {
  const { told, watch, round } = elections();
  round();
  watch.elected("d");
  deepStrictEqual(told.map(({ how, by, term }) => [how, by, term]), [["no-proposal", "c", 1]]);
});

Deno.test("what has another reason is not held against a collector", () => {
  const { told, watch, round, vote, term } = elections();
  round(vote, { isGivenUpByCollector: true });
  round(vote, { isCollectorAlive: false });
  round(vote, { isTimedOut: false });
  round(() => {
    vote();
    watch.published(term());
  });
  // It proposed, and this voter had something against that.
  round(() => watch.proposed(term()));
  watch.elected("d");
  deepStrictEqual(told, []);
});

Deno.test("while nobody is elected nobody is told of, and few terms are remembered", () => {
  const { told, watch, round } = elections();
  for (let i = 0; i < 100; i++) round();
  deepStrictEqual(told, []);
  watch.elected("d");
  strictEqual(told.length, 16);
});

Deno.test("a collector that was elected by begins anew", () => {
  const { told, watch, round, vote } = elections();
  round(vote);
  round();
  watch.elected("c");
  round(vote);
  round();
  watch.elected("d");
  deepStrictEqual(told.map(({ times }) => times), [1, 1, 1, 1]);
});

Deno.test("a leader that is never heard is told of in a row only", () => {
  const { told, watch } = elections();
  for (const term of [1, 2]) watch.neverHeard("c", term);
  watch.heard("c");
  for (const term of [3, 4, 5]) watch.neverHeard("c", term);
  deepStrictEqual(told.map(({ times }) => times), [1, 2, 1, 2, 3]);
  strictEqual(told.filter(({ isNews }) => isNews).length, 1);
});

function accusations() {
  const watch = new AccusationWatch(new Set(["a", "b", "c", "d"]));
  let incarnation = 0;
  watch.alive("b", incarnation, 0);
  const answer = (nowMs = 0) => watch.alive("b", ++incarnation, nowMs);
  const accuse = (by: string, of = incarnation) => watch.accused(by, "b", of);
  return { watch, answer, accuse };
}

Deno.test("one voter's accusations that are answered each time are told of", () => {
  const { answer, accuse } = accusations();
  const told = [];
  for (let i = 0; i < 4; i++) {
    accuse("c");
    accuse("c");
    told.push(answer());
  }
  deepStrictEqual(told.map((note) => [note?.by, note?.about, note?.times, note?.isNews]), [
    ["c", "b", 1, false],
    ["c", "b", 2, false],
    ["c", "b", 3, true],
    ["c", "b", 4, false],
  ]);
  strictEqual(
    observationWords(told[3]!, (id) => id),
    "c alone accused b 4 times, and b answered each time",
  );
});

Deno.test("accusations that others share, or that this voter shares, say nothing", () => {
  const { watch, answer, accuse } = accusations();
  accuse("c");
  accuse("d");
  strictEqual(answer(), undefined);
  accuse("c");
  watch.doubted("b");
  strictEqual(answer(), undefined);
});

Deno.test("accusations of another incarnation, by strangers, or of oneself do not count, nor does a claim that is said again", () => {
  const { watch, answer, accuse } = accusations();
  answer();
  accuse("c", 0);
  accuse("c", 7);
  accuse("stranger");
  accuse("b");
  strictEqual(answer(), undefined);
  accuse("c");
  strictEqual(watch.alive("b", 2, 0), undefined);
  strictEqual(watch.alive("stranger", 1, 0), undefined);
  strictEqual(answer()?.times, 1);
});

Deno.test("accusations far apart do not add up", () => {
  const { answer, accuse } = accusations();
  const times = [0, 600_000, 1_200_001].map((nowMs) => {
    accuse("c");
    return answer(nowMs)?.times;
  });
  deepStrictEqual(times, [1, 2, 1]);
});

Deno.test("a voter whose collector is silent, and then another elects, notes it; one that hears its leader does not", () => {
  const solo = voter();
  const silent = solo.collector();
  solo.pass(solo.settings.collectorTimeoutMs * 2);
  const rest = solo.others.filter((id) => id !== silent);
  solo.gaveUp(rest);
  solo.elect(rest[0]);
  const seen = () =>
    solo.did("note").flatMap(({ note }) => note.what === "observed" ? [note.how, note.by] : []);
  deepStrictEqual(seen(), ["no-proposal", silent]);
  // The new leader never speaks, though it is there.
  solo.clear();
  solo.pass(solo.settings.leaderTimeoutMs + 1);
  deepStrictEqual(seen(), ["unheard-leader", rest[0]]);
  const certificate = solo.follow({ term: solo.election.term + 3 });
  solo.clear();
  solo.heartbeat(certificate, 1);
  solo.pass(solo.settings.leaderTimeoutMs + 1);
  deepStrictEqual(seen(), []);
});

Deno.test("a voter that starts again with a certificate does not say that its leader was never heard", () => {
  const solo = voter();
  solo.follow({ term: solo.election.term + 3 });
  solo.boot();
  solo.view();
  solo.clear();
  solo.pass(solo.settings.leaderTimeoutMs + 1);
  const notes = solo.did("note").map(({ note }) => note.what);
  strictEqual(notes.includes("leader-silent"), true);
  strictEqual(notes.includes("observed"), false);
});
