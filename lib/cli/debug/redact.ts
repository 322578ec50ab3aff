/**
 * Taking secrets out of texts that leave the machine. A node's answers hold none by design; this is the second wall, for what people put
 * into addresses of hooks and tags, and for answers that come to hold one some day.
 */

/** What stands in place of a secret. */
export const REDACTED = "[redacted]";

/** Names of fields whose values are secrets, whatever they hold: `d`, `p`, `q` and so on are those of private JWKs (RFC 7518, section 6). */
const SECRET_NAME =
  /^(?:.*(?:token|secret|passw|private|credential|authorization|cookie).*|d|p|q|dp|dq|qi|k)$/i;

/** Settings that end so name a file; where a secret lies is no secret. */
const FILE_NAME = /(?:file|json)$/i;

/** Private keys in PEM (RFC 7468). */
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g;

/** User names and passwords in addresses, and their queries, where services put tokens. */
const URL_CREDENTIALS = /\b(https?:\/\/)[^\s\/@"]+@/g;
const URL_QUERY = /\b(https?:\/\/[^\s"?]+)\?[^\s"]*/g;

/** What `Authorization` fields and command lines hold (RFC 6750). */
const BEARER = /\bBearer\s+[A-Za-z0-9._~+\/-]+=*/gi;

/** The text without secrets of known forms, and without the `known` ones, wherever they stand. */
export function redactText(text: string, known: readonly string[]): string {
  let clean = text.replaceAll(PEM, REDACTED)
    .replaceAll(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replaceAll(URL_QUERY, `$1?${REDACTED}`)
    .replaceAll(BEARER, `Bearer ${REDACTED}`);
  for (const secret of known) if (secret !== "") clean = clean.replaceAll(secret, REDACTED);
  return clean;
}

/** The JSON value without the values of fields that are called like secrets, and all its texts redacted. */
export function redactJson(value: unknown, known: readonly string[]): unknown {
  if (typeof value === "string") return redactText(value, known);
  if (Array.isArray(value)) return value.map((one) => redactJson(one, known));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      redactText(name, known),
      SECRET_NAME.test(name) && !FILE_NAME.test(name) ? REDACTED : redactJson(inner, known),
    ]),
  );
}
