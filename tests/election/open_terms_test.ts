/** What opens a term in an open cluster. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { OpenTerms } from "../../lib/election/open_terms.ts";
import type { GaveUp } from "../../lib/election/types.ts";

const HEAD = { term: 2, id: "head" };
const VIEW = { revision: 4, isActive: (id: string) => "abcd".includes(id) };
const NEEDED = 3;

function gaveUp(voter: string, term: number): GaveUp {
  return { prev: HEAD.id, term, voter, key: voter, signature: `${voter} ${term}` };
}

Deno.test("who gave up a later term counts for the terms before it", () => {
  const terms = new OpenTerms(HEAD, 4);
  for (const voter of ["a", "b"]) terms.note(gaveUp(voter, 4));
  strictEqual(terms.open(VIEW, NEEDED), false);
  terms.note(gaveUp("c", 5));
  strictEqual(terms.open(VIEW, NEEDED), true);
  strictEqual(terms.current, 5);
  strictEqual(terms.hasGivenUp("c"), true);
  strictEqual(terms.hasGivenUp("a"), false);
});

Deno.test("two words of one voter about two terms are one voter", () => {
  const terms = new OpenTerms(HEAD, 4);
  terms.note(gaveUp("a", 4));
  for (const term of [4, 5]) terms.note(gaveUp("b", term));
  strictEqual(terms.open(VIEW, NEEDED), false);
});

Deno.test("of a voter's words about later terms the furthest is kept and no other, also when they come backwards", () => {
  for (const said of [[6, 7, 8], [8, 7, 6], [7, 8, 6]]) {
    const terms = new OpenTerms(HEAD, 4);
    for (const term of said) terms.note(gaveUp("a", term));
    deepStrictEqual([6, 7, 8].map((term) => terms.about(term).length), [0, 0, 1], `${said}`);
    terms.note(gaveUp("a", 4));
    strictEqual(terms.about(4).length, 1, "its word about the present term stays beside it");
  }
});

Deno.test("a stranger's word opens nothing", () => {
  const terms = new OpenTerms(HEAD, 4);
  for (const voter of ["a", "b", "x"]) terms.note(gaveUp(voter, 4));
  strictEqual(terms.open(VIEW, NEEDED), false);
  terms.note(gaveUp("d", 4));
  strictEqual(terms.open(VIEW, NEEDED), true);
});

Deno.test("the words of who is not known any more are forgotten, and those of the others stay", () => {
  const terms = new OpenTerms(HEAD, 4);
  for (const voter of ["a", "x", "y"]) terms.note(gaveUp(voter, 4));
  terms.note(gaveUp("x", 6));
  terms.forgetUnknown(VIEW.isActive);
  deepStrictEqual(terms.about(4).map(({ voter }) => voter), ["a"]);
  deepStrictEqual(terms.about(6), []);
});

Deno.test("statements are counted again only when they may have become enough", () => {
  const asked: string[] = [];
  const view = {
    revision: 100,
    isActive(id: string) {
      asked.push(id);
      return id.startsWith("v");
    },
  };
  const terms = new OpenTerms(HEAD, 4);
  for (let i = 0; i < 40; i++) terms.note(gaveUp(`v${i}`, 4));
  strictEqual(terms.open(view, 51), false);
  for (let i = 40; i < 50; i++) {
    terms.note(gaveUp(`v${i}`, 4));
    strictEqual(terms.open(view, 51), false);
  }
  strictEqual(asked.length, 40);
  // One came, so one voter more may count.
  view.revision++;
  terms.note(gaveUp("x", 4));
  strictEqual(terms.open(view, 51), false);
  terms.note(gaveUp("v50", 4));
  strictEqual(terms.open(view, 51), true);
});

Deno.test("who goes may make what was said enough", () => {
  const terms = new OpenTerms(HEAD, 4);
  for (const voter of ["a", "b", "c"]) terms.note(gaveUp(voter, 4));
  strictEqual(terms.open({ ...VIEW, revision: 6 }, 4), false);
  strictEqual(terms.open({ ...VIEW, revision: 7 }, 3), true);
});
