/**
 * Which enclave keys a verifier trusts, and why: because evidence that a policy accepts names them, or because the user vouches for a
 * file. Keys that come with a certificate are never trusted by themselves; they only fill in what evidence names by thumbprint.
 */
import {
  type AttestationPolicy,
  decodeEvidence,
  type Evidence,
  ownTimeOf,
  parsePolicyOrProfile,
  readEvidenceFile,
  type Verdict,
  verifyEvidence,
} from "../../attestation/mod.ts";
import { utf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { importRsaJwk, type RsaPublicKey } from "../../crypto/rsa.ts";
import type { Arguments, Flag } from "../command.ts";
import { requireTime } from "../time_flag.ts";
import { readInput, readJson } from "./input.ts";

/** The flags that say it. */
export const TRUST_FLAGS: readonly Flag[] = [
  {
    name: "keys",
    type: "string",
    placeholder: "FILE",
    help: "the enclave's keys (JWK or JWKS), taken on your word",
  },
  {
    name: "evidence",
    type: "list",
    placeholder: "FILE",
    help: "evidence that names an enclave's key; else the evidence inside FILE counts",
  },
  {
    name: "policy",
    type: "string",
    placeholder: "FILE",
    help: "what the evidence has to meet (JSON), or a profile that says it; see fumata attest",
  },
  {
    name: "at",
    type: "string",
    placeholder: "TIME",
    help: "when the evidence has to be valid; default its own time, else now",
  },
];

/** What comes with a certificate and is judged here. */
export interface Extras {
  /** JWKs as they came. */
  readonly keys: readonly unknown[];
  /** Evidence envelopes as they came. */
  readonly evidence: readonly unknown[];
}

/** Keys to verify with, and what is known of where they come from. */
export interface TrustedKeys {
  readonly keys: ReadonlyMap<string, RsaPublicKey>;
  /** What stands behind each, by kid; without an entry the user vouches for it. */
  readonly evidence: ReadonlyMap<string, Verdict>;
  /** The evidence itself, by the same kids. */
  readonly sources: ReadonlyMap<string, Evidence>;
}

/** The TEE of each key that evidence names: what a certificate says of its own has to be that. */
export function teesOf({ evidence }: TrustedKeys): ReadonlyMap<string, string> {
  return new Map([...evidence].map(([kid, { platform }]) => [kid, platform]));
}

/** The keys of one function that the flags make trustworthy. Throws a `FumataError` when there is none. */
export async function readTrustedKeys(
  args: Arguments,
  extras: Extras,
  checksum: Uint8Array,
): Promise<TrustedKeys> {
  const keysPath = args.text("keys");
  const given = keysPath === undefined ? [] : jwksOf(await readJson(keysPath, "keys"), keysPath);
  const policyPath = args.text("policy");
  if (policyPath === undefined) {
    if (keysPath !== undefined) {
      const keys = new Map(given.map((key) => [key.kid, key]));
      return { keys, evidence: new Map(), sources: new Map() };
    }
    throw new FumataError(
      "usage",
      "Cannot verify without a trusted key: give --policy (with evidence in FILE or by --evidence), or --keys with keys that you vouch for",
    );
  }
  const policy = parsePolicyOrProfile(await readJson(policyPath, "policy"), policyPath);
  const { verdicts: evidence, sources } = await acceptedEvidence(args, extras, policy, checksum);
  const listed = extras.keys.map(importRsaJwk).filter((key) => typeof key !== "string");
  const keys = [...given, ...listed].filter((key) => evidence.has(key.kid));
  if (keys.length > 0) {
    return { keys: new Map(keys.map((key) => [key.kid, key])), evidence, sources };
  }
  throw new FumataError(
    "refused",
    `Cannot verify: the evidence names the key ${
      [...evidence.keys()][0]
    }, and neither FILE nor --keys holds it`,
  );
}

/** The evidence that the policy accepts for this function, by the certificate key that it names; at least one. */
async function acceptedEvidence(
  args: Arguments,
  extras: Extras,
  policy: AttestationPolicy,
  functionChecksum: Uint8Array,
): Promise<{ verdicts: Map<string, Verdict>; sources: Map<string, Evidence> }> {
  const paths = args.list("evidence");
  // Each with the words that name it where it is refused.
  const all: (readonly [from: string, evidence: Evidence | string])[] = paths.length === 0
    ? extras.evidence.map((envelope) => ["", decodeEvidence(utf8(JSON.stringify(envelope)))])
    : await Promise.all(paths.map(async (path) => {
      const evidence = readEvidenceFile(await readInput(path), policy.platform);
      return [`"${path}": `, evidence] as const;
    }));
  const verdicts = new Map<string, Verdict>();
  const sources = new Map<string, Evidence>();
  const reasons: string[] = [];
  for (const [from, evidence] of all) {
    if (typeof evidence === "string") {
      reasons.push(from + evidence);
      continue;
    }
    const at = timeOf(args, evidence, policy);
    const verdict = verifyEvidence(evidence, policy, { at, functionChecksum });
    const kid = verdict.binding.certificateKid;
    if (verdict.accepted && kid !== undefined) {
      verdicts.set(kid, verdict);
      sources.set(kid, evidence);
    } else {
      const failures = verdict.failures.map((failure) => failure.message).join("; ");
      reasons.push(from + (verdict.accepted ? "it binds no certificate key" : failures));
    }
  }
  if (verdicts.size > 0) return { verdicts, sources };
  const why = all.length === 0 ? "there is none; give --evidence" : reasons.join("; ");
  throw new FumataError("refused", `Cannot trust the evidence: ${why}`);
}

/** A Nitro document's certificate lives three hours, so that offline its own time counts (design §5). */
function timeOf(args: Arguments, evidence: Evidence, policy: AttestationPolicy): Date {
  const text = args.text("at");
  if (text !== undefined) return requireTime(text, "--at");
  return ownTimeOf(evidence, policy) ?? new Date();
}

function jwksOf(value: unknown, path: string): RsaPublicKey[] {
  const list = Array.isArray(value) ? value : (value as { keys?: unknown } | null)?.keys ?? value;
  return (Array.isArray(list) ? list : [list]).map((jwk, i) => {
    const key = importRsaJwk(jwk);
    if (typeof key !== "string") return key;
    throw new FumataError("usage", `Cannot use keys "${path}": key ${i} ${key}`);
  });
}
