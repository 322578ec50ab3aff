/** `fumata attest`: looks at evidence, judges it offline, or makes a policy from it. */
import {
  type AttestationPolicy,
  describeBinding,
  describePolicy,
  type Evidence,
  failure,
  formatVerdict,
  INSECURE_ANY_MEASUREMENT,
  ownTimeOf,
  parsePolicy,
  type Platform,
  PLATFORMS,
  policyFromVerdict,
  readEndorsementFile,
  readEvidenceFile,
  uncheckedOf,
  type Verdict,
  verifyEvidence,
} from "../../attestation/mod.ts";
import { fromBase64, fromHex } from "../../base/bytes.ts";
import { EXIT_CODES, FumataError, messageOf } from "../../base/errors.ts";
import { readFile } from "../certificate/input.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { printJson, printText } from "../output.ts";
import { requireTime } from "../time_flag.ts";

/** Bytes of a SHA-256. */
const CHECKSUM_BYTES = 32;
/** Flags that mean nothing for some platforms, which then ignored a demand in silence. */
const PLATFORMS_OF_FLAG: Readonly<Record<string, readonly Platform[]>> = {
  endorsement: ["snp"],
  crl: ["snp"],
  collateral: ["tdx", "sgx"],
};

/** The command. */
export const attestCommand: Command = {
  name: "attest",
  summary: "check attestation evidence, offline",
  positional: "FILE|-",
  arity: [1, 1],
  examples: [
    "fumata attest evidence.bin --policy policy.json",
    "fumata attest report.bin --tee snp --endorsement vcek.der --policy policy.json",
    "fumata attest evidence.bin --policy insecure-any-measurement --print-policy > policy.json",
  ],
  flags: [
    {
      name: "tee",
      type: "string",
      choices: PLATFORMS,
      placeholder: "TEE",
      help: "what the evidence is of; else the policy or the bytes tell",
    },
    {
      name: "policy",
      type: "string",
      placeholder: "FILE",
      help:
        `what to demand (JSON), or "${INSECURE_ANY_MEASUREMENT}"; without it nothing is accepted`,
    },
    {
      name: "at",
      type: "string",
      placeholder: "TIME",
      help:
        'when it has to be valid: an ISO time, or "document" for the document\'s own; default now',
    },
    { name: "root", type: "string", placeholder: "PEM", help: "certificates to trust instead" },
    {
      name: "endorsement",
      type: "list",
      placeholder: "FILE",
      help: "certificate that the evidence needs (DER, PEM or an SNP host's table); several times",
    },
    {
      name: "collateral",
      type: "string",
      placeholder: "FILE",
      help: "Intel's collateral (TDX, SGX)",
    },
    {
      name: "crl",
      type: "list",
      placeholder: "FILE",
      help: "AMD's revocation list in DER (SNP); several times",
    },
    {
      name: "nonce",
      type: "string",
      placeholder: "HEX",
      help: "the nonce that the evidence has to bind, in hex or base64",
    },
    {
      name: "checksum",
      short: "c",
      type: "string",
      placeholder: "HEX",
      help: "the function that the evidence has to bind",
    },
    { name: "print-policy", type: "boolean", help: "print the policy that demands just this" },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  refuseStdinTwice(args);
  const given = await readGivenPolicy(args);
  const wanted = wantedPlatform(args, given);
  const evidence = await readEvidence(args, wanted);
  const policy = await effectivePolicy(args, given, wanted ?? evidence.platform);
  refuseFlagsOfOthers(args, policy.platform);
  const at = timeOf(args.text("at"), evidence, policy);
  const judged = verifyEvidence(evidence, policy, {
    at,
    nonce: bytesFlag(args, "nonce"),
    functionChecksum: checksumFlag(args),
    collateral: await readOptionalText(args.text("collateral")),
    revocationLists: await Promise.all(args.list("crl").map(readFile)),
  });
  const verdict = given ? judged : withoutPolicy(judged);
  if (args.has("print-policy")) return printPolicy(judged, policy, context);
  const demanded = given ? policy : undefined;
  if (args.has("json")) printJson(context, jsonReport(verdict, demanded, at));
  else printText(context, formatVerdict(verdict, demanded, at));
  return verdict.accepted ? 0 : EXIT_CODES.refused;
}

/** Nobody is told "accepted" who did not say what to accept. */
function withoutPolicy(verdict: Verdict): Verdict {
  const message = `nothing to compare with; give --policy FILE, or "${INSECURE_ANY_MEASUREMENT}"`;
  return {
    ...verdict,
    accepted: false,
    failures: [...verdict.failures, failure("policy", "measurement", message)],
    checked: [...verdict.checked, "measurement"],
  };
}

function printPolicy(verdict: Verdict, policy: AttestationPolicy, context: CommandContext): number {
  if (!verdict.accepted) {
    for (const { check, message } of verdict.failures) context.say(`refused: ${check}: ${message}`);
    context.say("no policy is made from evidence that is refused");
    return EXIT_CODES.refused;
  }
  printJson(context, policyFromVerdict(verdict, policy));
  return 0;
}

function jsonReport(verdict: Verdict, policy: AttestationPolicy | undefined, at: Date): object {
  return {
    ...verdict,
    unchecked: uncheckedOf(verdict),
    at: at.toISOString(),
    binding: describeBinding(verdict.binding),
    policy: policy ? describePolicy(policy) : null,
  };
}

/** The policy of `--policy`: a file's, or the word that accepts any code; `undefined` when nothing was given. */
async function readGivenPolicy(
  args: Arguments,
): Promise<AttestationPolicy | typeof INSECURE_ANY_MEASUREMENT | undefined> {
  const path = args.text("policy");
  if (path === undefined || path === INSECURE_ANY_MEASUREMENT) return path;
  const text = new TextDecoder().decode(await readFile(path));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new FumataError("usage", `Cannot use policy "${path}": ${messageOf(thrown)}`);
  }
  return parsePolicy(value, path);
}

function wantedPlatform(
  args: Arguments,
  given: AttestationPolicy | string | undefined,
): Platform | undefined {
  const tee = PLATFORMS.find((platform) => platform === args.text("tee"));
  if (typeof given !== "object") return tee;
  if (tee && tee !== given.platform) {
    throw new FumataError("usage", `Cannot use --tee ${tee}: the policy is for ${given.platform}`);
  }
  return given.platform;
}

async function effectivePolicy(
  args: Arguments,
  given: AttestationPolicy | string | undefined,
  platform: Platform,
): Promise<AttestationPolicy> {
  const policy = typeof given === "object"
    ? given
    : { platform, measurements: INSECURE_ANY_MEASUREMENT } as const;
  const path = args.text("root");
  if (path === undefined) return policy;
  const field = platform === "simulated" ? "insecureSimulatedRoot" : "roots";
  const pem = new TextDecoder().decode(await readFile(path));
  return parsePolicy({ ...policy, [field]: pem }, path);
}

async function readEvidence(args: Arguments, wanted: Platform | undefined): Promise<Evidence> {
  const [path] = args.positional;
  const file = await readFile(path);
  if (file.length === 0) {
    throw new FumataError("refused", `Cannot read evidence "${path}": it is empty`);
  }
  const evidence = readEvidenceFile(file, wanted);
  if (typeof evidence === "string") {
    throw new FumataError("refused", `Cannot read evidence "${path}": ${evidence}`);
  }
  if (args.list("endorsement").length > 0) refuseFlagsOfOthers(args, evidence.platform);
  const endorsements = [...evidence.endorsements];
  for (const name of args.list("endorsement")) {
    const bytes = await readFile(name);
    try {
      endorsements.push(...readEndorsementFile(bytes, evidence.document));
    } catch (thrown) {
      throw new FumataError("refused", `Cannot use endorsement "${name}": ${messageOf(thrown)}`);
    }
  }
  return { ...evidence, endorsements };
}

/** The time of `--at`. A document's own time is a claim like any other, good for judging what is too old for its certificates. */
function timeOf(text: string | undefined, evidence: Evidence, policy: AttestationPolicy): Date {
  if (text === undefined) return new Date();
  if (text !== "document") return requireTime(text, "--at", "document");
  const own = ownTimeOf(evidence, policy);
  if (own) return own;
  throw new FumataError(
    "usage",
    `Cannot use --at document: this evidence of ${evidence.platform} states no time of its own`,
  );
}

/** A demand that cannot be made of this platform is an error, not a demand dropped in silence. */
function refuseFlagsOfOthers(args: Arguments, platform: Platform): void {
  for (const [name, platforms] of Object.entries(PLATFORMS_OF_FLAG)) {
    if (args.list(name).length === 0 || platforms.includes(platform)) continue;
    throw new FumataError(
      "usage",
      `Cannot use --${name}: it is for ${platforms.join(" and ")}, the evidence is of ${platform}`,
    );
  }
}

function refuseStdinTwice(args: Arguments): void {
  const names = ["policy", "root", "endorsement", "collateral", "crl"];
  const paths = [...args.positional, ...names.flatMap((name) => args.list(name))];
  if (paths.filter((path) => path === "-").length < 2) return;
  throw new FumataError("usage", 'Cannot use "-" twice: stdin is one file');
}

function checksumFlag(args: Arguments): Uint8Array | undefined {
  const checksum = bytesFlag(args, "checksum");
  if (checksum === undefined || checksum.length === CHECKSUM_BYTES) return checksum;
  throw new FumataError(
    "usage",
    `Cannot use --checksum "${
      args.text("checksum")
    }": it has ${checksum.length} bytes, a SHA-256 has 32`,
  );
}

function bytesFlag(args: Arguments, name: string): Uint8Array | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const bytes = fromHex(text) ?? fromBase64(text);
  if (bytes) return bytes;
  throw new FumataError("usage", `Cannot use --${name} "${text}": it is neither hex nor base64`);
}

async function readOptionalText(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : new TextDecoder().decode(await readFile(path));
}
