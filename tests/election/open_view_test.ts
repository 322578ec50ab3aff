/** The view of a node of an open cluster: changes in, a sorted list and what came of it out. */
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { base64url, fromBase64url } from "../../lib/base/bytes.ts";
import { compareIds } from "../../function/leader-election/rules.ts";
import { OpenContext } from "../../lib/election/open_context.ts";
import { OpenView } from "../../lib/election/open_view.ts";
import { LOCAL_ELECTION } from "../../lib/election/settings.ts";
import type { ViewChange } from "../../lib/election/types.ts";
import { candidate, fakeRules } from "./harness.ts";

const active = (id: string): ViewChange => ({ kind: "active", node: candidate(id) });
const inactive = (id: string): ViewChange => ({ kind: "inactive", id });
const forgotten = (id: string): ViewChange => ({ kind: "forgotten", id });
const idsOf = (view: OpenView) => view.active.map(({ id }) => id);

Deno.test("the active are listed by the bytes of their ids, in whatever order they came and went", () => {
  const prng = createPrng(1);
  const ids = Array.from(
    { length: 300 },
    () => base64url(Uint8Array.from({ length: 32 }, () => prng.below(256))),
  );
  const view = new OpenView();
  for (const id of ids) view.take([active(id)]);
  const gone = new Set(prng.shuffled(ids).slice(0, 100));
  for (const id of gone) view.take([prng.below(2) === 0 ? inactive(id) : forgotten(id)]);
  const wanted = ids.filter((id) => !gone.has(id))
    .sort((a, b) => compareIds(fromBase64url(a)!, fromBase64url(b)!));
  deepStrictEqual(idsOf(view), wanted);
  strictEqual(view.size, wanted.length);
});

Deno.test("what changes come to counts, not the way there", () => {
  const view = new OpenView();
  view.take([active("a"), active("b"), inactive("c")]);
  const nothing = { hasNews: false, hasForgotten: false, isOther: false, entered: [], left: [] };
  const { revision } = view;
  deepStrictEqual(view.take([active("a")]), nothing);
  deepStrictEqual(view.take([inactive("b"), active("b")]), nothing);
  deepStrictEqual(view.take([forgotten("x")]), nothing);
  strictEqual(view.revision, revision);
  deepStrictEqual(view.take([active("c")]), { ...nothing, isOther: true, entered: ["c"] });
  deepStrictEqual(view.take([inactive("c")]), { ...nothing, isOther: true, left: ["c"] });
  deepStrictEqual(view.take([forgotten("c")]), { ...nothing, hasForgotten: true });
  deepStrictEqual(view.take([inactive("d")]), { ...nothing, hasNews: true });
  strictEqual(view.revision, revision + 2);
  deepStrictEqual(idsOf(view), ["a", "b"]);
});

Deno.test("another name is another list, of the same nodes", () => {
  const view = new OpenView();
  view.take([active("a"), active("b")]);
  const before = view.active;
  strictEqual(view.active, before);
  const outcome = view.take([{ kind: "active", node: { id: "a", name: "z", key: "a" } }]);
  deepStrictEqual([outcome.isOther, outcome.entered, outcome.left], [true, [], []]);
  notStrictEqual(view.active, before);
  deepStrictEqual(view.active.map(({ name }) => name), ["z", "b"]);
  deepStrictEqual(before.map(({ name }) => name), ["a", "b"]);
});

Deno.test("who is active is known, and who is known need not be active", () => {
  const view = new OpenView();
  view.take([active("a"), inactive("b")]);
  deepStrictEqual([view.knows("a"), view.isActive("a")], [true, true]);
  deepStrictEqual([view.knows("b"), view.isActive("b")], [true, false]);
  deepStrictEqual([view.knows("c"), view.isActive("c")], [false, false]);
});

Deno.test("whoever comes is compared with the collector so far, and only when that one goes all are", () => {
  const ids = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const rules = fakeRules("n0");
  let compared = 0;
  const context = new OpenContext({
    self: "n0",
    rules: {
      ...rules,
      collector(prev, term, of) {
        compared += of.length;
        return rules.collector(prev, term, of);
      },
    },
    settings: LOCAL_ELECTION,
    memory: {},
    prng: createPrng(1),
    nowMs: 0,
    awaitsSeeds: false,
  });
  const requireLeast = (of: readonly string[]) =>
    strictEqual(context.collector, rules.collector(rules.genesis, 1, of));
  for (const i of ids.keys()) {
    context.takeView([active(ids[i])]);
    requireLeast(ids.slice(0, i + 1));
  }
  strictEqual(compared, 1 + 2 * 59);
  compared = 0;
  const collector = context.collector;
  const [other, another, ...rest] = ids.filter((id) => id !== collector);
  // Several between two questions, and one of them is gone again.
  context.takeView([inactive(other)]);
  context.takeView([inactive(another)]);
  context.takeView([active(other)]);
  context.takeView([active(another)]);
  context.takeView([forgotten(another)]);
  requireLeast([collector, other, ...rest]);
  strictEqual(compared, 2);
  compared = 0;
  context.takeView([inactive(collector)]);
  requireLeast([other, ...rest]);
  strictEqual(compared, 58);
});
