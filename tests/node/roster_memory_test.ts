/** What a voter takes over from its state folder when it starts under another function (design §4.7, §4.9). */
import { deepStrictEqual, match, strictEqual, throws } from "node:assert";
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { type VerifiedCertificate, verifyCertificate } from "../../lib/certificate/mod.ts";
import { rosterCertificate } from "../../lib/election/roster/certificate.ts";
import { EMPTY_MEMORY } from "../../lib/election/roster/types.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { takeClosing } from "../../lib/node/closing_voter.ts";
import {
  adoptClosing,
  closingMissing,
  knownHead,
  openRosterMemory,
  rosterOrigin,
} from "../../lib/node/roster_memory.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { TestFunction } from "../certificate/_chain.ts";

const CLUSTER = "test";
const domainOf = (fill: number) => ({ checksum: new Uint8Array(32).fill(fill), cluster: CLUSTER });

Deno.test("promises made under another function bind the voter under this one", () => {
  using store = StateStore.open(undefined);
  const memory = { ...EMPTY_MEMORY, promisedMsMax: 5_000 };
  store.saveRoster(hex(domainOf(1).checksum), CLUSTER, JSON.stringify(memory));
  const domain = domainOf(2);
  const desk = new CertificateDesk(domain, store);
  strictEqual(openRosterMemory(store, domain, desk).promisedMsMax, 5_000);
  store.saveRoster(hex(domain.checksum), CLUSTER, JSON.stringify({ ...memory, promisedMsMax: 70 }));
  strictEqual(openRosterMemory(store, domain, desk).promisedMsMax, 5_000);
});

Deno.test("a memory in which a promise, a vote or a term is something else counts as lost", () => {
  const good = { ...EMPTY_MEMORY, lastVote: { term: 3, digest: "d", prev: "p" } };
  const statement = { prev: "p", term: 2, voter: "v", signature: "s" };
  const bad: unknown[] = [
    { ...good, promisedMsMax: null },
    { ...good, promisedMsMax: -1 },
    { ...good, promisedMsMax: { toString: 1 } },
    { ...good, incarnation: 1.5 },
    { ...good, lastVote: { ...good.lastVote, term: "3" } },
    { ...good, lastVote: { ...good.lastVote, digest: 7 } },
    { ...good, lastVote: null },
    { ...good, opening: [{ ...statement, term: -2 }] },
    { ...good, opening: {} },
    { ...good, steppedDown: 1 },
    { ...good, order: "x" },
    { ...good, evidence: [1] },
    { ...good, head: { id: "c", proposal: {}, document: {} } },
    7,
  ];
  const domain = domainOf(1);
  for (const memory of [{ ...good, opening: [statement] }, ...bad]) {
    using store = StateStore.open(undefined);
    store.saveRoster(hex(domain.checksum), CLUSTER, JSON.stringify(memory));
    const open = () => openRosterMemory(store, domain, new CertificateDesk(domain, store));
    if (bad.indexOf(memory) < 0) strictEqual(open().lastVote?.term, 3);
    else throws(open, /does not verify/, JSON.stringify(memory));
  }
});

/** A folder of function 1, whose electorate closed in favour of another function. */
function closedFor(store: StateStore, successor: number): void {
  const document = { certificate: "a.b.c", bundle: [] };
  const said = { term: 7, prev: "p", kid: "k", successor: base64url(domainOf(successor).checksum) };
  const head = { id: "c", proposal: { type: "closing", ...said }, digest: "d", document };
  const memory = { ...EMPTY_MEMORY, head };
  store.saveRoster(hex(domainOf(1).checksum), CLUSTER, JSON.stringify(memory));
}

Deno.test("a successor goes on from a closing in its own favour only", () => {
  const config = { succeeds: domainOf(1).checksum } as unknown as ClusterConfig;
  using own = StateStore.open(undefined);
  closedFor(own, 2);
  const origin = rosterOrigin(own, domainOf(2), config, EMPTY_MEMORY);
  deepStrictEqual([origin?.term, origin?.id], [7, "c"]);
  using other = StateStore.open(undefined);
  closedFor(other, 3);
  throws(
    () => rosterOrigin(other, domainOf(2), config, EMPTY_MEMORY),
    /not closed in favour of it/,
  );
});

/** A closing certificate of function 1, in favour of function 2 unless it says another. */
function closingOf(term: number, id: string, successorFill = 2): VerifiedCertificate {
  const document = { certificate: `${id}.b.c`, bundle: [] };
  const said = { id, term, prev: "p", kid: "k", tee: "simulated", digest: "d", active: [] };
  const successor = base64url(domainOf(successorFill).checksum);
  const roster = { kind: "closing", successor } as const;
  return { ...said, leader: "", leaderName: "", roster, document } as VerifiedCertificate;
}

Deno.test("of the closings that a voter of the successor is told of the latest in its favour counts", () => {
  using store = StateStore.open(undefined);
  const news = (certificate: VerifiedCertificate) =>
    takeClosing(store, domainOf(2), domainOf(1).checksum, certificate);
  strictEqual(news({ ...closingOf(5, "elects"), roster: undefined }), "none");
  strictEqual(news(closingOf(6, "other", 3)), "for-another");
  strictEqual(knownHead(store, domainOf(1)), undefined);
  strictEqual(news(closingOf(7, "first")), "taken");
  strictEqual(news(closingOf(7, "first")), "known");
  strictEqual(news(closingOf(6, "earlier")), "older");
  strictEqual(news(closingOf(8, "later")), "taken");
  strictEqual(knownHead(store, domainOf(1))?.id, "later");
});

Deno.test("a second closing of one term is evidence, and not taken in place of the first", () => {
  using store = StateStore.open(undefined);
  const head = () => knownHead(store, domainOf(1))?.id;
  adoptClosing(store, domainOf(1), closingOf(7, "first"));
  adoptClosing(store, domainOf(1), closingOf(7, "first"));
  throws(() => adoptClosing(store, domainOf(1), closingOf(7, "second")), /keep both as evidence/);
  throws(() => adoptClosing(store, domainOf(1), closingOf(6, "earlier")), /keep both as evidence/);
  strictEqual(head(), "first");
  adoptClosing(store, domainOf(1), closingOf(8, "later"));
  strictEqual(head(), "later");
});

Deno.test("the key of the head that is read from the folder is not forgotten for others", () => {
  const alpha = new TestFunction("alpha");
  const { certificate, document } = alpha.elect(1);
  const { domain } = alpha;
  using store = StateStore.open(undefined);
  const memory = { ...EMPTY_MEMORY, head: rosterCertificate(certificate) };
  store.saveRoster(hex(domain.checksum), domain.cluster, JSON.stringify(memory));
  const desk = new CertificateDesk(domain, store);
  const kept: string[] = [];
  desk.verify = (value) => verifyCertificate(value, alpha.pins);
  desk.goBy = (kid) => kept.push(kid);
  deepStrictEqual(openRosterMemory(store, domain, desk).head?.document, document);
  deepStrictEqual(kept, [certificate.kid]);
});

Deno.test("a successor has no origin yet where the predecessor is open, or was never there", () => {
  const config = { succeeds: domainOf(1).checksum } as unknown as ClusterConfig;
  using empty = StateStore.open(undefined);
  strictEqual(rosterOrigin(empty, domainOf(2), config, EMPTY_MEMORY), undefined);
  match(closingMissing(empty, domainOf(2), config).message, /closing certificate is not in/);
  using open = StateStore.open(undefined);
  open.saveRoster(hex(domainOf(1).checksum), CLUSTER, JSON.stringify(EMPTY_MEMORY));
  strictEqual(rosterOrigin(open, domainOf(2), config, EMPTY_MEMORY), undefined);
  match(closingMissing(open, domainOf(2), config).message, /was not closed in favour of it; run/);
  // A package that succeeds nothing has nothing to do with that history.
  throws(
    () => rosterOrigin(open, domainOf(2), {} as ClusterConfig, EMPTY_MEMORY),
    /this package does not succeed it/,
  );
});
