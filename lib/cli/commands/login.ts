/**
 * `fumata login`: stores where an enclave host is, the token for it and whom to trust, as a profile that other commands take by `--profile NAME`.
 * Nothing is stored that did not work: the host is attested under the policy and the token tried first.
 */
import { parsePolicy } from "../../attestation/mod.ts";
import { FumataError } from "../../base/errors.ts";
import { fetchAccountKey } from "../../enclave/client/mod.ts";
import type { Command } from "../command.ts";
import { OUTPUT_FLAG, print } from "../output.ts";
import {
  type Profile,
  profilePath,
  readJson,
  readProfile,
  readText,
  targetOf,
  writeProfile,
} from "../profile.ts";
import { withProgress } from "../progress.ts";

/** The command. */
export const loginCommand: Command = {
  name: "login",
  summary: "store an enclave host, a token and whom to trust",
  positional: "[URL]",
  arity: [0, 1],
  examples: [
    "fumata login https://enclave.example:7878 --token-file token.txt --attestation policy.json",
    "fumata login --from copied/profile.json --profile work",
  ],
  flags: [
    {
      name: "profile",
      type: "string",
      placeholder: "NAME|FILE",
      help: "where to store it; without it the default profile",
    },
    {
      name: "from",
      type: "string",
      placeholder: "FILE",
      help: "a profile of the host, copied from there; the flags and URL go over its parts",
    },
    { name: "token-file", type: "string", placeholder: "FILE", help: "file with the token" },
    {
      name: "attestation",
      type: "string",
      placeholder: "FILE",
      help: 'JSON policy for the evidence: root and measurements; see "fumata help attest"',
    },
    {
      name: "tls-roots",
      type: "string",
      placeholder: "FILE",
      help: "PEM certificates that TLS to this host trusts beside the system's",
    },
    OUTPUT_FLAG,
  ],
  async run(args, context) {
    const from = args.text("from");
    const given = from === undefined ? undefined : await readProfile(from, true);
    const [tokenFile, policyFile, rootsFile] = ["token-file", "attestation", "tls-roots"]
      .map((name) => args.text(name));
    const enclave = args.positional[0] ?? given?.enclave;
    const token = tokenFile === undefined
      ? given?.token
      : (await readText(tokenFile, "token file")).trim();
    const attestation = policyFile === undefined
      ? given?.attestation
      : parsePolicy(await readJson(policyFile, "policy"), policyFile);
    if (!enclave) throw usage("the URL of the host is missing");
    if (!token) throw usage("the token is missing; name a file with it by --token-file");
    if (!attestation) {
      throw usage(
        "the policy is missing, without which nothing is trusted; name it by --attestation, or " +
          "take the host's own profile by --from",
      );
    }
    const tlsRoots = rootsFile === undefined
      ? given?.tlsRoots
      : await readText(rootsFile, "certificates");
    const profile: Profile = { enclave, token, attestation, ...(tlsRoots && { tlsRoots }) };
    const { attested } = await withProgress(
      context,
      "verifying the enclave",
      () => fetchAccountKey(targetOf(profile)),
    );
    const path = profilePath(args.text("profile"), context);
    if (path === undefined) {
      throw usage("neither XDG_CONFIG_HOME nor HOME is set; name a file by --profile");
    }
    await writeProfile(path, profile);
    const { platform } = attested.evidence;
    print(
      args,
      context,
      { profile: path, enclave, platform },
      () => `logged in to ${enclave} (${platform}); stored in ${path}`,
    );
    return 0;
  },
};

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot log in: ${message}`);
}
