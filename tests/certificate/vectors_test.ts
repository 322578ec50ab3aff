/** The published vectors are what this code makes, and what other libraries make of the same inputs. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { createHash, createPublicKey } from "node:crypto";
import { encode } from "cborg";
import { calculateJwkThumbprint, compactVerify, exportJWK, importPKCS8 } from "jose";
import { base64url, fromBase64url, fromHex, hex } from "../../lib/base/bytes.ts";
import { readClusterConfig, verifyCertificate } from "../../lib/certificate/mod.ts";
import { certificateKey } from "../function/_world.ts";
import { enclaveSign } from "./_issue.ts";
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

// ---- rosters

const { roster } = vectors;
const there = fromHex(roster.checksum)!;
const members: { name: string; key: string; weight: number }[] =
  JSON.parse(roster.clusterJson).roster;
const config = readClusterConfig(new TextEncoder().encode(roster.clusterJson));
const rosterHash = (tag: string, ...rest: unknown[]) =>
  sha256Hex(encode([tag, there, "vectors", ...rest]));

Deno.test("roster digests and ids are SHA-256 of CBOR arrays, by cborg", () => {
  assertEquals(sha256Hex(new TextEncoder().encode(roster.clusterJson)), roster.clusterJsonSha256);
  assertEquals(rosterHash("fumata-genesis-v1"), roster.genesis);
  for (const { proposal, digest } of [roster.first, roster.second, roster.sticky]) {
    const { term, prev, kid, bitmap, incumbent, tenure } = proposal;
    const rest = [term, bytesOf(prev), bytesOf(kid), bytesOf(bitmap), bytesOf(incumbent), tenure];
    assertEquals(rosterHash("fumata-proposal-v1", ...rest), digest);
  }
  const { term, prev, kid, successor } = roster.closing.proposal;
  const rest = [term, bytesOf(prev), bytesOf(kid), bytesOf(successor)];
  assertEquals(rosterHash("fumata-closing-v1", ...rest), roster.closing.digest);
  const said = [term, fromHex(roster.closing.digest), bytesOf(kid), new Uint8Array()];
  assertEquals(
    rosterHash("fumata-certificate-v1", ...said, new Uint8Array()),
    hex(bytesOf(roster.closing.certificateId)),
  );
});

Deno.test("roster draws are the least of all tickets, by cborg", () => {
  const beaconOf = (prev: string) => {
    const { proposal } = roster.first;
    const rest = encode([there, "vectors", bytesOf(prev)]);
    const input = new Uint8Array([...new TextEncoder().encode("fumata-beacon-v1\0"), ...rest]);
    assert(proposal.kid === vectors.kid);
    return fromHex(sha256Hex(enclaveSign(input)))!;
  };
  const least = (proposal: typeof roster.second.proposal, policy: string) => {
    const beacon = beaconOf(proposal.prev);
    const [bits] = bytesOf(proposal.bitmap);
    const tickets = members.filter((_, i) => bits >> i & 1).flatMap(({ name, key, weight }) => {
      const jwk = new TextEncoder().encode(`{"crv":"Ed25519","kty":"OKP","x":"${key}"}`);
      const id = fromHex(sha256Hex(jwk))!;
      return Array.from({ length: policy === "weighted" ? weight : 1 }, (_, k) => ({
        name,
        id: base64url(id),
        hash: policy === "weighted"
          ? rosterHash("fumata-ticket-v1", beacon, id, k)
          : rosterHash("fumata-draw-v1", beacon, id),
      }));
    });
    return tickets.reduce((best, next) => next.hash < best.hash ? next : best);
  };
  const check = (proposal: typeof roster.second.proposal, policy: string, leader: string) =>
    assertEquals(least(proposal, policy).name, leader);
  check(roster.first.proposal, "random", roster.first.leader);
  const [highest, random, weighted] = roster.second.draws;
  assertEquals(highest.leader, "127.0.0.1:10004");
  check(roster.second.proposal, "random", random.leader);
  check(roster.second.proposal, "weighted", weighted.leader);

  const [fresh, stays, within, over] = roster.sticky.draws;
  const { incumbent } = roster.sticky.proposal;
  check(roster.sticky.proposal, "weighted", fresh.leader);
  assertEquals([stays.leaderId, within.leaderId], [incumbent, incumbent]);
  assertEquals(over.leader, fresh.leader);
  assert(fresh.leaderId !== incumbent);
});

Deno.test("roster certificates are JWS, by jose, and pass the verifier with their votes", async () => {
  const key = certificateKey();
  const publicKey = createPublicKey({ key: { ...key.jwk }, format: "jwk" });
  assert(typeof config !== "string");
  for (const { certificate, certificateId, votes } of [roster.first, roster.closing]) {
    const jws = await compactVerify(certificate, publicKey as never, { algorithms: ["RS256"] });
    assertEquals(JSON.parse(new TextDecoder().decode(jws.payload)).jti, certificateId);
    assertEquals(votes.length, roster.quorum);
    const verdict = verifyCertificate({ certificate, bundle: votes }, {
      domain: { checksum: there, cluster: "vectors" },
      keys: new Map([[key.kid, key]]),
      config,
    });
    assert(verdict.ok, JSON.stringify(verdict));
  }
});

Deno.test("messages of leases are CBOR arrays, by cborg", () => {
  const id = bytesOf(roster.first.certificateId);
  const nonce = Uint8Array.from({ length: 16 }, (_, i) => i);
  const message = (tag: string, ...rest: unknown[]) =>
    hex(encode([tag, there, "vectors", ...rest]));
  const { lease, closing } = roster;
  assertEquals(
    lease.heartbeat,
    message("fumata-heartbeat-v1", id, nonce, 3, 500, new Uint8Array()),
  );
  assertEquals(lease.heartbeatWithEcho, message("fumata-heartbeat-v1", id, nonce, 3, 501, nonce));
  assertEquals(lease.ack, message("fumata-lease-ack-v1", id, nonce));
  assertEquals(lease.stepDown, message("fumata-step-down-v1", id));
  const challenge = createHash("sha256").update("challenge").digest();
  assertEquals(lease.possession, message("fumata-possession-v1", id, new Uint8Array(challenge)));
  assertEquals(
    closing.orderMessage,
    message("fumata-succession-v1", bytesOf(closing.proposal.successor)),
  );
});
