/**
 * Audits a chain of certificates (design §4, P3): verifies each by itself, then walks back from the one with the greatest term, from each
 * to the one that it names as `prev`, across closing certificates into the functions before. Whatever is genuine but not on that way
 * has never led: who held a lease is an ancestor of every later certificate. That rests, as everything does, on at most `f` liars.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { genesisId } from "../../function/leader-election/rules.ts";
import { base64url, equalBytes, hex } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { decodeUnverified } from "./format.ts";
import { incumbencyOf } from "./roster_proposal.ts";
import type { CertificateDocument, Digest, VerifiedCertificate } from "./types.ts";
import { type CertificateFailure, type CertificatePins, verifyCertificate } from "./verify.ts";

/** What is demanded of the certificates of one function; a chain crosses several when clusters succeed each other. */
export type FunctionPins = CertificatePins & { readonly config: ClusterConfig };

/** Where a chain does not hold. */
export interface ChainBreak {
  /** Term of the certificate that does not follow. */
  readonly term: number;
  readonly id: Digest;
  /** What is wrong, in one line. */
  readonly message: string;
}

/** A genuine certificate on the chain. */
export interface ChainLink {
  readonly certificate: VerifiedCertificate;
  /** Checksum of the function that issued it, hex. */
  readonly checksum: string;
}

/** What an audit found. */
export interface ChainAudit {
  /** Oldest first; gaps are in `breaks`. */
  readonly chain: readonly ChainLink[];
  /** Oldest first: the first is the first break. */
  readonly breaks: readonly ChainBreak[];
  /** Genuine, but no ancestor of later ones. `neverLed` is false where a break hides whether it is. */
  readonly offChain: readonly (ChainLink & { readonly neverLed: boolean })[];
  /** Documents that are not genuine, by their place in the file. */
  readonly refused: readonly {
    readonly index: number;
    readonly failures: readonly CertificateFailure[];
  }[];
  /** Links whose enclave key is another than that of the link before, within one function. */
  readonly keyChanges: readonly {
    readonly term: number;
    readonly from: Digest;
    readonly to: Digest;
  }[];
}

/** What may be changed. */
export interface AuditOptions {
  /** A certificate that was audited before: the chain may begin right after it instead of at genesis. */
  readonly after?: Digest;
}

interface Entry extends ChainLink {
  readonly pins: FunctionPins;
}

/** Audits documents of unknown origin. Never throws. */
export function auditChain(
  documents: readonly CertificateDocument[],
  functions: readonly FunctionPins[],
  options: AuditOptions = {},
): ChainAudit {
  const entries = new Map<Digest, Entry>();
  const refused: { index: number; failures: readonly CertificateFailure[] }[] = [];
  for (const [index, document] of documents.entries()) {
    const found = verifyOne(document, functions);
    if ("failures" in found) refused.push({ index, failures: found.failures });
    else entries.set(found.certificate.id, found);
  }
  const sorted = [...entries.values()].sort((a, b) => b.certificate.term - a.certificate.term);
  const { segments, breaks } = walk(sorted, entries, options.after);
  const onChain = new Set(segments.flat());
  const offChain = sorted.filter((entry) => !onChain.has(entry)).reverse();
  breaks.push(...forksOf(sorted), ...offChain.flatMap((entry) => strayFaults(entry, entries)));
  const chain = segments.flat().reverse();
  return {
    chain: chain.map(linkOf),
    breaks: breaks.sort((a, b) => a.term - b.term),
    offChain: offChain.map((entry) => ({
      ...linkOf(entry),
      neverLed: isExcluded(entry, segments, options.after),
    })),
    refused,
    keyChanges: keyChangesOf(chain),
  };
}

/** The checksum that a certificate claims, hex, so that its package can be looked for; nothing is verified. */
export function claimedChecksum(document: CertificateDocument): string | undefined {
  const decoded = decodeUnverified(document.certificate);
  return typeof decoded === "string" ? undefined : hex(decoded.claims.checksum);
}

function verifyOne(
  document: CertificateDocument,
  functions: readonly FunctionPins[],
): Entry | { failures: readonly CertificateFailure[] } {
  const checksum = claimedChecksum(document);
  const pins = functions.find((known) => hex(known.domain.checksum) === checksum);
  if (checksum !== undefined && !pins) {
    const message = `no package with the checksum ${checksum} was given`;
    return { failures: [{ layer: "policy", check: "checksum", message }] };
  }
  const verdict = verifyCertificate(document, pins ?? functions[0]);
  if (!verdict.ok) return { failures: verdict.failures };
  return { certificate: verdict.certificate, checksum: checksum!, pins: pins! };
}

/** The ways back, newest first: one when nothing is broken, else one for each part that holds. */
function walk(
  sorted: readonly Entry[],
  entries: ReadonlyMap<Digest, Entry>,
  after: Digest | undefined,
): { segments: Entry[][]; breaks: ChainBreak[] } {
  const segments: Entry[][] = [];
  const breaks: ChainBreak[] = [];
  let start: Entry | undefined = sorted[0];
  while (start) {
    const { segment, fault, prev }: Way = walkBack(start, entries, after);
    segments.push(segment);
    if (fault === undefined) break;
    const { term, id } = segment[segment.length - 1].certificate;
    breaks.push({ term, id, message: fault });
    const isBelow = (entry: Entry) => entry.certificate.term < term;
    start = prev && isBelow(prev) ? prev : sorted.find(isBelow);
  }
  return { segments, breaks };
}

/** One way back. */
interface Way {
  /** Newest first. */
  readonly segment: Entry[];
  /** Why it ends before the beginning. */
  readonly fault?: string;
  /** What is there, but is not followed. */
  readonly prev?: Entry;
}

function walkBack(
  start: Entry,
  entries: ReadonlyMap<Digest, Entry>,
  after: Digest | undefined,
): Way {
  const segment = [start];
  for (let entry = start; !isBeginning(entry, after);) {
    const prev = entries.get(entry.certificate.prev);
    if (!prev) return { segment, fault: missing(entry) };
    const fault = linkFault(prev, entry);
    if (fault !== undefined) return { segment, fault, prev };
    segment.push(prev);
    entry = prev;
  }
  return { segment };
}

function isBeginning({ certificate, pins }: Entry, after: Digest | undefined): boolean {
  return certificate.prev === after ||
    certificate.prev === base64url(genesisId(sha256, pins.domain));
}

function missing({ certificate, pins }: Entry): string {
  const { succeeds } = pins.config;
  const what = succeeds && certificate.roster?.kind === "election" &&
      certificate.roster.incumbent === ""
    ? `, probably the closing certificate of function ${hex(succeeds)}`
    : "";
  return `it follows ${certificate.prev}${what}, which is not among the genuine certificates`;
}

/** Why one does not follow the other, though it names it. */
function linkFault(prev: Entry, next: Entry): string | undefined {
  const [before, after] = [prev.certificate, next.certificate];
  if (after.term <= before.term) {
    return `its term is ${after.term}, but that of its prev is ${before.term}`;
  }
  const closed = before.roster?.kind === "closing" ? before.roster.successor : undefined;
  if (prev.checksum === next.checksum) {
    if (closed !== undefined) return `it follows a closing certificate, after which nobody leads`;
  } else {
    const fault = successionFault(prev, next, closed);
    if (fault !== undefined) return fault;
  }
  if (after.roster?.kind !== "election") return undefined;
  const { incumbent, tenure } = incumbencyOf(before);
  return after.roster.incumbent === incumbent && after.roster.tenure === tenure
    ? undefined
    : `its incumbent and tenure (${after.roster.tenure}) are not those that follow from its prev (${tenure})`;
}

function successionFault(
  prev: Entry,
  next: Entry,
  closed: Digest | undefined,
): string | undefined {
  if (closed === undefined) {
    return `it follows a certificate of function ${prev.checksum}, which was not closed`;
  }
  if (closed !== base64url(next.pins.domain.checksum)) {
    return "it follows a closing certificate in favour of another function";
  }
  const { succeeds } = next.pins.config;
  if (!succeeds || !equalBytes(succeeds, prev.pins.domain.checksum)) {
    return "it follows a closing certificate of a function that its package does not succeed";
  }
  return prev.pins.domain.cluster === next.pins.domain.cluster
    ? undefined
    : "it follows a closing certificate of another cluster";
}

/** A quorum voted for it, so it has to follow from its prev even where nothing followed from it. */
function strayFaults(entry: Entry, entries: ReadonlyMap<Digest, Entry>): ChainBreak[] {
  const prev = entries.get(entry.certificate.prev);
  const message = prev && linkFault(prev, entry);
  const { term, id } = entry.certificate;
  return message === undefined ? [] : [{ term, id, message }];
}

/** Two certificates of one term need more liars than the roster bears. */
function forksOf(sorted: readonly Entry[]): ChainBreak[] {
  return sorted.flatMap(({ certificate: { term, id } }, i) => {
    const other = sorted[i + 1]?.certificate;
    return other?.term === term
      ? [{
        term,
        id,
        message: `it is a fork: ${other.id} has the same term; keep both as evidence`,
      }]
      : [];
  });
}

/** Whether a part of the chain passes it by: from a later certificate down to an earlier one or to the beginning. */
function isExcluded(
  { certificate: { term } }: Entry,
  segments: readonly (readonly Entry[])[],
  after: Digest | undefined,
): boolean {
  return segments.some((segment) => {
    const oldest = segment[segment.length - 1];
    const reaches = oldest.certificate.term < term || isBeginning(oldest, after);
    return segment[0].certificate.term > term && reaches;
  });
}

function keyChangesOf(
  chain: readonly Entry[],
): { term: number; from: Digest; to: Digest }[] {
  return chain.slice(1).flatMap((entry, i) => {
    const [from, to] = [chain[i].certificate.kid, entry.certificate.kid];
    const isChange = from !== to && chain[i].checksum === entry.checksum;
    return isChange ? [{ term: entry.certificate.term, from, to }] : [];
  });
}

function linkOf({ certificate, checksum }: Entry): ChainLink {
  return { certificate, checksum };
}
