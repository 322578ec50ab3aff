/** The digest that a node computes in its own way is the one that the enclave recomputes. */
import { strictEqual } from "node:assert";
import { ACTIVE_NODES_MAX, openProposalDigest } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { Candidate } from "../../lib/election/types.ts";
import { openDigest } from "../../lib/node/open_digest.ts";

const prng = createPrng(1);
const text = () => base64url(Uint8Array.from({ length: 32 }, () => prng.below(256)));
const domain = { checksum: fromBase64url(text())!, cluster: "blue" };
const nodes = Array.from(
  { length: 3 * ACTIVE_NODES_MAX },
  (_, i): Candidate => ({ id: text(), name: `host-${i}:${9_000 + i}`, key: text() }),
);

function requireSame(active: readonly Candidate[], term: number): void {
  const [prev, kid] = [text(), text()];
  const wanted = openProposalDigest(sha256, domain, {
    term,
    prev: fromBase64url(prev)!,
    kid: fromBase64url(kid)!,
    active: active.map(({ id, name }) => ({ id: fromBase64url(id)!, name })),
  });
  strictEqual(openDigest(domain, { term, prev, kid, active }), base64url(wanted));
}

Deno.test("a node's digest of a proposal is the rule's, at every length of a list", () => {
  for (let length = 0; length <= 30; length++) requireSame(nodes.slice(0, length), 1 + length);
  for (const length of [255, 256, 257, ACTIVE_NODES_MAX]) {
    requireSame(nodes.slice(0, length), 2 ** 40 + length);
  }
});

Deno.test("it is so also for a node that got another name, and when more came and went than are kept", () => {
  const [first, ...rest] = nodes.slice(0, 5);
  requireSame([{ ...first, name: "other" }, ...rest], 1);
  requireSame([first, ...rest], 2);
  for (let at = 0; at < nodes.length; at += 256) requireSame(nodes.slice(at, at + 256), 3);
  requireSame([first, ...rest], 4);
});
