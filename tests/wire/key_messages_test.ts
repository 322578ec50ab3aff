import { deepStrictEqual, strictEqual } from "node:assert";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import { encodeEvidence } from "../../lib/attestation/mod.ts";
import { base64url } from "../../lib/base/bytes.ts";
import {
  decodeKeyMessage,
  encodeKeyMessage,
  KEY_BODY_BYTES_MAX,
  KEY_KINDS,
  type KeyMessage,
} from "../../lib/wire/key_messages.ts";

const KID = base64url(new Uint8Array(32).fill(7));
const MODULUS = new Uint8Array(256).fill(0xaa);

const MESSAGES: readonly KeyMessage[] = [
  { kind: "want-key", kid: KID },
  {
    kind: "key",
    jwk: { kty: "RSA", n: base64url(MODULUS), e: "AQAB" },
    evidence: { platform: "nitro", document: new Uint8Array(900).fill(3), endorsements: [] },
  },
  {
    kind: "key",
    jwk: { kty: "RSA", n: base64url(MODULUS), e: "AQAB" },
    evidence: {
      platform: "snp",
      document: Uint8Array.of(1),
      endorsements: [Uint8Array.of(2), Uint8Array.of(3)],
      bound: Uint8Array.of(4),
    },
  },
];

for (const [i, message] of MESSAGES.entries()) {
  const kind = KEY_KINDS[message.kind];
  const body = encodeKeyMessage(message);

  Deno.test(`key message ${i}, a ${message.kind}, survives the wire`, () => {
    deepStrictEqual(decodeKeyMessage({ kind, body }), { ok: true, message });
  });

  Deno.test(`key message ${i}, a ${message.kind}, cut at any byte or made longer is dropped`, () => {
    for (let length = 0; length < body.length; length++) {
      strictEqual(decodeKeyMessage({ kind, body: body.subarray(0, length) }).ok, false);
    }
    strictEqual(decodeKeyMessage({ kind, body: Uint8Array.of(...body, 0) }).ok, false);
  });
}

Deno.test("a key message of another form is dropped with its reason", () => {
  const envelope = encodeEvidence({
    platform: "nitro",
    document: Uint8Array.of(1),
    endorsements: [],
  });
  const want = KEY_KINDS["want-key"];
  const { key } = KEY_KINDS;
  const cases = [
    [want, encodeCbor([new Uint8Array(31)]), "body"],
    [want, encodeCbor([new Uint8Array(32), 1]), "body"],
    [want, encodeCbor(1), "body"],
    [key, encodeCbor([MODULUS, envelope]), undefined],
    [key, encodeCbor([MODULUS, envelope, 1]), "body"],
    [key, encodeCbor(["modulus", envelope]), "body"],
    [key, encodeCbor([MODULUS, "envelope"]), "body"],
    [key, encodeCbor([MODULUS, Uint8Array.of(0x7b)]), "body"],
    [key, encodeCbor([new Uint8Array(513), envelope]), "body"],
    [key, new Uint8Array(KEY_BODY_BYTES_MAX + 1), "too-long"],
    [key + 1, encodeCbor([MODULUS, envelope]), "kind"],
  ] as const;
  for (const [kind, body, reason] of cases) {
    const decoded = decodeKeyMessage({ kind, body });
    strictEqual(decoded.ok ? undefined : decoded.reason, reason);
  }
});
