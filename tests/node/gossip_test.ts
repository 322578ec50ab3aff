/** Heads as gossip carries them: 40 bytes, wherever these stand. */
import { deepStrictEqual, strictEqual } from "node:assert";
import { base64url } from "../../lib/base/bytes.ts";
import { decodeHead, encodeHead } from "../../lib/node/gossip.ts";

const HEAD = { term: 2 ** 40 + 3, id: base64url(new Uint8Array(32).fill(9)) };

Deno.test("a head is read where it stands, also in the middle of a datagram", () => {
  const bytes = encodeHead(HEAD);
  const datagram = new Uint8Array(bytes.length + 20).fill(255);
  datagram.set(bytes, 10);
  deepStrictEqual(decodeHead(datagram.subarray(10, 10 + bytes.length)), HEAD);
});

Deno.test("a head of another length, or of a term that no certificate can have, is none", () => {
  const bytes = encodeHead(HEAD);
  strictEqual(decodeHead(bytes.subarray(1)), undefined);
  strictEqual(decodeHead(new Uint8Array(0)), undefined);
  new DataView(bytes.buffer).setBigUint64(0, 2n ** 53n);
  strictEqual(decodeHead(bytes), undefined);
});
