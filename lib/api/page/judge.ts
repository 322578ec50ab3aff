/**
 * What "Verify in this browser" finds out: the certificate is judged here, with WebCrypto, by the very file that other people's services copy;
 * the evidence for the enclave's key by the verifier that browsers share with everything else, where the reader says whose evidence counts.
 * What the reader does not bring is taken from the node, and the judgement says so, because a node that lies about the certificate can lie
 * about that as well. Verdict, reasons and meaning are those of `fumata verify`.
 */
import { type Meaning, meaningOf } from "../../certificate/meaning.ts";
import {
  verifyCertificate,
  verifyOpenCertificate,
} from "../../certificate/standalone/fumata_verify.js";
import type { StatusView } from "../views.ts";
import type { judgeEvidence } from "./evidence.ts";
import { partOf } from "./jws.ts";
import { parseFile } from "./reader_file.ts";

/** What the reader trusts, as it was typed or stands in a file; what is absent is taken from the node. */
export interface ReaderPins {
  /** Of the function, 64 hex digits in lower case. */
  readonly checksum?: string | undefined;
  /** Name of an open cluster. */
  readonly cluster?: string | undefined;
  /** The package's `cluster.json`. */
  readonly clusterJson?: string | undefined;
  /** Enclave keys, a JWKS. */
  readonly keys?: string | undefined;
  /** A profile, or a policy for evidence. */
  readonly policy?: string | undefined;
}

/** What was found out. */
export type Judgement =
  | {
    readonly isGenuine: true;
    readonly leaderName: string;
    readonly term: number;
    readonly kind: "open" | "roster";
    /** By the certificate's own word, which evidence bears out only where `meaning` says so. */
    readonly tee: string;
    readonly meaning: Meaning;
  }
  | { readonly isGenuine: false; readonly reasons: readonly string[] };

/** The outside world of a judgement. */
export interface Sources {
  /** Gives the text of the node's answer to a path. Throws what the node refused with. */
  ask(path: string): Promise<string>;
  /** Gets what judges evidence, which is only wanted with a policy. */
  loadEvidence(): Promise<{ readonly judgeEvidence: typeof judgeEvidence }>;
}

/** What the reader is told of who says something. */
const NODE = "this node";
const FILE = "your file";

/** Judges the certificate that a node gives. Throws, in words, when it cannot be judged here. */
export async function judge(
  status: StatusView,
  pins: ReaderPins,
  sources: Sources,
): Promise<Judgement> {
  const document = JSON.parse(await sources.ask("/v1/certificate"));
  const { kid, typ } = partOf(document?.certificate, 0);
  const checksum = pins.checksum ?? status.checksum;
  const trusted = await trustedKeys(String(kid), checksum, pins, sources);
  if ("reasons" in trusted) return { isGenuine: false, reasons: trusted.reasons };
  // Whoever brings a cluster.json means a roster, whatever the node shows.
  const isOpen = typ === "election-open+jwt" && pins.clusterJson === undefined;
  const found = isOpen
    ? await judgeOpen(document, checksum, pins, status, trusted)
    : await judgeRoster(document, checksum, pins, trusted, sources);
  if ("reasons" in found) return { isGenuine: false, reasons: found.reasons };
  const { about, leaderName, term, vouchers } = found;
  return {
    isGenuine: true,
    kind: about.kind,
    leaderName,
    term,
    tee: String(partOf(document.certificate, 1).tee),
    meaning: meaningOf({
      about,
      votes: document.bundle.length,
      term,
      kid: String(kid),
      checksum,
      ...(trusted.platform !== undefined && { platform: trusted.platform }),
      vouchers: {
        ...vouchers,
        key: pins.keys === undefined ? NODE : FILE,
        ...(pins.checksum === undefined && { checksum: NODE }),
      },
    }),
  };
}

/** What both kinds of certificates need: keys, and the TEE of those that evidence names. */
interface Trusted {
  readonly keys: readonly object[];
  readonly tees: Readonly<Record<string, string>>;
  /** Of the one key that counts. */
  readonly platform?: string;
}

interface Refused {
  readonly reasons: readonly string[];
}

type Failures = readonly { readonly check: string; readonly message: string }[];

const refused = (failures: Failures): Refused => ({
  reasons: failures.map(({ check, message }) => `${check}: ${message}`),
});

async function judgeOpen(
  document: unknown,
  checksum: string,
  pins: ReaderPins,
  status: StatusView,
  { keys, tees }: Trusted,
) {
  const cluster = pins.cluster ?? status.cluster;
  const verdict = await verifyOpenCertificate(document, { checksum, cluster, keys, tees });
  if (!verdict.ok) return refused(verdict.failures);
  const { leaderName, term, policy, activeNodes } = verdict.open;
  return {
    leaderName,
    term,
    about: { kind: "open" as const, policy, activeNodes },
    vouchers: pins.cluster === undefined ? { cluster: NODE } : {},
  };
}

async function judgeRoster(
  document: unknown,
  checksum: string,
  pins: ReaderPins,
  { keys, tees }: Trusted,
  { ask }: Sources,
) {
  const clusterJson = pins.clusterJson ?? await ask("/v1/cluster-json");
  const config = parseFile(clusterJson);
  const verdict = await verifyCertificate(document, { checksum, clusterJson, keys, tees });
  if (!verdict.ok) return refused(verdict.failures);
  const { leaderName, term } = verdict.certificate;
  const { policy, roster, faultBound } = config;
  return {
    leaderName,
    term,
    about: { kind: "roster" as const, policy, voters: roster.length, faultBound },
    vouchers: { config: pins.clusterJson === undefined ? NODE : FILE },
  };
}

/** Keys that the reader trusts, or else the node's; with a policy only one that evidence names which meets it. */
async function trustedKeys(
  kid: string,
  checksum: string,
  { keys, policy }: ReaderPins,
  { ask, loadEvidence }: Sources,
): Promise<Trusted | Refused> {
  if (policy === undefined) return { keys: keysIn(keys ?? await ask("/v1/keys")), tees: {} };
  const attestation = await ask(`/v1/attestation?kid=${encodeURIComponent(kid)}`);
  const { evidence: envelopes } = JSON.parse(attestation);
  const { judgeEvidence } = await loadEvidence();
  const found = await judgeEvidence({ envelopes, kid, checksum, policy });
  if ("reasons" in found) return { reasons: found.reasons.map((one) => `evidence: ${one}`) };
  const { platform } = found;
  const all = [...(keys === undefined ? [] : keysIn(keys)), ...keysIn(attestation)];
  return { keys: all, tees: { [kid]: platform }, platform };
}

/** The keys of a JWKS, which a reader chose or the node gave. */
function keysIn(jwks: string): readonly object[] {
  const { keys } = parseFile(jwks);
  if (Array.isArray(keys)) return keys;
  throw new Error('your file holds no keys: {"keys": [JWK, …]} is wanted');
}
