/**
 * Secrets come from files only: an environment shows in the list of processes, in crash reports and in the descriptions of containers, and a
 * configuration is copied about. So neither takes a secret, and says which setting names a file instead.
 */
import { FumataError } from "../../base/errors.ts";

/** What people may try, and the setting that is meant. */
const INLINE_SECRETS: Readonly<Record<string, string>> = {
  token: "token-file",
  "http-token": "http-token-file",
  "api-token": "http-token-file",
  key: "encrypt",
  "cluster-key": "encrypt",
  "encrypt-key": "encrypt",
  secret: "encrypt",
  password: "http-token-file",
  "private-key": "state",
};

/** Settings that name a file with a secret. */
const SECRET_FILES: ReadonlySet<string> = new Set(["encrypt", "http-token-file", "token-file"]);

/** 32 bytes in base64 or base64url, as cluster keys and tokens are. */
const LIKE_A_SECRET = /^[A-Za-z0-9+/_-]{43}=?$/;

/** The names that are refused. */
export const INLINE_SECRET_NAMES: readonly string[] = Object.keys(INLINE_SECRETS);

/** Throws a usage error when `name` would hold a secret itself; `where` says where it stands. Never quotes the value. */
export function refuseInlineSecret(name: string, where: string): void {
  if (!Object.hasOwn(INLINE_SECRETS, name)) return;
  const setting = INLINE_SECRETS[name];
  const words = `secrets are read from files only; name one with "${setting}"`;
  throw new FumataError("usage", `Cannot use ${where}: ${words}`);
}

/** Throws a usage error when a secret itself stands where its file is wanted. */
export function refuseSecretAsFile(name: string, value: string, where: string): void {
  if (!SECRET_FILES.has(name) || !LIKE_A_SECRET.test(value)) return;
  const words = "this looks like the secret itself; write it to a file of mode 0600 and name that";
  throw new FumataError("usage", `Cannot use ${where}: ${words}`);
}
