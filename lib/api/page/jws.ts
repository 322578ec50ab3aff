/** The parts of a JWS for display; nothing is verified. */

/** Header (0) or claims (1) of a compact JWS; nothing when it has none, so that whoever verifies it says what is wrong. */
export function partOf(jws: unknown, part: 0 | 1): Record<string, unknown> {
  try {
    const text = atob(String(jws).split(".")[part].replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}
