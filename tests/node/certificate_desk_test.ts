/** The desk: which certificates wait for evidence of their key, how long, and what it takes to take a key that was passed on. */
import { deepStrictEqual, strictEqual, throws } from "node:assert";
import { utf8 } from "../../lib/base/bytes.ts";
import type { CertificateDocument } from "../../lib/certificate/mod.ts";
import { readClusterConfig } from "../../lib/certificate/mod.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { parseDescription } from "../../lib/node/function_description.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { DOMAIN, issueRoster, PROPOSAL } from "../certificate/_issue_roster.ts";
import { configFields, configOf } from "../function/_roster.ts";
import { NO_SIGNATURE } from "../function/_election.ts";
import { certificateKey } from "../function/_world.ts";
import { evidenceOf } from "./_cluster.ts";

const key = certificateKey();
const evidence = evidenceOf("simulated");
const fields = configFields(4, 1);
const good = issueRoster(() => {}, PROPOSAL, configOf(fields));

/** What the function says of itself. */
function described(change: object = {}) {
  const clusterJson = JSON.stringify({ ...fields, ...change });
  if (typeof readClusterConfig(utf8(clusterJson)) === "string") throw new Error("no cluster.json");
  const description = parseDescription(JSON.stringify({ kind: "roster", clusterJson }));
  if (typeof description === "string") throw new Error(description);
  return description;
}

/** A desk that knows the function and none of its keys. */
function desk(): { desk: CertificateDesk; admit(): void } & Disposable {
  const store = StateStore.open(undefined);
  const desk = new CertificateDesk(DOMAIN, store, described());
  const admit = () => desk.admit({ key, evidence, description: described() });
  return { desk, admit, [Symbol.dispose]: () => store[Symbol.dispose]() };
}

const kindOf = (of: CertificateDesk, document: CertificateDocument, from: string) =>
  of.judge(document, from).kind;

Deno.test("what lacks nothing but evidence of its key waits, and is judged once when that is there", () => {
  using at = desk();
  strictEqual(kindOf(at.desk, good, "a"), "waits");
  deepStrictEqual(at.desk.takeWaiting(), []);
  at.admit();
  deepStrictEqual(at.desk.takeWaiting(), [["a", good]]);
  deepStrictEqual(at.desk.takeWaiting(), []);
});

Deno.test("what has another fault beside its key is refused at once", () => {
  using at = desk();
  const bundle = [{ ...good.bundle[0], signature: NO_SIGNATURE }, ...good.bundle.slice(1)];
  strictEqual(kindOf(at.desk, { ...good, bundle }, "a"), "refused");
  at.admit();
  deepStrictEqual(at.desk.takeWaiting(), []);
});

Deno.test("of a member the last certificate waits: an earlier one may be of no use by now", () => {
  using at = desk();
  const later = issueRoster(() => {}, { ...PROPOSAL, term: 2 }, configOf(fields));
  for (const document of [good, later]) kindOf(at.desk, document, "a");
  at.admit();
  deepStrictEqual(at.desk.takeWaiting(), [["a", later]]);
});

Deno.test("a key that was passed on is taken for a certificate that waits and is genuine under it, and for no other", () => {
  using at = desk();
  strictEqual(at.desk.admitPassedOn(key, evidence), false);
  const tooFew = { ...good, bundle: good.bundle.slice(1) };
  strictEqual(kindOf(at.desk, tooFew, "a"), "waits");
  strictEqual(at.desk.admitPassedOn(key, evidence), false);
  strictEqual(kindOf(at.desk, good, "b"), "waits");
  strictEqual(at.desk.admitPassedOn(key, evidence), true);
  deepStrictEqual(at.desk.kids, [], "it is no key to vote for");
});

Deno.test("a function that says something else of its cluster than before is refused", () => {
  using at = desk();
  at.desk.requireSameFunction({ key, evidence, description: described() });
  const description = described({ faultBound: 0 });
  throws(() => at.desk.requireSameFunction({ key, evidence, description }), /something else/);
});
