/**
 * Texts that a terminal only shows and never obeys. Error messages and log lines quote what files, flags and the network hold; an escape
 * sequence in there (ECMA-48) could clear the screen, rename the window or write over what stands above, a character that turns the direction
 * (UAX 9) could show another text than the one that is there, and a line end could forge a line of its own.
 *
 * Everything here is one pass over the text, so that megabytes of a stranger cost no more than reading them.
 */

/** Controls (C0, DEL, C1), formats (also those that turn the direction), lone surrogates, private use, and Unicode's own line ends. */
const HARMFUL = /(?![\t\n])[\p{C}\p{Zl}\p{Zp}]/gu;

/** What JSON leaves as it is, though a terminal may obey it: its strings escape no more than C0 and lone surrogates (RFC 8259, section 7). */
const HARMFUL_IN_JSON = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text with `?` in place of every harmful character; line ends and tabulators stay. */
export function plainText(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll(HARMFUL, "?");
}

/**
 * The same on one line: a run of white space with a line end becomes a space, and so does any other white space each. Longer than
 * `charactersMax` it is cut, and ends with `…`.
 */
export function plainLine(text: string, charactersMax = Infinity): string {
  const cut = text.length > charactersMax;
  const line = plainText((cut ? text.slice(0, charactersMax) : text).replaceAll(WHITE, spaces));
  return cut ? `${line}…` : line;
}

/** JSON without a harmful character: what JSON allows unescaped is escaped, so that the value stays the same. */
export function plainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(HARMFUL_IN_JSON, escaped);
}

const WHITE = /\s+/g;

function spaces(run: string): string {
  return /[\n\r]/.test(run) ? " " : " ".repeat(run.length);
}

function escaped(character: string): string {
  let escapes = "";
  for (let at = 0; at < character.length; at++) {
    escapes += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escapes;
}
