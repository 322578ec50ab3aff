/**
 * `fumata verify`: checks an election certificate offline, and says in words what that proves and what it does not. Where the enclave's
 * key comes from decides: from evidence that a policy accepts, or from a file that the user vouches for. Keys inside the
 * certificate's own file are never trusted by themselves; they only fill in what evidence names by thumbprint.
 */
import { isName, POLICIES } from "../../../function/leader-election/rules.ts";
import {
  type AttestationPolicy,
  decodeEvidence,
  type Evidence,
  parsePolicy,
  readEvidenceFile,
  type Verdict,
  verifyEvidence,
} from "../../attestation/mod.ts";
import { base64url, fromHex, fromUtf8, hex, utf8 } from "../../base/bytes.ts";
import { EXIT_CODES, FumataError, messageOf } from "../../base/errors.ts";
import {
  type CertificateFile,
  type CertificateVerdict,
  parseCertificateFile,
  verifyCertificate,
} from "../../certificate/mod.ts";
import { importRsaJwk, type RsaPublicKey } from "../../crypto/rsa.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";

/** A certificate of the most nodes with a cluster's life of keys and evidence is a few megabytes. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const CHECKSUM_BYTES = 32;

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "check an election certificate, offline",
  positional: "FILE|-",
  arity: [1, 1],
  examples: [
    "fumata verify leader.json -c 6b6d1c8b21f89626… --keys keys.json --allow-open",
    "fumata verify leader.json -c 6b6d1c8b21f89626… --evidence evidence.bin --policy policy.json --allow-open",
  ],
  flags: [
    {
      name: "checksum",
      short: "c",
      type: "string",
      placeholder: "HEX",
      help: "the function that must have elected",
    },
    {
      name: "cluster",
      type: "string",
      placeholder: "NAME",
      default: "fumata",
      help: "the cluster that must be meant",
    },
    {
      name: "keys",
      type: "string",
      placeholder: "FILE",
      help: "the enclave's keys (JWK or JWKS), taken on your word",
    },
    {
      name: "evidence",
      type: "string",
      placeholder: "FILE",
      help: "evidence that names the enclave's key; else the evidence inside FILE counts",
    },
    {
      name: "policy",
      type: "string",
      placeholder: "FILE",
      help: "what the evidence has to meet (JSON); see fumata attest",
    },
    {
      name: "at",
      type: "string",
      placeholder: "TIME",
      help: "when the evidence has to be valid; default its own time, else now",
    },
    { name: "draw", type: "string", choices: POLICIES, help: "how leaders must be drawn" },
    {
      name: "allow-open",
      type: "boolean",
      help: "accept the certificate of an open cluster, which is no fencing token",
    },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run,
};

/** Keys to verify with, and what is known of where they come from. */
interface TrustedKeys {
  readonly keys: ReadonlyMap<string, RsaPublicKey>;
  /** What stands behind them; absent when the user vouches for them. */
  readonly evidence?: Verdict;
}

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const domain = { checksum: checksumOf(args), cluster: clusterOf(args) };
  const [path] = args.positional;
  const file = parseCertificateFile(fromUtf8(await readBytes(path)) ?? "");
  if (typeof file === "string") {
    throw new FumataError("refused", `Cannot read certificate "${path}": ${file}`);
  }
  const trusted = await trustedKeys(args, file, domain.checksum);
  const verdict = verifyCertificate(file.document, {
    domain,
    keys: trusted.keys,
    policy: POLICIES.find((policy) => policy === args.text("draw")),
    allowOpen: args.has("allow-open"),
  });
  if (args.has("json")) context.out(jsonReport(verdict, trusted));
  else if (verdict.ok) context.out(textReport(verdict, trusted));
  else {
    for (const { check, message } of verdict.failures) context.say(`refused: ${check}: ${message}`);
    if (verdict.failures.every(({ check }) => check === "kind")) {
      context.say("everything else is in order; --allow-open accepts it as what it is");
    }
  }
  return verdict.ok ? 0 : EXIT_CODES.refused;
}

function checksumOf(args: Arguments): Uint8Array {
  const text = args.text("checksum");
  const bytes = fromHex(text ?? "");
  if (bytes?.length === CHECKSUM_BYTES) return bytes;
  const what = text === undefined ? "it is missing" : `"${text}" is none`;
  throw new FumataError(
    "usage",
    `Cannot verify without --checksum: ${what}; 64 hex digits are wanted, as "fumata deploy" printed them`,
  );
}

function clusterOf(args: Arguments): string {
  const cluster = args.text("cluster") ?? "fumata";
  if (isName(cluster)) return cluster;
  throw new FumataError(
    "usage",
    `Cannot use --cluster "${cluster}": 1..64 printable ASCII characters without spaces are wanted`,
  );
}

async function trustedKeys(
  args: Arguments,
  file: CertificateFile,
  checksum: Uint8Array,
): Promise<TrustedKeys> {
  const keysPath = args.text("keys");
  const given = keysPath === undefined ? [] : jwksOf(await readJson(keysPath, "keys"), keysPath);
  const policyPath = args.text("policy");
  if (policyPath === undefined) {
    if (keysPath !== undefined) return { keys: given.reduce(byKid, new Map()) };
    throw new FumataError(
      "usage",
      "Cannot verify without a trusted key: give --policy (with evidence in FILE or by --evidence), or --keys with keys that you vouch for",
    );
  }
  const policy = parsePolicy(await readJson(policyPath, "policy"), policyPath);
  const verdict = await acceptedEvidence(args, file, policy, checksum);
  const kid = verdict.binding.certificateKid;
  const listed = file.keys.map(importRsaJwk).filter((key) => typeof key !== "string");
  const key = [...given, ...listed].find((key) => key.kid === kid);
  if (!key) {
    throw new FumataError(
      "refused",
      `Cannot verify: the evidence names the key ${kid}, and neither FILE nor --keys holds it`,
    );
  }
  return { keys: new Map([[key.kid, key]]), evidence: verdict };
}

/** The first evidence that the policy accepts for this function and that names a certificate key. */
async function acceptedEvidence(
  args: Arguments,
  file: CertificateFile,
  policy: AttestationPolicy,
  functionChecksum: Uint8Array,
): Promise<Verdict> {
  const path = args.text("evidence");
  const all = path === undefined
    ? file.evidence.map((envelope) => decodeEvidence(utf8(JSON.stringify(envelope))))
    : [readEvidenceFile(await readBytes(path), policy.platform)];
  const reasons: string[] = [];
  for (const evidence of all) {
    if (typeof evidence === "string") {
      reasons.push(evidence);
      continue;
    }
    const at = timeOf(args, evidence, policy);
    const verdict = verifyEvidence(evidence, policy, { at, functionChecksum });
    if (verdict.accepted && verdict.binding.certificateKid !== undefined) return verdict;
    reasons.push(
      ...verdict.failures.map((failure) => failure.message),
      ...(verdict.accepted ? ["it binds no certificate key"] : []),
    );
  }
  const why = all.length === 0 ? "there is none; give --evidence" : reasons.join("; ");
  throw new FumataError("refused", `Cannot trust the evidence: ${why}`);
}

/** A Nitro document's certificate lives three hours, so that offline its own time counts (design §5). */
function timeOf(args: Arguments, evidence: Evidence, policy: AttestationPolicy): Date {
  const text = args.text("at");
  if (text !== undefined) {
    const at = new Date(text);
    if (!Number.isNaN(at.getTime())) return at;
    throw new FumataError("usage", `Cannot use --at "${text}": it is not a time`);
  }
  const own = verifyEvidence(evidence, policy, { at: new Date(0) }).facts.timestamp_ms;
  return typeof own === "number" ? new Date(own) : new Date();
}

function jwksOf(value: unknown, path: string): RsaPublicKey[] {
  const list = Array.isArray(value) ? value : (value as { keys?: unknown } | null)?.keys ?? value;
  return (Array.isArray(list) ? list : [list]).map((jwk, i) => {
    const key = importRsaJwk(jwk);
    if (typeof key !== "string") return key;
    throw new FumataError("usage", `Cannot use keys "${path}": key ${i} ${key}`);
  });
}

function byKid(keys: Map<string, RsaPublicKey>, key: RsaPublicKey): Map<string, RsaPublicKey> {
  return keys.set(key.kid, key);
}

type Accepted = Extract<CertificateVerdict, { ok: true }>;

/** What acceptance means: proven, taken on trust, not proven. */
function meaning({ certificate, claims }: Accepted, { evidence }: TrustedKeys): {
  proven: string[];
  trusted: string[];
  notProven: string[];
} {
  const { bundle } = certificate.document;
  const proven = [
    `${bundle.length} of the ${claims.active.length} nodes that it lists voted for exactly this proposal`,
    `the key ${certificate.kid} signed the certificate and its beacon`,
    `the draw (${claims.policy}) was recomputed and gives this leader`,
  ];
  const trusted: string[] = [];
  if (!evidence) {
    trusted.push("that this key was born in an enclave that runs this function: --keys says so");
  } else {
    proven.push(
      `the key belongs to function ${hex(claims.checksum)} in a ${evidence.platform} TEE`,
    );
    if (evidence.platform === "simulated") {
      trusted.push("the simulated TEE: whoever holds its root can sign anything");
    }
  }
  return {
    proven,
    trusted,
    notProven: [
      "that no later term exists",
      "that it is the only leader: the cluster is open, and every part of a partition elects its own",
      "when it was issued: the time in it is the enclave's own word",
    ],
  };
}

function textReport(verdict: Accepted, trusted: TrustedKeys): string {
  const { certificate, claims } = verdict;
  const { proven, trusted: trust, notProven } = meaning(verdict, trusted);
  return [
    `certificate  ${certificate.id}`,
    `cluster      ${claims.cluster}`,
    `term         ${certificate.term}`,
    `leader       ${certificate.leaderName} (${certificate.leader})`,
    `leader key   ${base64url(claims.leaderKey)}`,
    `issued       ${new Date(claims.issuedAt * 1000).toISOString()}`,
    ...proven.map((line) => `proven       ${line}`),
    ...trust.map((line) => `on trust     ${line}`),
    ...notProven.map((line) => `not proven   ${line}`),
    "verified",
    "",
  ].join("\n");
}

function jsonReport(verdict: CertificateVerdict, trusted: TrustedKeys): string {
  if (!verdict.ok) {
    return JSON.stringify({ verified: false, failures: verdict.failures }, null, 2) + "\n";
  }
  const { document: _, ...certificate } = verdict.certificate;
  const report = {
    verified: true,
    cluster: verdict.claims.cluster,
    checksum: hex(verdict.claims.checksum),
    ...certificate,
    leaderKey: base64url(verdict.claims.leaderKey),
    policy: verdict.claims.policy,
    issuedAt: verdict.claims.issuedAt,
    ...meaning(verdict, trusted),
  };
  return JSON.stringify(report, null, 2) + "\n";
}

async function readJson(path: string, what: string): Promise<unknown> {
  try {
    return JSON.parse(fromUtf8(await readBytes(path)) ?? "");
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError("usage", `Cannot use ${what} "${path}": it is not JSON`);
  }
}

/** A whole file, or stdin for `-`, of bounded size. */
async function readBytes(path: string): Promise<Uint8Array> {
  const refuse = (why: string, options?: ErrorOptions) =>
    new FumataError("failure", `Cannot read "${path}": ${why}`, options);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    const input = path === "-" ? Deno.stdin : await Deno.open(path);
    for await (const part of input.readable) {
      bytes += part.length;
      if (bytes > FILE_BYTES_MAX) throw refuse(`it has more than ${FILE_BYTES_MAX} bytes`);
      parts.push(part);
    }
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    if (thrown instanceof Deno.errors.NotFound) throw refuse("there is no such file");
    throw refuse(messageOf(thrown), { cause: thrown });
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}
