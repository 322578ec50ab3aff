/**
 * A profile: where an enclave host is, the token for it, and what evidence to demand of it. One JSON file of mode 0600:
 *
 * ```json
 * {"enclave": "http://127.0.0.1:7878", "token": "…", "attestation": {"platform": "nitro", "measurements": {"pcr0": "…"}}}
 * ```
 *
 * A host writes one at its first start; elsewhere it is copied or made by `fumata login`, which is the act of trusting. Clients read
 * `--profile`, else `FUMATA_PROFILE`, else the default path; flags override its parts. A name without a slash and without `.json`
 * stands for a file beside the default one. Without a policy from somewhere nothing is trusted.
 */
import { dirname } from "node:path";
import { type AttestationPolicy, parsePolicy } from "../attestation/mod.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import type { Arguments, CommandContext, Flag } from "./command.ts";

/** What a client has to know. */
export interface Profile {
  /** `http(s)://host:port`. */
  readonly enclave: string;
  readonly token: string;
  readonly attestation: AttestationPolicy;
  /** PEM certificates that TLS trusts beside the system's. */
  readonly tlsRoots?: string;
}

/** What the client of enclaves wants to know of a profile. */
export function targetOf(profile: Profile): {
  readonly url: string;
  readonly token: string;
  readonly policy: AttestationPolicy;
  readonly tlsRoots?: string;
} {
  const { enclave: url, token, attestation: policy, tlsRoots } = profile;
  return { url, token, policy, ...(tlsRoots !== undefined && { tlsRoots }) };
}

/** The flags of every command that talks to an enclave host. */
export const PROFILE_FLAGS: readonly Flag[] = [
  {
    name: "profile",
    type: "string",
    placeholder: "NAME|FILE",
    help:
      "enclave, token and trust (else $FUMATA_PROFILE, else the one in the user's configuration)",
  },
  { name: "enclave", type: "string", placeholder: "URL", help: "enclave host, over the profile's" },
  {
    name: "token-file",
    type: "string",
    placeholder: "FILE",
    help: "file with the token, over the profile's",
  },
  {
    name: "attestation",
    type: "string",
    placeholder: "FILE",
    help: "JSON policy for the enclave's evidence, over the profile's",
  },
];

/** A profile with a policy of many measurements and roots is some KiB. */
const FILE_BYTES_MAX = 1024 * 1024;

/** Reads the profile that the arguments and the environment name. Throws a {@linkcode FumataError}; `refused` when nothing says whom to trust. */
export async function loadProfile(args: Arguments, context: CommandContext): Promise<Profile> {
  const named = args.text("profile") ?? context.env("FUMATA_PROFILE");
  const path = profilePath(named, context);
  const stored = path === undefined ? undefined : await readProfile(path, named !== undefined);
  const tokenFile = args.text("token-file");
  const policyFile = args.text("attestation");
  const attestation = policyFile === undefined
    ? stored?.attestation
    : parsePolicy(await readJson(policyFile, "policy"), policyFile);
  if (attestation === undefined) {
    throw new FumataError(
      "refused",
      `Cannot trust any enclave: there is no profile${
        path ? ` at "${path}"` : ""
      } and no policy; ` +
        'start "fumata enclave" as this user, or copy the profile.json of its host and name it with --profile',
    );
  }
  const enclave = args.text("enclave") ?? stored?.enclave;
  const token = tokenFile === undefined
    ? stored?.token
    : (await readText(tokenFile, "token file")).trim();
  if (enclave === undefined) throw usage("the enclave host is missing; name it with --enclave URL");
  if (token === undefined || token === "") {
    throw usage("the token is missing; name a file with it by --token-file");
  }
  return { enclave, token, attestation, ...(stored?.tlsRoots && { tlsRoots: stored.tlsRoots }) };
}

/** The file of a profile by its name or path; the default one without either. `undefined` when no folder for profiles is known. */
export function profilePath(
  named: string | undefined,
  context: CommandContext,
): string | undefined {
  const byDefault = defaultProfilePath(context);
  if (named === undefined) return byDefault;
  if (named.includes("/") || named.endsWith(".json")) return named;
  return byDefault && `${dirname(byDefault)}/profiles/${named}.json`;
}

/** `$XDG_CONFIG_HOME/fumata/profile.json`, else below `$HOME/.config`; `undefined` when neither is set. */
export function defaultProfilePath(context: CommandContext): string | undefined {
  const home = context.env("HOME");
  const base = context.env("XDG_CONFIG_HOME") || (home && `${home}/.config`);
  return base ? `${base}/fumata/profile.json` : undefined;
}

/** Reads one profile file; `undefined` when there is none and it `mustExist` not. */
export async function readProfile(path: string, mustExist: boolean): Promise<Profile | undefined> {
  if (!mustExist && !await exists(path)) return undefined;
  const value = await readJson(path, "profile") as Record<string, unknown>;
  const { enclave, token, attestation, tls_roots: tlsRoots, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (typeof enclave !== "string" || typeof token !== "string" || unknown !== undefined) {
    const what = unknown === undefined
      ? '"enclave" and "token" have to be texts'
      : `"${unknown}" is not a field of a profile`;
    throw usage(`the profile "${path}" is of another form: ${what}`);
  }
  if (tlsRoots !== undefined && typeof tlsRoots !== "string") {
    throw usage(`the profile "${path}" is of another form: "tls_roots" has to be a text`);
  }
  const profile = { enclave, token, attestation: parsePolicy(attestation, path) };
  return tlsRoots === undefined ? profile : { ...profile, tlsRoots };
}

/** Writes a profile whole, readable by its owner only. Throws a {@linkcode FumataError}. */
export async function writeProfile(path: string, profile: Profile): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { tlsRoots, ...rest } = profile;
    const text = JSON.stringify({ ...rest, tls_roots: tlsRoots }, null, 2) + "\n";
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (thrown) {
    await Deno.remove(temporary).catch(() => {});
    const why = messageOf(thrown);
    throw new FumataError("failure", `Cannot write the profile "${path}": ${why}`, {
      cause: thrown,
    });
  }
}

/** A JSON object from a file. Throws a usage error. */
export async function readJson(path: string, what: string): Promise<object> {
  const text = await readText(path, what);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw unusable(path, what, `it is not JSON (${messageOf(thrown)})`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw unusable(path, what, "it is not a JSON object");
}

/** A text from a file of some KiB. Throws a usage error. */
export async function readText(path: string, what: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    return await Deno.readTextFile(path);
  } catch (thrown) {
    const why = thrown instanceof Deno.errors.NotFound
      ? "there is no such file"
      : messageOf(thrown);
    throw unusable(path, what, `it cannot be read: ${why}`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw unusable(path, "profile", `it cannot be read: ${messageOf(thrown)}`);
  }
}

function unusable(path: string, what: string, why: string): FumataError {
  return new FumataError("usage", `Cannot use the ${what} "${path}": ${why}`);
}

function usage(message: string): FumataError {
  return new FumataError("usage", `Cannot find the enclave: ${message}`);
}
