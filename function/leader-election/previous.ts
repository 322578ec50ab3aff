/**
 * What a proposal follows (design §4.1). `prev` is a hash, so a certificate that recomputes to it says exactly what the voters bound
 * themselves to; from it follow the least term, the incumbent and its tenure. Under the enclave's own key its signature is checked
 * too; a certificate of an older key, or of the predecessor, counts by the votes for its id.
 */
import { base64url, fromBase64url } from "./base64url.ts";
import type { ClusterConfig } from "./cluster_config.ts";
import { bytesOf, DIGEST_BYTES, isObject, refuse, termOf } from "./fields.ts";
import type { EnclaveHost } from "./host.ts";
import { hexOf, isOwn, issuerOf } from "./issue.ts";
import {
  closingCertificateId,
  closingDigest,
  incumbencyAfter,
  rosterProposalDigest,
} from "./roster_rules.ts";
import { certificateId, compareIds, type Domain, genesisId } from "./rules.ts";

/** What `prev` leaves to its successors. */
export interface Origin {
  /** Of `prev`; 0 for genesis. */
  readonly term: number;
  readonly incumbent: Uint8Array;
  readonly tenure: number;
}

/** Types of the certificates of roster clusters. */
export const ELECTION_TYPE = "election+jwt";
export const CLOSING_TYPE = "election-closing+jwt";

/** The longest certificate that is read: those of the largest roster have a fifth. */
const CERTIFICATE_CHARACTERS_MAX = 16 * 1024;
/** Bytes of an RSA signature of 4096 bits. */
const BEACON_BYTES_MAX = 512;
const NOBODY: Omit<Origin, "term"> = { incumbent: new Uint8Array(), tenure: 0 };

/** Reads what `prev` leaves, with `previous` (a JWS, or `undefined` at genesis). Throws the refusal. */
export function originOf(
  enclave: EnclaveHost,
  domain: Domain,
  config: ClusterConfig,
  prev: Uint8Array,
  previous: unknown,
): Origin {
  if (compareIds(prev, genesisId(enclave.sha256, domain)) === 0) {
    if (config.succeeds) {
      refuse("prev is genesis; this package succeeds another and goes on from it");
    }
    if (previous !== undefined) refuse("previous is given, but prev is genesis");
    return { term: 0, ...NOBODY };
  }
  const certificate = readCertificate(previous);
  switch (certificate.typ) {
    case ELECTION_TYPE:
      return afterElection(enclave, domain, prev, certificate);
    case CLOSING_TYPE:
      return afterClosing(enclave, domain, config, prev, certificate);
    default:
      return refuse(`previous is neither ${ELECTION_TYPE} nor ${CLOSING_TYPE}`);
  }
}

interface Certificate {
  readonly jws: string;
  readonly typ: unknown;
  readonly kid: Uint8Array;
  readonly claims: Record<string, unknown>;
}

function readCertificate(jws: unknown): Certificate {
  if (typeof jws !== "string" || jws.length > CERTIFICATE_CHARACTERS_MAX) {
    refuse(`previous is not the certificate prev: a text of at most ${CERTIFICATE_CHARACTERS_MAX}`);
  }
  const parts = jws.split(".");
  const [header, claims] = parts.length === 3 ? parts.map(objectIn) : [];
  if (!header || !claims) refuse("previous is no JWS");
  return { jws, typ: header.typ, kid: bytesOf(header.kid, "previous.kid", DIGEST_BYTES), claims };
}

function objectIn(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(fromBase64url(part)));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function afterElection(
  enclave: EnclaveHost,
  domain: Domain,
  prev: Uint8Array,
  { jws, kid, claims }: Certificate,
): Origin {
  const { sha256 } = enclave;
  const { term, prevOfPrev } = readCommon(domain.checksum, domain.cluster, claims);
  const leader = bytesOf(claims.sub, "previous.sub", DIGEST_BYTES);
  const proposal = {
    term,
    prev: prevOfPrev,
    kid,
    bitmap: someBytes(claims.active, "previous.active", DIGEST_BYTES),
    incumbent: someBytes(claims.incumbent, "previous.incumbent", DIGEST_BYTES),
    tenure: Number.isSafeInteger(claims.tenure) && Number(claims.tenure) >= 0
      ? Number(claims.tenure)
      : refuse("previous.tenure is not a whole number"),
  };
  const beacon = sha256(someBytes(claims.beacon, "previous.beacon", BEACON_BYTES_MAX));
  const digest = rosterProposalDigest(sha256, domain, proposal);
  const id = certificateId(sha256, domain, { term, digest, kid, beacon, leader });
  if (compareIds(id, prev) !== 0) refuse("previous is not the certificate prev: its id is another");
  checkOwn(enclave, kid, jws);
  return { term, ...incumbencyAfter(leader, proposal) };
}

/** Nobody follows a closing certificate but the successor that it names. */
function afterClosing(
  enclave: EnclaveHost,
  domain: Domain,
  config: ClusterConfig,
  prev: Uint8Array,
  { kid, claims }: Certificate,
): Origin {
  const { sha256 } = enclave;
  if (!config.succeeds) refuse("previous closed a cluster, and this package succeeds none");
  const { term, prevOfPrev } = readCommon(config.succeeds, domain.cluster, claims);
  if (claims.successor !== hexOf(domain.checksum)) {
    refuse("previous closed its cluster in favour of another function");
  }
  const old: Domain = { checksum: config.succeeds, cluster: domain.cluster };
  const digest = closingDigest(sha256, old, term, prevOfPrev, kid, domain.checksum);
  const id = closingCertificateId(sha256, old, { term, digest, kid });
  if (compareIds(id, prev) !== 0) refuse("previous is not the certificate prev: its id is another");
  return { term, ...NOBODY };
}

function readCommon(
  checksum: Uint8Array,
  cluster: string,
  claims: Record<string, unknown>,
): { term: number; prevOfPrev: Uint8Array } {
  if (claims.iss !== issuerOf(checksum)) refuse(`previous is not by ${issuerOf(checksum)}`);
  if (claims.aud !== cluster) refuse("previous is of another cluster");
  return {
    term: termOf(claims.term, "previous.term"),
    prevOfPrev: bytesOf(claims.prev, "previous.prev", DIGEST_BYTES),
  };
}

function checkOwn(enclave: EnclaveHost, kid: Uint8Array, jws: string): void {
  if (base64url(kid) === enclave.kid && !isOwn(enclave, jws)) {
    refuse("previous is not signed by its key, which is this enclave's");
  }
}

function someBytes(value: unknown, where: string, bytesMax: number): Uint8Array {
  const isPlausible = typeof value === "string" && value.length <= 2 * bytesMax;
  const bytes = isPlausible ? fromBase64url(value) : undefined;
  return bytes && bytes.length <= bytesMax ? bytes : refuse(`${where} is not bytes in base64url`);
}
