/**
 * Verifies election certificates of fumata's roster clusters, in one file without dependencies: for services that obey a leader and run on
 * Deno, Node (20 or later) or in a browser. Copy it (for Node before 22 name it `.mjs`). It needs WebCrypto with SHA-256, RSASSA-PKCS1-v1_5 and Ed25519, nothing else.
 *
 * What you bring, and must have from somewhere that you trust: the checksum of the election function, the package's `cluster.json` (who
 * votes, how many may lie), and the enclave's public keys (from evidence that `fumata verify` or `fumata attest` accepted: a list
 * of keys that a node hands out is no trust root). What comes from a stranger is the document: `{"certificate", "bundle"}`.
 *
 * It is written anew from the formats (function/leader-election/rules.ts and roster_rules.ts say them) and shares no code with the rest of the
 * project, so that tests can compare the two. Certificates of open clusters are refused: they are no fencing tokens.
 *
 *     import { fenceFault, verifyCertificate } from "./fumata_verify.js";
 *
 *     const verdict = await verifyCertificate(document, { checksum, clusterJson, keys });
 *     if (!verdict.ok) throw new Error(verdict.failures.map(({ message }) => message).join("; "));
 *     const fault = fenceFault(verdict.certificate, stored); // `stored` is what you remembered last
 *     if (fault) throw new Error(fault);
 *     // remember { cluster, term, id } of the certificate durably, and only then act on the leader's request
 */

/**
 * What the verifier demands.
 * @typedef {object} Pins
 * @property {string} checksum Checksum of the election function, 64 hex digits.
 * @property {string | Uint8Array} clusterJson The package's `cluster.json`, byte for byte.
 * @property {readonly object[]} keys Public keys of the enclaves, as JWK.
 */

/**
 * What a verified certificate says.
 * @typedef {object} Certificate
 * @property {string} cluster
 * @property {number} term Grows with every leader; the fencing token.
 * @property {string} id
 * @property {string} prev Id of the certificate before.
 * @property {string} leader Thumbprint of the leader's key.
 * @property {string} leaderName
 * @property {string} leaderKey Raw Ed25519 key of the leader, base64url.
 * @property {number} leaseMs
 * @property {string} checksum
 */

/** @typedef {{ check: string, message: string }} Failure */

const DOCUMENT_VOTES_MAX = 64;
const JWS_CHARACTERS_MAX = 16384;

/**
 * Verifies a document of unknown origin. Rejects only when the pins themselves are wrong or WebCrypto lacks an algorithm.
 * @param {unknown} document
 * @param {Pins} pins
 * @returns {Promise<{ ok: true, certificate: Certificate } | { ok: false, failures: Failure[] }>}
 */
export async function verifyCertificate(document, pins) {
  const config = await readConfig(pins);
  /** @type {Failure[]} */
  const failures = [];
  const fail = (check, message) => void failures.push({ check, message });
  const read = readDocument(document);
  if (typeof read === "string") {
    return { ok: false, failures: [{ check: "document", message: read }] };
  }
  const { header, claims, signed, signature, votes } = read;

  // Signatures.
  const domain = [claims.checksum, claims.aud];
  const key = await findKey(pins.keys, header.kid);
  const beaconSignature = fromBase64url(claims.beacon);
  if (!key) fail("key", `the key ${header.kid} is not among those that are trusted`);
  else {
    if (!await verifyRs256(key, signed, signature)) {
      fail("signature", "the certificate's signature is not valid");
    }
    const beaconInput = concat(
      utf8("fumata-beacon-v1\0"),
      encodeCbor([...domain, fromBase64url(claims.prev)]),
    );
    if (!await verifyRs256(key, beaconInput, beaconSignature)) {
      fail("beacon", "the beacon's signature is not valid");
    }
  }
  const digest = fromBase64url(claims.digest);
  const voteMessage = encodeCbor(["fumata-vote-v1", ...domain, claims.term, digest]);
  for (const [i, vote] of votes.entries()) {
    if (!await verifyEd25519(vote.key, voteMessage, vote.signature)) {
      fail("vote", `bundle[${i}] is no valid vote for this term and digest`);
    }
  }
  if (failures.length > 0) return { ok: false, failures };

  // What the certificate must be about.
  if (claims.iss !== `fumata:${pins.checksum}`) {
    fail("checksum", `the issuer is ${claims.iss}; fumata:${pins.checksum} is wanted`);
  }
  if (claims.aud !== config.cluster) {
    fail("cluster", `the cluster is "${claims.aud}"; "${config.cluster}" is wanted`);
  }
  if (claims.config !== config.digest) fail("config", "the enclave had another cluster.json");
  if (claims.policy !== config.policy) fail("policy", `the policy is ${claims.policy}`);
  if (claims.lease !== config.leaseMs) fail("lease", `the lease is ${claims.lease} ms`);

  // What follows from the rules.
  const kid = fromBase64url(header.kid);
  const prev = fromBase64url(claims.prev);
  const bitmap = fromBase64url(claims.active);
  const incumbent = fromBase64url(claims.incumbent);
  const rest = [claims.term, prev, kid, bitmap, incumbent, claims.tenure];
  if (!equal(digest, await hash("fumata-proposal-v1", ...domain, ...rest))) {
    fail("digest", "the digest is not that of the proposal");
  }
  const hasIncumbent = incumbent.length > 0;
  if (hasIncumbent !== claims.tenure > 0) fail("incumbent", "incumbent and tenure do not fit");
  if (hasIncumbent && !config.roster.some(({ id }) => equal(id, incumbent))) {
    fail("incumbent", "the incumbent is not in the roster");
  }
  if (
    equal(prev, await hash("fumata-genesis-v1", ...domain)) && (hasIncumbent || config.succeeds)
  ) {
    fail("genesis", "it begins from nothing, and must not");
  }
  const beacon = await sha256(beaconSignature);
  const leader = fromBase64url(claims.sub);
  const said = [claims.term, digest, kid, beacon, leader];
  if (claims.jti !== base64url(await hash("fumata-certificate-v1", ...domain, ...said))) {
    fail("id", "the id is not the hash of what it says");
  }
  if (!isBitmap(bitmap, config.roster.length) || bitmap.every((byte) => byte === 0)) {
    fail("active", "the bitmap is none of the roster");
  } else {
    const drawn = await draw(config, domain, beacon, bitmap, incumbent, claims.tenure);
    const isDrawn = equal(drawn.id, leader) && drawn.name === claims.name;
    if (!isDrawn) fail("draw", `the leader is ${claims.name}; ${drawn.name} was drawn`);
    else if (drawn.key !== claims.cnf.jwk.x) fail("leader", "the leader's key is another");
  }

  // Who voted.
  const voters = new Set();
  for (const [i, vote] of votes.entries()) {
    const text = base64url(vote.key);
    if (!config.roster.some((member) => member.key === text)) {
      fail("voter", `bundle[${i}] is by nobody of the roster`);
    } else if (voters.has(text)) fail("voter", `bundle[${i}] is a second vote`);
    else voters.add(text);
  }
  const needed = Math.floor((config.roster.length + config.faultBound) / 2) + 1;
  if (voters.size < needed) fail("quorum", `${voters.size} voted; ${needed} are needed`);
  if (failures.length > 0) return { ok: false, failures };
  return {
    ok: true,
    certificate: {
      cluster: claims.aud,
      term: claims.term,
      id: claims.jti,
      prev: claims.prev,
      leader: claims.sub,
      leaderName: claims.name,
      leaderKey: claims.cnf.jwk.x,
      leaseMs: claims.lease,
      checksum: pins.checksum,
    },
  };
}

/**
 * Why a certificate must not be obeyed any more, although it is genuine; `undefined` when it may. Terms go on across succession, so keep
 * what you stored when the function changes.
 * @param {{ cluster: string, term: number, id: string }} certificate
 * @param {{ cluster: string, term: number, id: string } | undefined} stored What was remembered last.
 * @returns {string | undefined}
 */
export function fenceFault(certificate, stored) {
  if (!stored) return undefined;
  if (stored.cluster !== certificate.cluster) return "the stored term is of another cluster";
  if (certificate.term < stored.term) {
    return `term ${certificate.term} is over: term ${stored.term} was seen`;
  }
  const isFork = certificate.term === stored.term && certificate.id !== stored.id;
  return isFork ? `another certificate of term ${stored.term} was seen` : undefined;
}

/**
 * A fresh challenge for the leader: send `{"certificate": id, "challenge"}` to `POST /v1/prove`, it answers `{"signature"}`.
 * @returns {string} 32 random bytes, base64url.
 */
export function createChallenge() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * Whether whoever answered a challenge holds the leader's key, or passed the challenge on to who does.
 * @param {Certificate} certificate
 * @param {string} challenge
 * @param {unknown} signature base64url
 * @returns {Promise<boolean>}
 */
export async function verifyPossession(certificate, challenge, signature) {
  const message = encodeCbor([
    "fumata-possession-v1",
    hexBytes(certificate.checksum),
    certificate.cluster,
    fromBase64url(certificate.id),
    fromBase64url(challenge),
  ]);
  const bytes = typeof signature === "string" ? fromBase64url(signature) : undefined;
  return bytes !== undefined &&
    await verifyEd25519(fromBase64url(certificate.leaderKey), message, bytes);
}

// ---- pins

/** Reads cluster.json. Its full check is made when the function is loaded; here only what would make this verifier unsound. */
async function readConfig({ checksum, clusterJson }) {
  if (typeof checksum !== "string" || !/^[0-9a-f]{64}$/.test(checksum)) {
    throw new TypeError("Cannot verify: the checksum is not 64 lower-case hex digits");
  }
  const bytes = typeof clusterJson === "string" ? utf8(clusterJson) : clusterJson;
  const config = JSON.parse(new TextDecoder().decode(bytes));
  const { cluster, roster, faultBound, policy, sticky = false, maxTenure = 0, lease } = config;
  if (!Array.isArray(roster) || roster.length === 0 || roster.length > DOCUMENT_VOTES_MAX) {
    throw new TypeError("Cannot verify: cluster.json has no roster of 1 to 64 members");
  }
  if (!Number.isInteger(faultBound) || faultBound < 0 || roster.length < 3 * faultBound + 1) {
    throw new TypeError(
      "Cannot verify: cluster.json has a faultBound that its roster does not bear",
    );
  }
  if (new Set(roster.map(({ key }) => key)).size !== roster.length) {
    throw new TypeError("Cannot verify: cluster.json has two members with one key");
  }
  return {
    cluster,
    faultBound,
    policy,
    sticky,
    maxTenure,
    succeeds: config.succeeds,
    leaseMs: lease.leaseMs,
    digest: base64url(await sha256(bytes)),
    roster: await Promise.all(roster.map(async ({ name, key, weight = 1 }) => ({
      name,
      key,
      weight,
      id: await sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${key}"}`)),
    }))),
  };
}

async function findKey(jwks, kid) {
  for (const { kty, n, e } of jwks) {
    if (kty !== "RSA" || e !== "AQAB") continue;
    const thumbprint = await sha256(utf8(JSON.stringify({ e, kty, n })));
    if (base64url(thumbprint) !== kid) continue;
    const bytes = fromBase64url(n);
    if (!bytes || bytes[0] < 0x80 || bytes.length < 256 || bytes.length > 512) continue;
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("jwk", { kty, n, e }, algorithm, false, ["verify"]);
    return { key, signatureBytes: bytes.length };
  }
  return undefined;
}

// ---- the document

/** Bytes to fields; a text says why it is none. One certificate has one text, so everything is compared with what it would be written as. */
function readDocument(document) {
  if (!isObject(document)) return "the document is not an object";
  const { certificate, bundle } = document;
  if (typeof certificate !== "string" || certificate.length > JWS_CHARACTERS_MAX) {
    return '"certificate" is not a text of bounded length';
  }
  if (!Array.isArray(bundle) || bundle.length > DOCUMENT_VOTES_MAX) {
    return '"bundle" is not an array of at most 64 votes';
  }
  const parts = certificate.split(".");
  if (parts.length !== 3) return "the certificate is no JWS of three parts";
  const [header, claims] = parts.slice(0, 2).map(objectIn);
  const signature = fromBase64url(parts[2]);
  if (!header || !claims || !signature) return "the certificate is not canonical";
  const { alg, kid, typ } = header;
  if (Object.keys(header).join() !== "alg,kid,typ" || alg !== "RS256" || !isBytes(kid, 32)) {
    return "the header is not one of alg RS256, kid and typ";
  }
  if (typ === "election-open+jwt") return "it is of an open cluster, hence no fencing token";
  if (typ === "election-closing+jwt") return "it closes its cluster and names no leader";
  if (typ !== "election+jwt") return `the type is ${String(typ).slice(0, 40)}`;
  const fault = claimFault(claims);
  if (fault) return fault;
  const votes = bundle.map((vote) =>
    isObject(vote) && isBytes(vote.key, 32) && isBytes(vote.signature, 64)
      ? { key: fromBase64url(vote.key), signature: fromBase64url(vote.signature) }
      : undefined
  );
  if (votes.includes(undefined)) return "a vote of the bundle is no key with a signature";
  return {
    header,
    claims: { ...claims, checksum: hexBytes(claims.iss.slice("fumata:".length)) },
    signed: utf8(`${parts[0]}.${parts[1]}`),
    signature,
    votes,
  };
}

const isText = (value) => typeof value === "string" && value.length <= 64;
const isDigest = (value) => isBytes(value, 32);
const isWhole = (min) => (value) => Number.isSafeInteger(value) && value >= min;

const CLAIMS = {
  iss: (value) => typeof value === "string" && /^fumata:[0-9a-f]{64}$/.test(value),
  aud: isText,
  sub: isDigest,
  jti: isDigest,
  name: isText,
  cnf: (value) =>
    isObject(value) && Object.keys(value).join() === "jwk" && isObject(value.jwk) &&
    Object.keys(value.jwk).sort().join() === "crv,kty,x" && value.jwk.crv === "Ed25519" &&
    value.jwk.kty === "OKP" && isDigest(value.jwk.x),
  term: isWhole(1),
  prev: isDigest,
  active: (value) => isBytes(value, 1, 8),
  incumbent: (value) => value === "" || isDigest(value),
  tenure: isWhole(0),
  digest: isDigest,
  policy: isText,
  beacon: (value) => isBytes(value, 256, 512),
  lease: isWhole(1),
  config: isDigest,
  tee: isText,
  iat: isWhole(0),
};

function claimFault(claims) {
  for (const [name, check] of Object.entries(CLAIMS)) {
    if (!Object.hasOwn(claims, name) || !check(claims[name])) return `the claim "${name}" is wrong`;
  }
  const unknown = Object.keys(claims).find((name) => !Object.hasOwn(CLAIMS, name));
  return unknown === undefined ? undefined : `the claim "${unknown.slice(0, 40)}" is unknown`;
}

function objectIn(part) {
  const bytes = fromBase64url(part);
  if (!bytes) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value = JSON.parse(text);
    return isObject(value) && JSON.stringify(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// ---- the draw

async function draw(config, domain, beacon, bitmap, incumbent, tenure) {
  const active = config.roster.filter((_, i) => bitmap[i >> 3] >> (i & 7) & 1);
  const sitting = active.find(({ id }) => equal(id, incumbent));
  const mayStay = config.maxTenure === 0 || tenure < config.maxTenure;
  if (config.sticky && sitting && mayStay) return sitting;
  if (config.policy === "highest") {
    return active.reduce((best, next) => compareMembers(next, best) > 0 ? next : best);
  }
  let best;
  for (const member of active) {
    for (let k = 0; k < (config.policy === "weighted" ? member.weight : 1); k++) {
      const ticket = config.policy === "weighted"
        ? await hash("fumata-ticket-v1", ...domain, beacon, member.id, k)
        : await hash("fumata-draw-v1", ...domain, beacon, member.id);
      if (!best || compare(ticket, best.ticket) < 0) best = { member, ticket };
    }
  }
  return best.member;
}

/** By the text before a port at the end, then the port as a number, then the id. */
function compareMembers(a, b) {
  const [[hostA, portA], [hostB, portB]] = [a, b].map(({ name }) => {
    const match = /^(.*?):?([0-9]{1,15})$/.exec(name);
    return match ? [match[1], Number(match[2])] : [name, -1];
  });
  if (hostA !== hostB) return hostA < hostB ? -1 : 1;
  if (portA !== portB) return portA - portB;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return compare(a.id, b.id);
}

function isBitmap(bitmap, voters) {
  const isWholeBytes = voters % 8 === 0;
  return bitmap.length === Math.ceil(voters / 8) &&
    (isWholeBytes || bitmap[bitmap.length - 1] >> voters % 8 === 0);
}

// ---- cryptography

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** SHA-256 over a CBOR array. */
async function hash(...items) {
  return await sha256(encodeCbor(items));
}

async function verifyRs256({ key, signatureBytes }, message, signature) {
  return signature.length === signatureBytes &&
    await crypto.subtle.verify("RSASSA-PKCS1-v1_5", key, signature, message);
}

/** The group order, the field prime, and the y of the points of small order, all little-endian (RFC 8032, section 5.1). */
const ORDER = hexBytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
const PRIME = hexBytes("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
const SMALL_ORDER_Y = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
].map(hexBytes);

/** Strict: libraries differ about keys of small order and signatures with another text, and a quorum must not depend on that. */
async function verifyEd25519(publicKey, message, signature) {
  if (signature.length !== 64 || !isBelow(signature.subarray(32), ORDER)) return false;
  const y = publicKey.slice();
  y[31] &= 0x7f;
  if (!isBelow(y, PRIME) || SMALL_ORDER_Y.some((small) => equal(small, y))) return false;
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, message);
  } catch (error) {
    if (error?.name === "NotSupportedError") throw error;
    return false;
  }
}

function isBelow(littleEndian, bound) {
  for (let i = littleEndian.length - 1; i >= 0; i--) {
    if (littleEndian[i] !== bound[i]) return littleEndian[i] < bound[i];
  }
  return false;
}

// ---- bytes

/** Deterministic CBOR (RFC 8949, section 4.2.1) of whole numbers, texts, byte strings and arrays. */
function encodeCbor(value) {
  if (typeof value === "number") return cborHead(0, value);
  if (typeof value === "string") return concat(cborHead(3, utf8(value).length), utf8(value));
  if (value instanceof Uint8Array) return concat(cborHead(2, value.length), value);
  return concat(cborHead(4, value.length), ...value.map(encodeCbor));
}

function cborHead(major, value) {
  const type = major << 5;
  if (value < 24) return Uint8Array.of(type | value);
  if (value < 0x100) return Uint8Array.of(type | 24, value);
  if (value < 0x10000) return Uint8Array.of(type | 25, value >> 8, value & 0xff);
  const bytes = new Uint8Array(value < 0x100000000 ? 5 : 9);
  bytes[0] = type | (bytes.length === 5 ? 26 : 27);
  const view = new DataView(bytes.buffer);
  if (bytes.length === 5) view.setUint32(1, value);
  else view.setBigUint64(1, BigInt(value));
  return bytes;
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function compare(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

function equal(a, b) {
  return compare(a, b) === 0;
}

function hexBytes(text) {
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Bytes of canonical base64url without padding, or `undefined`. */
function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  return base64url(bytes) === text ? bytes : undefined;
}

function isBytes(value, min, max = min) {
  if (typeof value !== "string" || value.length > 2 * max) return false;
  const bytes = fromBase64url(value);
  return bytes !== undefined && bytes.length >= min && bytes.length <= max;
}
