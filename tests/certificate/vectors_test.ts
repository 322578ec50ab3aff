/** The published vectors are what this code makes, and what other libraries make of the same inputs. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { createHash, createPublicKey } from "node:crypto";
import { encode } from "cborg";
import { calculateJwkThumbprint, compactVerify, exportJWK, importPKCS8 } from "jose";
import { base64url, fromBase64url, fromHex, hex } from "../../lib/base/bytes.ts";
import { verifyCertificate } from "../../lib/certificate/mod.ts";
import { certificateKey } from "../function/_world.ts";
import { electionVectors, VECTORS_FILE } from "./_vectors.ts";

const vectors: ReturnType<typeof electionVectors> = JSON.parse(Deno.readTextFileSync(VECTORS_FILE));
const sha256Hex = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const checksum = fromHex(vectors.checksum)!;
const bytesOf = (text: string) => fromBase64url(text)!;

Deno.test("this code makes the vectors", () => {
  assertEquals(electionVectors(), vectors);
});

Deno.test("ids are RFC 7638 thumbprints, by jose", async () => {
  for (const { publicKey, id } of vectors.nodes) {
    const x = base64url(fromHex(publicKey)!);
    assertEquals(await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x }), id);
  }
  const { kty, n, e } = await exportJWK(
    await importPKCS8(vectors.certificateKeyPem, "RS256", { extractable: true }),
  );
  assertEquals(await calculateJwkThumbprint({ kty, n, e }), vectors.kid);
});

Deno.test("digests are SHA-256 of CBOR arrays, by cborg", () => {
  const hash = (tag: string, ...rest: unknown[]) =>
    sha256Hex(encode([tag, checksum, vectors.cluster, ...rest]));
  const prev = fromHex(vectors.genesis)!;
  const active = vectors.nodes.map(({ id, name }) => [bytesOf(id), name]);
  assertEquals(hash("fumata-genesis-v1"), vectors.genesis);
  assertEquals(
    hash("fumata-proposal-open-v1", vectors.term, prev, bytesOf(vectors.kid), active),
    vectors.digest,
  );
  const least = (tag: string, ...rest: unknown[]) =>
    vectors.nodes.map(({ id }) => ({ id, hash: hash(tag, ...rest, bytesOf(id)) }))
      .reduce((best, next) => next.hash < best.hash ? next : best).id;
  assertEquals(
    [1, 2, 3, 4].map((term) => least("fumata-collector-v1", prev, term)),
    vectors.collectors,
  );
  assertEquals(sha256Hex(fromHex(vectors.beaconSignature)!), vectors.beacon);
  assertEquals(least("fumata-draw-v1", fromHex(vectors.beacon)), vectors.random.leaderId);
  for (const { leaderId, certificateId } of [vectors.highest, vectors.random]) {
    const said = [
      vectors.term,
      fromHex(vectors.digest),
      bytesOf(vectors.kid),
      fromHex(vectors.beacon),
      bytesOf(leaderId),
    ];
    assertEquals(hash("fumata-certificate-v1", ...said), hex(bytesOf(certificateId)));
  }
});

Deno.test("certificates are JWS, by jose, and pass the verifier with their votes", async () => {
  const key = certificateKey();
  const publicKey = createPublicKey({ key: { ...key.jwk }, format: "jwk" });
  for (const policy of ["highest", "random"] as const) {
    const { certificate, leader } = vectors[policy];
    const jws = await compactVerify(certificate, publicKey as never, { algorithms: ["RS256"] });
    assertEquals(JSON.parse(new TextDecoder().decode(jws.payload)).name, leader);
    const verdict = verifyCertificate({ certificate, bundle: vectors.votes }, {
      domain: { checksum, cluster: vectors.cluster },
      keys: new Map([[key.kid, key]]),
      policy,
    });
    assert(verdict.ok, JSON.stringify(verdict));
  }
});
