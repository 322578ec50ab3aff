/**
 * Verifies election certificates of fumata's clusters, in one file without dependencies: for services that obey a leader and run on
 * Deno, Node (20 or later) or in a browser. Copy it (for Node before 22 name it `.mjs`). It needs WebCrypto with SHA-256, RSASSA-PKCS1-v1_5 and Ed25519, nothing else.
 *
 * What you bring, and must have from somewhere that you trust: the checksum of the election function, the package's `cluster.json` (who
 * votes, how many may lie), and the enclave's public keys (from evidence that `fumata verify` or `fumata attest` accepted: a list
 * of keys that a node hands out is no trust root). What comes from a stranger is the document: `{"certificate", "bundle"}`.
 *
 * It is written anew from the formats (function/leader-election/rules.ts and roster_rules.ts say them) and shares no code with the rest of the
 * project, so that tests can compare the two. `verifyCertificate` refuses certificates of open clusters, for they are no fencing tokens;
 * `verifyOpenCertificate` judges these, for whoever shows them, and what it gives fits no fence.
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
 * @property {Readonly<Record<string, string>>} [tees] The TEE whose evidence stands behind a key, by the key's thumbprint, where it is known.
 */

/**
 * What the verifier demands of a certificate of an open cluster.
 * @typedef {object} OpenPins
 * @property {string} checksum Checksum of the election function, 64 hex digits.
 * @property {string} cluster Name of the cluster.
 * @property {readonly object[]} keys Public keys of the enclaves, as JWK.
 * @property {Readonly<Record<string, string>>} [tees] As above.
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

/**
 * What a verified certificate of an open cluster says.
 * @typedef {object} OpenCertificate
 * @property {string} cluster
 * @property {number} term Grows within one part of a partition only: no fencing token.
 * @property {string} id
 * @property {string} leader Thumbprint of the leader's key.
 * @property {string} leaderName
 * @property {string} policy How the leader was drawn.
 * @property {string} checksum
 * @property {number} activeNodes How many nodes it lists.
 */

/** @typedef {{ check: string, message: string }} Failure */

/**
 * Verifies a document of unknown origin. Rejects only when the pins themselves are wrong or WebCrypto lacks an algorithm.
 * @param {unknown} document
 * @param {Pins} pins
 * @returns {Promise<{ ok: true, certificate: Certificate } | { ok: false, failures: Failure[] }>}
 */
export async function verifyCertificate(document, pins) {
  const config = await readConfig(pins);
  const read = await readDocument(document, ROSTER);
  if (typeof read === "string") return refused([["document", read]]);
  const forged = await signatureFaults(read, pins);
  if (forged.length > 0) return refused(forged);
  const { claims, kid, prev, domain } = read;
  /** @type {[check: string, message: string][]} */
  const faults = pinFaults(read, { ...pins, cluster: config.cluster });
  const fault = (check, message) => void faults.push([check, message]);

  if (claims.config !== config.digest) {
    const [wanted, came] = [config.digest, claims.config].map((text) => hex(fromBase64url(text)));
    fault("config", `the enclave's cluster.json has the hash ${came}; that at hand has ${wanted}`);
  }
  if (claims.policy !== config.policy) {
    fault("policy", `the policy is "${claims.policy}"; the package has "${config.policy}"`);
  }
  if (claims.lease !== config.leaseMs) {
    fault("lease", `the lease is ${claims.lease} ms; the package has ${config.leaseMs} ms`);
  }
  const bitmap = fromBase64url(claims.active);
  const incumbent = fromBase64url(claims.incumbent);
  const rest = [claims.term, prev, kid, bitmap, incumbent, claims.tenure];
  if (!equal(read.digest, await hash("fumata-proposal-v1", ...domain, ...rest))) {
    fault(
      "digest",
      "the digest is not that of term, prev, kid, active nodes, incumbent and tenure",
    );
  }
  const hasIncumbent = incumbent.length > 0;
  if (hasIncumbent !== claims.tenure > 0) {
    const who = hasIncumbent ? "an" : "no";
    fault("incumbent", `the tenure is ${claims.tenure} with ${who} incumbent`);
  }
  if (hasIncumbent && !config.roster.some(({ id }) => equal(id, incumbent))) {
    fault("incumbent", `the incumbent ${claims.incumbent} is not in the roster`);
  }
  if (equal(prev, await hash("fumata-genesis-v1", ...domain))) {
    if (config.succeeds) {
      fault("genesis", `it begins from nothing; the package succeeds ${config.succeeds}`);
    }
    if (hasIncumbent) fault("genesis", "there is an incumbent, but nobody led before");
  }
  faults.push(...await idFaults(read));
  if (!isBitmap(bitmap, config.roster.length)) {
    fault("active", `the bitmap is none of ${config.roster.length} voters`);
  } else if (bitmap.every((byte) => byte === 0)) fault("active", "the bitmap names nobody");
  else {
    const active = config.roster.filter((_, i) => bitmap[i >> 3] >> (i & 7) & 1);
    const drawn = incumbentWhoStays(config, active, incumbent, claims.tenure) ??
      await draw(config.policy, active, read);
    const wrong = drawFaults(read, drawn);
    faults.push(...wrong);
    if (wrong.length === 0 && drawn.key !== claims.cnf.jwk.x) {
      fault("leader", "the leader's key is not that of the roster");
    }
  }
  const voters = config.roster.map(({ id }) => base64url(id));
  const needed = Math.floor((voters.length + config.faultBound) / 2) + 1;
  faults.push(...voteFaults(read.votes, voters, needed, "in the roster"));
  if (faults.length > 0) return refused(faults);
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
 * Verifies a document of unknown origin that is to be of an open cluster. Each part of a partition elects there, so this proves who was
 * elected by whom, and not that nobody else was: do not obey it where two leaders do harm. Rejects as {@linkcode verifyCertificate} does.
 * @param {unknown} document
 * @param {OpenPins} pins
 * @returns {Promise<{ ok: true, open: OpenCertificate } | { ok: false, failures: Failure[] }>}
 */
export async function verifyOpenCertificate(document, pins) {
  checkChecksum(pins.checksum);
  const read = await readDocument(document, OPEN);
  if (typeof read === "string") return refused([["document", read]]);
  const forged = await signatureFaults(read, pins);
  if (forged.length > 0) return refused(forged);
  const { claims, kid, prev, domain } = read;
  const faults = pinFaults(read, pins);

  const listed = claims.active.map(({ id, name }) => [fromBase64url(id), name]);
  const rest = [claims.term, prev, kid, listed];
  if (!equal(read.digest, await hash("fumata-proposal-open-v1", ...domain, ...rest))) {
    faults.push(["digest", "the digest is not that of term, prev, kid and active nodes"]);
  }
  if (!equal(read.leader, await thumbprint(claims.cnf.jwk.x))) {
    faults.push(["leader", "the leader's id is not the thumbprint of the leader's key"]);
  }
  const active = listed.map(([id, name]) => ({ id, name }));
  faults.push(...drawFaults(read, await draw(claims.policy, active, read)));
  faults.push(...await idFaults(read));
  const needed = Math.floor(active.length / 2) + 1;
  faults.push(...voteFaults(read.votes, claims.active.map(({ id }) => id), needed, "active"));
  if (faults.length > 0) return refused(faults);
  return {
    ok: true,
    open: {
      cluster: claims.aud,
      term: claims.term,
      id: claims.jti,
      leader: claims.sub,
      leaderName: claims.name,
      policy: claims.policy,
      checksum: pins.checksum,
      activeNodes: active.length,
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
  checkChecksum(checksum);
  const bytes = typeof clusterJson === "string" ? utf8(clusterJson) : clusterJson;
  const config = JSON.parse(new TextDecoder().decode(bytes));
  const { cluster, roster, faultBound, policy, sticky = false, maxTenure = 0, lease } = config;
  if (!Array.isArray(roster) || roster.length === 0 || roster.length > ROSTER.votesMax) {
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
      id: await thumbprint(key),
    }))),
  };
}

function checkChecksum(checksum) {
  if (typeof checksum === "string" && /^[0-9a-f]{64}$/.test(checksum)) return;
  throw new TypeError("Cannot verify: the checksum is not 64 lower-case hex digits");
}

/** Those of the keys that are RSA keys as an enclave's have to be, by their thumbprints (RFC 7638). */
async function readKeys(jwks) {
  const keys = new Map();
  for (const { kty, n, e } of jwks) {
    if (kty !== "RSA" || e !== "AQAB" || typeof n !== "string") continue;
    const modulus = fromBase64url(n);
    if (!modulus || modulus[0] < 0x80 || modulus.length < 256 || modulus.length > 512) continue;
    const kid = base64url(await sha256(utf8(JSON.stringify({ e, kty, n }))));
    keys.set(kid, { jwk: { kty, n, e }, signatureBytes: modulus.length });
  }
  return keys;
}

// ---- the document

/**
 * Bytes to fields; a text says why it is none of this kind. One certificate has one text, so everything is compared with what it would be
 * written as.
 */
async function readDocument(document, kind) {
  if (!isObject(document)) return "the document is not an object";
  const { certificate, bundle } = document;
  if (typeof certificate !== "string" || certificate.length > kind.charactersMax) {
    return '"certificate" is not a text of bounded length';
  }
  if (!Array.isArray(bundle) || bundle.length > kind.votesMax) {
    return `"bundle" is not an array of at most ${kind.votesMax} votes`;
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
  if (typ !== kind.typ) return OTHER_TYPES.get(typ) ?? "the type is not known";
  const fault = claimFault(claims, kind.claims);
  if (fault) return fault;
  const votes = await Promise.all(bundle.map(readVote));
  if (votes.includes(undefined)) return "a vote of the bundle is no key with a signature";
  return {
    claims,
    kid: fromBase64url(kid),
    prev: fromBase64url(claims.prev),
    digest: fromBase64url(claims.digest),
    leader: fromBase64url(claims.sub),
    beaconSignature: fromBase64url(claims.beacon),
    beacon: await sha256(fromBase64url(claims.beacon)),
    /** What every hash and signature is bound to: checksum and cluster. */
    domain: [hexBytes(claims.iss.slice(ISSUER_PREFIX.length)), claims.aud],
    signed: utf8(`${parts[0]}.${parts[1]}`),
    signature,
    votes,
  };
}

async function readVote(vote) {
  if (!isObject(vote) || !isBytes(vote.key, 32) || !isBytes(vote.signature, 64)) return undefined;
  return {
    key: fromBase64url(vote.key),
    signature: fromBase64url(vote.signature),
    voter: base64url(await thumbprint(vote.key)),
  };
}

/** What a certificate of another type is, to whoever wants one of this. */
const OTHER_TYPES = new Map([
  ["election-open+jwt", "it is of an open cluster, hence no fencing token"],
  ["election-closing+jwt", "it closes its cluster and names no leader"],
  ["election+jwt", "it is of a roster cluster, and no certificate of an open one"],
]);

const ISSUER_PREFIX = "fumata:";
const NODES_MAX = 512;

/** Of a node or a cluster. */
const isName = (value) => typeof value === "string" && /^[\x21-\x7e]{1,64}$/.test(value);
const isDigest = (value) => isBytes(value, 32);
const isWhole = (min) => (value) => Number.isSafeInteger(value) && value >= min;
const isOneOf = (...texts) => (value) => texts.includes(value);

const COMMON_CLAIMS = {
  iss: (value) => typeof value === "string" && /^fumata:[0-9a-f]{64}$/.test(value),
  aud: isName,
  sub: isDigest,
  jti: isDigest,
  name: isName,
  cnf: (value) =>
    hasExactly(value, "jwk") && hasExactly(value.jwk, "crv", "kty", "x") &&
    value.jwk.crv === "Ed25519" && value.jwk.kty === "OKP" && isDigest(value.jwk.x),
  term: isWhole(1),
  prev: isDigest,
  digest: isDigest,
  beacon: (value) => isBytes(value, 1, 512),
  tee: isOneOf("simulated", "nitro", "snp", "tdx", "sgx"),
  iat: isWhole(0),
};

/** What certificates of roster clusters look like. */
const ROSTER = {
  typ: "election+jwt",
  charactersMax: 16384,
  votesMax: 64,
  claims: {
    ...COMMON_CLAIMS,
    active: (value) => isBytes(value, 1, 8),
    incumbent: (value) => value === "" || isDigest(value),
    tenure: isWhole(0),
    policy: isOneOf("highest", "random", "weighted"),
    lease: isWhole(1),
    config: isDigest,
  },
};

/** What certificates of open clusters look like. */
const OPEN = {
  typ: "election-open+jwt",
  charactersMax: 128 * 1024,
  votesMax: NODES_MAX,
  claims: {
    ...COMMON_CLAIMS,
    active: (value) =>
      Array.isArray(value) && value.length >= 1 && value.length <= NODES_MAX &&
      value.every((node) =>
        hasExactly(node, "id", "name") && isDigest(node.id) && isName(node.name)
      ) &&
      value.every(({ id }, i) =>
        i === 0 || compare(fromBase64url(value[i - 1].id), fromBase64url(id)) < 0
      ),
    policy: isOneOf("highest", "random"),
    lease: (value) => value === 0,
  },
};

function claimFault(claims, checks) {
  for (const [name, check] of Object.entries(checks)) {
    if (!Object.hasOwn(claims, name) || !check(claims[name])) return `the claim "${name}" is wrong`;
  }
  const unknown = Object.keys(claims).find((name) => !Object.hasOwn(checks, name));
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

/** Whether it has these fields and no others. */
function hasExactly(value, ...names) {
  return isObject(value) && Object.keys(value).sort().join() === names.join();
}

// ---- what may be wrong, as pairs of a check and words

function refused(faults) {
  return { ok: false, failures: faults.map(([check, message]) => ({ check, message })) };
}

/** Whether each signature in it is valid for what it says itself. */
async function signatureFaults({ claims, domain, ...read }, pins) {
  const faults = [];
  const keys = await readKeys(pins.keys);
  const kid = base64url(read.kid);
  const key = keys.get(kid);
  if (!key) {
    faults.push(["key", `the key ${kid} is not among the ${keys.size} keys that are trusted`]);
  } else {
    if (!await verifyRs256(key, read.signed, read.signature)) {
      faults.push(["signature", "the certificate's signature is not valid"]);
    }
    const beaconInput = concat(utf8("fumata-beacon-v1\0"), encodeCbor([...domain, read.prev]));
    if (!await verifyRs256(key, beaconInput, read.beaconSignature)) {
      faults.push(["beacon", "the beacon's signature is not valid"]);
    }
  }
  const message = encodeCbor(["fumata-vote-v1", ...domain, claims.term, read.digest]);
  for (const [i, { key, signature, voter }] of read.votes.entries()) {
    if (await verifyEd25519(key, message, signature)) continue;
    faults.push(["vote", `bundle[${i}] is no valid vote of ${voter} for this term and digest`]);
  }
  return faults;
}

/** Whether it is about the function and the cluster that are wanted, by the TEE that its key belongs to. */
function pinFaults({ claims, kid, domain: [checksum, cluster] }, pins) {
  const faults = [];
  const tee = pins.tees?.[base64url(kid)];
  if (tee !== undefined && claims.tee !== tee) {
    const words = `it says that it comes from the TEE "${claims.tee}"; its key belongs to ${tee}`;
    faults.push(["tee", words]);
  }
  if (hex(checksum) !== pins.checksum) {
    const words = `the function checksum is ${hex(checksum)}; ${pins.checksum} is wanted`;
    faults.push(["checksum", words]);
  }
  if (cluster !== pins.cluster) {
    faults.push(["cluster", `the cluster is "${cluster}"; "${pins.cluster}" is wanted`]);
  }
  return faults;
}

async function idFaults({ claims, domain, digest, kid, beacon, leader }) {
  const said = [claims.term, digest, kid, beacon, leader];
  const id = base64url(await hash("fumata-certificate-v1", ...domain, ...said));
  return claims.jti === id ? [] : [["id", "the certificate id is not the hash of what it says"]];
}

function drawFaults({ claims, leader }, drawn) {
  if (equal(drawn.id, leader) && drawn.name === claims.name) return [];
  const came = `${claims.name} (${claims.sub})`;
  return [["draw", `the leader is ${came}; ${drawn.name} (${base64url(drawn.id)}) was drawn`]];
}

/** Whether enough of the electorate voted, and nobody else; `lack` is what a stranger is not. */
function voteFaults(votes, electorate, needed, lack) {
  const faults = [];
  const listed = new Set(electorate);
  const voters = new Set();
  for (const [i, { voter }] of votes.entries()) {
    if (!listed.has(voter)) {
      faults.push(["voter", `bundle[${i}] is by ${voter}, who is not ${lack}`]);
    } else if (voters.has(voter)) {
      faults.push(["voter", `bundle[${i}] is a second vote by ${voter}`]);
    } else voters.add(voter);
  }
  if (voters.size < needed) {
    const words = `${voters.size} of ${electorate.length} nodes voted; ${needed} are needed`;
    faults.push(["quorum", words]);
  }
  return faults;
}

// ---- the draw

/** The leader of the certificate before, where the package lets it stay. */
function incumbentWhoStays(config, active, incumbent, tenure) {
  const mayStay = config.maxTenure === 0 || tenure < config.maxTenure;
  return config.sticky && mayStay ? active.find(({ id }) => equal(id, incumbent)) : undefined;
}

async function draw(policy, active, { domain, beacon }) {
  if (policy === "highest") {
    return active.reduce((best, next) => compareMembers(next, best) > 0 ? next : best);
  }
  let best;
  for (const member of active) {
    for (let k = 0; k < (policy === "weighted" ? member.weight : 1); k++) {
      const ticket = policy === "weighted"
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

/** Of a node's key: its id (RFC 7638, RFC 8037). */
async function thumbprint(key) {
  return await sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${key}"}`));
}

/** SHA-256 over a CBOR array. */
async function hash(...items) {
  return await sha256(encodeCbor(items));
}

async function verifyRs256({ jwk, signatureBytes }, message, signature) {
  if (signature.length !== signatureBytes) return false;
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
  return await crypto.subtle.verify(algorithm.name, key, signature, message);
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

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
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
