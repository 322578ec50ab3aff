/** What strangers wrote, as terminals and logs get it: nothing in it is obeyed, turned around or a line of its own. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { FumataError, messageOf } from "../../lib/base/errors.ts";
import { createLogger } from "../../lib/base/log.ts";
import { plainJson, plainLine, plainText } from "../../lib/base/plain_text.ts";

/** Every character of the kinds that a terminal obeys or that turn the direction, with some of the rest that shows nothing. */
const HARMFUL = [
  ...Array.from({ length: 0x20 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 0x21 }, (_, code) => String.fromCharCode(0x7f + code)),
  ..."\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ue000",
  "\u{e0041}",
  "\ud800",
];

Deno.test("harmful characters become question marks, line ends and tabulators of a text stay", () => {
  for (const character of HARMFUL) {
    const wanted = "\t\n".includes(character) ? character : "?";
    assertEquals(plainText(`a${character}b`), `a${wanted}b`, JSON.stringify(character));
  }
  assertEquals(plainText("\x1b]0;owned\x07\r\nnext"), "?]0;owned?\nnext");
  assertEquals(plainText("Zürich 東京 e\u0301 🎉 \u05d0"), "Zürich 東京 e\u0301 🎉 \u05d0");
});

Deno.test("a line is one line, whatever ends lines, and is cut where it is to be", () => {
  for (const end of ["\n", "\r", "\r\n", "\u2028", "\u2029", "\v", "\f", "\x85"]) {
    assertEquals(plainLine(`a${end}b`).length, 3, JSON.stringify(end));
    assert(/^a[ ?]b$/.test(plainLine(`a${end}b`)));
  }
  assertEquals(plainLine("why:\n    because  of\tthis"), "why: because  of this");
  assertEquals([plainLine("abcd", 4), plainLine("abcde", 4)], ["abcd", "abcd…"]);
});

Deno.test("megabytes of white space cost one pass", () => {
  const text = " ".repeat(4_000_000);
  assertEquals(plainLine(text + "x").length, 4_000_001);
  assertEquals(messageOf(new Error(text + "\n")), " ");
});

Deno.test("JSON keeps its value and holds nothing that a terminal obeys", () => {
  const value = { ["k\x9b2J"]: HARMFUL.filter((character) => character !== "\ud800").join("") };
  for (const json of [plainJson(value), plainJson(value, 2)]) {
    assert(!/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(json), json);
    assertEquals(JSON.parse(json), value);
  }
});

Deno.test("the message of what was thrown is a plain line", () => {
  assertEquals(messageOf(new FumataError("usage", "a\x1b[2J\n b")), "a?[2J b");
  assertEquals(messageOf("\x1b"), "?");
});

Deno.test("a log line is one line without escapes but its own, as text and as JSON", () => {
  const lines: string[] = [];
  const options = { level: "info", write: (line: string) => lines.push(line), wallNow: () => 0 };
  const said = "node \x1b[2J\x9b\u202e\n00:00:00.000  forged";
  for (const format of ["text", "json"] as const) {
    const logger = createLogger({ ...options, level: "info", format, colour: true });
    logger.log("warn", "stranger", said, { name: said });
  }
  assertEquals(
    lines[0],
    "00:00:00.000  \x1b[33mwarning:\x1b[0m node ?[2J?? 00:00:00.000  forged",
  );
  assert(!/[\p{Cc}\p{Cf}]/u.test(lines[1]));
  assertEquals([JSON.parse(lines[1]).name, JSON.parse(lines[1]).message], [said, said]);
});
