/**
 * `fumata verify`: checks an election certificate, offline unless it is told to ask, and says in words what that proves and what it does
 * not. With `--store` it is what a resource runs before it obeys: the term is remembered before success is reported.
 */
import { ROSTER_POLICIES } from "../../../function/leader-election/cluster_config.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import {
  type CertificateFailure,
  fenceFault,
  parseCertificateFile,
  verifyCertificate,
} from "../../certificate/mod.ts";
import { raiseFence } from "../certificate/fence_file.ts";
import { readText } from "../certificate/input.ts";
import { FUNCTION_FLAGS, readPinnedFunction } from "../certificate/pinned_function.ts";
import { provePossessionAt } from "../certificate/prove.ts";
import { type Accepted, type Findings, jsonReport, textReport } from "../certificate/report.ts";
import { readTrustedKeys, teesOf, TRUST_FLAGS } from "../certificate/trusted_keys.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { printJson, printText } from "../output.ts";

/** The command. */
export const verifyCommand: Command = {
  name: "verify",
  summary: "check an election certificate, offline",
  positional: "FILE|URL|-",
  arity: [1, 1],
  examples: [
    "fumata verify leader.json --package election.zip --policy policy.json",
    "fumata verify http://127.0.0.1:8500/v1/certificate --package election.zip --keys keys.json --store fence.json",
    "fumata verify leader.json -c 6b6d1c8b21f89626… --keys keys.json --allow-open",
  ],
  flags: [
    ...FUNCTION_FLAGS,
    ...TRUST_FLAGS,
    { name: "draw", type: "string", choices: ROSTER_POLICIES, help: "how leaders must be drawn" },
    {
      name: "min-term",
      type: "number",
      placeholder: "N",
      range: [1, Number.MAX_SAFE_INTEGER],
      help: "refuse certificates of a lower term",
    },
    {
      name: "store",
      type: "string",
      placeholder: "FILE",
      help: "refuse what is older than the term in FILE, and remember this one there",
    },
    {
      name: "prove",
      type: "string",
      placeholder: "URL",
      help: "ask the node at URL to sign with the leader's key",
    },
    {
      name: "allow-open",
      type: "boolean",
      help: "accept the certificate of an open cluster, which is no fencing token",
    },
    { name: "json", type: "boolean", help: "print JSON" },
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const isFence = args.text("store") !== undefined || args.number("min-term") !== undefined;
  if (isFence && args.has("allow-open")) {
    throw new FumataError(
      "usage",
      "Cannot use --allow-open with --store or --min-term: terms of an open cluster fence nothing off",
    );
  }
  const pinned = await readPinnedFunction(args);
  const { checksum, cluster, config } = pinned;
  const domain = { checksum, cluster };
  const [path] = args.positional;
  const file = parseCertificateFile(await readText(path, "certificate"));
  if (typeof file === "string") {
    throw new FumataError("refused", `Cannot read certificate "${path}": ${file}`);
  }
  const trusted = await readTrustedKeys(args, file, checksum);
  const verdict = verifyCertificate(file.document, {
    domain,
    keys: trusted.keys,
    tees: teesOf(trusted),
    policy: ROSTER_POLICIES.find((policy) => policy === args.text("draw")),
    config,
    allowOpen: args.has("allow-open"),
  });
  if (!verdict.ok) return refuse(args, context, verdict.failures);

  const failures = await furtherFailures(args, verdict, domain);
  if (failures.length > 0) return refuse(args, context, failures);
  const found: Findings = {
    pinned,
    evidence: trusted.evidence.get(verdict.certificate.kid),
    provedAt: args.text("prove"),
    storedIn: args.text("store"),
    termMin: args.number("min-term"),
  };
  if (args.has("json")) printJson(context, jsonReport(verdict, found));
  else printText(context, textReport(verdict, found));
  return verdict.claims.kind === "closing" ? EXIT_CODES["no-leader"] : 0;
}

/** Possession and the fence. The fence is last: what is remembered was in order otherwise. */
async function furtherFailures(
  args: Arguments,
  { certificate, claims }: Accepted,
  domain: { readonly checksum: Uint8Array; readonly cluster: string },
): Promise<Failure[]> {
  const url = args.text("prove");
  if (url !== undefined) {
    const fault = claims.kind === "closing"
      ? "it names no leader"
      : await provePossessionAt(url, claims.leaderKey, domain, certificate.id);
    if (fault !== undefined) return [{ check: "possession", message: fault }];
  }
  const next = { cluster: domain.cluster, term: certificate.term, id: certificate.id };
  const min = args.number("min-term");
  const store = args.text("store");
  const fault = store === undefined
    ? fenceFault(next, undefined, min)
    : await raiseFence(store, next, min);
  return fault === undefined ? [] : [{ check: "term", message: fault }];
}

type Failure = Pick<CertificateFailure, "message"> & { readonly check: string };

function refuse(args: Arguments, context: CommandContext, failures: readonly Failure[]): number {
  if (args.has("json")) {
    printJson(context, { verified: false, failures });
    return EXIT_CODES.refused;
  }
  for (const { check, message } of failures) context.say(`refused: ${check}: ${message}`);
  if (failures.every(({ check }) => check === "kind") && !args.has("allow-open")) {
    context.say("everything else is in order; --allow-open accepts it as what it is");
  } else if (failures.some(({ check }) => check === "config") && !args.text("cluster-json")) {
    context.say("give --package, or --cluster-json with a file that you vouch for");
  }
  return EXIT_CODES.refused;
}
