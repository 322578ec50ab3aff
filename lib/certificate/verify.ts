/**
 * Verifies a certificate offline (design §4.6, §5): whatever the enclave signed, it counts only with a quorum of genuine votes (a majority of
 * the nodes that an open certificate lists, or a quorum of the package's roster), and only when the draw can be recomputed.
 *
 * Three layers that never mix. Structure: bytes to fields; the first fault ends it. Signature: is each signature in it (certificate,
 * beacon, votes) valid for what the certificate itself says. Policy: does it say what follows from the rules, and is it about the
 * cluster and function that this verifier asked for. The last layer reached reports every fault.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { isActive, type RosterPolicy } from "../../function/leader-election/roster_rules.ts";
import {
  beaconInput,
  type Domain,
  type Policy,
  voteMessage,
} from "../../function/leader-election/rules.ts";
import { base64url, equalBytes, fromBase64url, hex } from "../base/bytes.ts";
import { verifyEd25519 } from "../crypto/ed25519.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { nodeId } from "../crypto/thumbprint.ts";
import { readDocument } from "./certificate_document.ts";
import { type CertificateCheck, domainOf, type Finding, type ReadVote } from "./findings.ts";
import { type Claims, decodeUnverified, type UnverifiedCertificate } from "./format.ts";
import { checkOpen } from "./open_checks.ts";
import { checkClosing, checkRoster } from "./roster_checks.ts";
import type { CertificateDocument, RosterFacts, VerifiedCertificate, Vote } from "./types.ts";

/** What the verifier demands. */
export interface CertificatePins {
  /** The function's checksum and the cluster's name. */
  readonly domain: Domain;
  /** Enclave keys by kid, each from evidence that this verifier accepted; a list that a node gives is no trust root. */
  readonly keys: ReadonlyMap<string, RsaPublicKey>;
  /** The TEE whose evidence stands behind a key, by kid. A certificate that says it comes from another one is refused. */
  readonly tees?: ReadonlyMap<string, string>;
  /** How leaders must be drawn; any way that the rules know when it is left out. */
  readonly policy?: Policy | RosterPolicy;
  /** `cluster.json` of the pinned package: needed for a roster cluster, and with it nothing else will do. */
  readonly config?: ClusterConfig;
  /** Whether certificates of open clusters will do; default true. They are no fencing tokens: a partition may have two leaders. */
  readonly allowOpen?: boolean;
}

/** One thing that is wrong with a certificate. */
export interface CertificateFailure {
  readonly layer: "structure" | "signature" | "policy";
  readonly check: CertificateCheck;
  /** What was expected and what came, in one line. */
  readonly message: string;
}

/** What verification found. */
export type CertificateVerdict =
  | { readonly ok: true; readonly certificate: VerifiedCertificate; readonly claims: Claims }
  | { readonly ok: false; readonly failures: readonly CertificateFailure[] };

/** Verifies a document of unknown origin. Never throws. */
export function verifyCertificate(value: unknown, pins: CertificatePins): CertificateVerdict {
  const refuse = (layer: CertificateFailure["layer"], found: readonly Finding[]) => ({
    ok: false as const,
    failures: found.map(([check, message]) => ({ layer, check, message })),
  });
  const document = readDocument(value);
  if (typeof document === "string") return refuse("structure", [["document", document]]);
  const decoded = decodeUnverified(document.certificate);
  if (typeof decoded === "string") return refuse("structure", [["certificate", decoded]]);
  const votes = document.bundle.map(readVote);
  const brokenVote = votes.findIndex((vote) => vote === undefined);
  if (brokenVote >= 0) {
    const message = `bundle[${brokenVote}] is not a key of 32 bytes and a signature of 64`;
    return refuse("structure", [["document", message]]);
  }
  const bundle = votes as ReadVote[];

  const forged = [...checkSignatures(decoded, bundle, pins)];
  if (forged.length > 0) return refuse("signature", forged);
  const unwanted = [...checkPins(decoded, pins), ...checkRules(decoded, bundle, pins)];
  if (unwanted.length > 0) return refuse("policy", unwanted);
  const certificate = verified(decoded, document, pins.config);
  return { ok: true, certificate, claims: decoded.claims };
}

function readVote(vote: Vote): ReadVote | undefined {
  if (vote.key.length !== 43 || vote.signature.length !== 86) return undefined;
  const [key, signature] = [fromBase64url(vote.key), fromBase64url(vote.signature)];
  return key && signature ? { key, signature, voter: nodeId(key) } : undefined;
}

function* checkSignatures(
  { kid, claims, signedBytes, signature }: UnverifiedCertificate,
  bundle: readonly ReadVote[],
  pins: CertificatePins,
): Generator<Finding> {
  const domain = domainOf(claims);
  const key = pins.keys.get(kid);
  if (!key || key.kid !== kid) {
    yield ["key", `the key ${kid} is not among the ${pins.keys.size} keys that are trusted`];
  } else {
    if (!key.verify(signedBytes, signature)) {
      yield ["signature", "the certificate's signature is not valid"];
    }
    const hasBeacon = claims.kind !== "closing";
    if (hasBeacon && !key.verify(beaconInput(domain, claims.prev), claims.beaconSignature)) {
      yield ["beacon", "the beacon's signature is not valid"];
    }
  }
  const message = voteMessage(domain, claims.term, claims.digest);
  for (const [i, vote] of bundle.entries()) {
    if (!verifyEd25519(vote.key, message, vote.signature)) {
      yield ["vote", `bundle[${i}] is no valid vote of ${vote.voter} for this term and digest`];
    }
  }
}

function* checkPins(
  { kid, claims }: UnverifiedCertificate,
  pins: CertificatePins,
): Generator<Finding> {
  const tee = pins.tees?.get(kid);
  if (tee !== undefined && claims.tee !== tee) {
    yield ["tee", `it says that it comes from the TEE "${claims.tee}"; its key belongs to ${tee}`];
  }
  if (!equalBytes(claims.checksum, pins.domain.checksum)) {
    const [wanted, came] = [hex(pins.domain.checksum), hex(claims.checksum)];
    yield ["checksum", `the function checksum is ${came}; ${wanted} is wanted`];
  }
  if (claims.cluster !== pins.domain.cluster) {
    yield ["cluster", `the cluster is "${claims.cluster}"; "${pins.domain.cluster}" is wanted`];
  }
  const isDrawn = claims.kind !== "closing";
  if (pins.policy !== undefined && isDrawn && claims.policy !== pins.policy) {
    yield ["policy", `the policy is "${claims.policy}"; "${pins.policy}" is wanted`];
  }
  if (claims.kind !== "open") return;
  if (pins.config) {
    yield ["kind", "it is of an open cluster; the package has a roster"];
  } else if (pins.allowOpen === false) {
    yield ["kind", "it is of an open cluster: no fencing token, a partition may have two leaders"];
  }
}

function* checkRules(
  { kid, claims }: UnverifiedCertificate,
  bundle: readonly ReadVote[],
  { config }: CertificatePins,
): Generator<Finding> {
  const kidBytes = fromBase64url(kid)!;
  if (claims.kind === "open") {
    yield* checkOpen(claims, kidBytes, bundle);
  } else if (!config) {
    yield ["config", "it is of a roster cluster: only the package's cluster.json says who votes"];
  } else if (claims.kind === "roster") {
    yield* checkRoster(claims, kidBytes, bundle, config);
  } else {
    yield* checkClosing(claims, kidBytes, bundle, config);
  }
}

function verified(
  { kid, claims }: UnverifiedCertificate,
  document: CertificateDocument,
  config: ClusterConfig | undefined,
): VerifiedCertificate {
  const common = {
    id: base64url(claims.id),
    term: claims.term,
    prev: base64url(claims.prev),
    kid,
    tee: claims.tee,
    digest: base64url(claims.digest),
    leader: claims.kind === "closing" ? "" : base64url(claims.leader),
    leaderName: claims.kind === "closing" ? "" : claims.leaderName,
  };
  const active = activeIds(claims, config).map(base64url);
  const roster = rosterFacts(claims);
  return { ...common, active, ...(roster ? { roster } : {}), document };
}

function activeIds(claims: Claims, config: ClusterConfig | undefined): Uint8Array[] {
  switch (claims.kind) {
    case "open":
      return claims.active.map((node) => node.id);
    case "roster":
      return (config?.roster ?? []).filter((_, i) => isActive(claims.bitmap, i))
        .map((member) => member.id);
    case "closing":
      return [];
  }
}

function rosterFacts(claims: Claims): RosterFacts | undefined {
  switch (claims.kind) {
    case "open":
      return undefined;
    case "roster":
      return {
        kind: "election",
        bitmap: base64url(claims.bitmap),
        incumbent: base64url(claims.incumbent),
        tenure: claims.tenure,
        leaseMs: claims.leaseMs,
      };
    case "closing":
      return { kind: "closing", successor: base64url(claims.successor) };
  }
}
