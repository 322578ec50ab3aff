/**
 * The `fumata` command lines in a text of shell commands, as words: enough of a shell's grammar (POSIX, section 2) to check that what help and
 * guides show is what the program takes. Variables stay as they are written; loops and here-documents are taken apart by their words.
 */

/** What ends a simple command, and what only redirects it. */
const SEPARATORS = new Set(["&&", "||", ";", "|", "&", "do", "done", "then"]);
const REDIRECTION = /^\d?(?:>>?|<<?)(.*)$/;

/** The words behind `fumata` of each of its calls in the text, with the line that it begins in. */
export function fumataCalls(text: string): { line: string; words: string[] }[] {
  const calls: { line: string; words: string[] }[] = [];
  for (const line of logicalLines(text)) {
    let words: string[] = [];
    const end = () => {
      // Settings of variables may stand in front.
      while (/^[A-Za-z_]\w*=/.test(words[0] ?? "")) words.shift();
      if (words[0] === "fumata") calls.push({ line, words: words.slice(1) });
      words = [];
    };
    const all = wordsOf(line);
    for (let at = 0; at < all.length; at++) {
      const { text: word, quoted } = all[at];
      const redirection = quoted ? null : REDIRECTION.exec(word);
      if (!quoted && SEPARATORS.has(word)) end();
      else if (redirection) at += redirection[1] === "" ? 1 : 0;
      else words.push(word);
    }
    end();
  }
  return calls;
}

/** Lines with their continuations, without here-documents. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let until: string | undefined;
  for (const line of text.replaceAll(/\\\n\s*/g, " ").split("\n")) {
    if (until !== undefined) {
      if (line.trim() === until) until = undefined;
      continue;
    }
    lines.push(line);
    until = /<<-?\s*'?"?(\w+)/.exec(line)?.[1];
  }
  return lines;
}

function wordsOf(line: string): { text: string; quoted: boolean }[] {
  const words: { text: string; quoted: boolean }[] = [];
  const pattern =
    /\s*(?:(#.*)|(&&|\|\||[;|&()])|((?:'[^']*'|"[^"]*"|\$\([^)]*\)|\\.|[^\s;|&'"()])+))/gy;
  for (const [, comment, operator, word] of line.matchAll(pattern)) {
    if (comment !== undefined) break;
    if (operator !== undefined) words.push({ text: operator, quoted: false });
    else {
      const text = word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, a, b) => a ?? b);
      words.push({ text, quoted: /^['"]/.test(word) });
    }
  }
  return words;
}
