/** Who may leave the key out: only to those who said that they have it, and never twice in vain. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { ACQUAINTANCES_MAX, createAcquaintances } from "../../lib/wire/acquaintances.ts";
import { FULL_FORM, TAG_CHARACTERS } from "../../lib/wire/envelope.ts";
import { alice, bob } from "./_fixtures.ts";

function acquainted() {
  const acquaintances = createAcquaintances();
  acquaintances.know(bob.id, bob.publicKey);
  return acquaintances;
}

Deno.test("a stranger gets the full form, and is not told that its key is known", () => {
  deepStrictEqual(acquainted().formFor(alice.id, true), FULL_FORM);
  deepStrictEqual(acquainted().formFor(undefined, true), FULL_FORM);
});

Deno.test("a member hears that its key is known before it hears anything brief", () => {
  deepStrictEqual(acquainted().formFor(bob.id, true), { isBrief: false, knowsRecipient: true });
});

Deno.test("who says that it knows this node's key gets brief datagrams until it says otherwise", () => {
  const acquaintances = acquainted();
  acquaintances.heard(bob.id, true);
  strictEqual(acquaintances.formFor(bob.id, false).isBrief, true);
  acquaintances.heard(bob.id, false);
  strictEqual(acquaintances.formFor(bob.id, false).isBrief, false);
});

Deno.test("a brief ping that nothing was heard after is followed by a full one", () => {
  const acquaintances = acquainted();
  acquaintances.heard(bob.id, true);
  strictEqual(acquaintances.formFor(bob.id, true).isBrief, true);
  strictEqual(acquaintances.formFor(bob.id, true).isBrief, false);
  acquaintances.heard(bob.id, true);
  strictEqual(acquaintances.formFor(bob.id, true).isBrief, true);
});

Deno.test("a sender is found by the beginning of its id until it is forgotten", () => {
  const acquaintances = acquainted();
  const tag = bob.id.slice(0, TAG_CHARACTERS);
  strictEqual(acquaintances.senderOf(tag)?.id, bob.id);
  acquaintances.forget(bob.id);
  strictEqual(acquaintances.senderOf(tag), undefined);
});

Deno.test("who shares the beginning of its id with a member does not take its place", () => {
  const acquaintances = acquainted();
  const double = bob.id.slice(0, TAG_CHARACTERS) + alice.id.slice(TAG_CHARACTERS);
  acquaintances.know(double, alice.publicKey);
  acquaintances.heard(double, true);
  acquaintances.forget(double);
  deepStrictEqual(acquaintances.senderOf(bob.id.slice(0, TAG_CHARACTERS))?.key, bob.publicKey);
  strictEqual(acquaintances.formFor(bob.id, false).isBrief, false);
});

Deno.test("no more than the maximum are remembered", () => {
  const acquaintances = createAcquaintances();
  for (let i = 0; i < ACQUAINTANCES_MAX + 10; i++) {
    acquaintances.know(String(i).padEnd(43, "A"), bob.publicKey);
  }
  strictEqual(acquaintances.size(), ACQUAINTANCES_MAX);
});
