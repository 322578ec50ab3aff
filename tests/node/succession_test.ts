/** Orders of succession as a node takes them, and what it makes of its cluster.json: each check has a test that breaks only that. */
import { match, strictEqual } from "node:assert";
import { base64url, fromUtf8 } from "../../lib/base/bytes.ts";
import { signSuccessionOrder, type SuccessionOrderFile } from "../../lib/certificate/mod.ts";
import { rosterOf, rosterRequest } from "../../lib/node/roster_cluster.ts";
import { orderFault } from "../../lib/node/succession.ts";
import { configFields, configOf, OPERATOR } from "../function/_roster.ts";
import { testIdentity } from "../function/_world.ts";

const config = configOf(configFields(4, 1));
const filled = (fill: number) => new Uint8Array(32).fill(fill);
const DOMAIN = { checksum: filled(1), cluster: config.cluster };
const order = signSuccessionOrder(OPERATOR, DOMAIN, filled(2));

const faultOf = (order: SuccessionOrderFile, of = config) => orderFault(order, DOMAIN, of) ?? "";

Deno.test("the operator's order for another function is taken", () => {
  strictEqual(faultOf(order), "");
});

Deno.test("an order for another cluster or function is none, though the operator signed it", () => {
  const other = { ...DOMAIN, cluster: "other" };
  match(faultOf(signSuccessionOrder(OPERATOR, other, filled(2))), /^it is for cluster "other"/);
  const another = { ...DOMAIN, checksum: filled(3) };
  match(faultOf(signSuccessionOrder(OPERATOR, another, filled(2))), /^it closes function 0303/);
});

Deno.test("an order in favour of the function itself is none", () => {
  const self = signSuccessionOrder(OPERATOR, DOMAIN, Uint8Array.from(DOMAIN.checksum));
  match(faultOf(self), /itself/);
});

Deno.test("an order of somebody else, or of nobody where there is no operator, is none", () => {
  match(faultOf(signSuccessionOrder(testIdentity(9), DOMAIN, filled(2))), /not by the operatorKey/);
  match(faultOf({ ...order, successor: filled(4) }), /not by the operatorKey/);
  const { operatorKey: _, ...fields } = configFields(4, 1);
  match(faultOf(order, configOf(fields)), /names no operatorKey/);
});

Deno.test("sticky without a bound is without one, and with one as long as that", () => {
  const staysOf = (change: object) =>
    rosterOf(configOf(configFields(4, 1, change))).stickyTenureMax;
  strictEqual(staysOf({}), undefined);
  strictEqual(staysOf({ sticky: true }), Infinity);
  strictEqual(staysOf({ sticky: true, maxTenure: 3 }), 3);
});

Deno.test("the first certificate of a successor is asked for with the closing, later ones with what they follow", () => {
  const closing = { certificate: "closing", bundle: [] };
  const digest = base64url(filled(7));
  const proposal = { type: "leader", term: 9, prev: digest, kid: digest, tenure: 0 } as const;
  const active = rosterOf(config).voters.map(({ id }) => id);
  const call = { type: "call-enclave", digest, proposal: { ...proposal, active }, votes: [] };
  const previousIn = (change: object, known?: typeof closing) => {
    const request = rosterRequest(config, { ...call, ...change } as never, known);
    return JSON.parse(fromUtf8(request)!).elect.previous;
  };
  strictEqual(previousIn({}), undefined);
  strictEqual(previousIn({}, closing), "closing");
  const prev = { document: { certificate: "prev", bundle: [] } };
  strictEqual(previousIn({ prev }, closing), "prev");
});
