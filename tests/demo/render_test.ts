/** The live view: what it shows at which size, and that no size, terminal or stranger's text breaks it. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { demoKeys } from "../../lib/cli/demo/demo_view.ts";
import { capabilitiesOf } from "../../lib/cli/view/capabilities.ts";
import type { ClusterView, NodeRow } from "../../lib/cli/view/model.ts";
import { render } from "../../lib/cli/view/render.ts";
import { keysOf } from "../../lib/cli/view/terminal.ts";
import { cells, clip, fit, printable } from "../../lib/cli/view/text.ts";

const PLAIN = { colour: false, utf8: true };

function node(name: string, more: Partial<NodeRow> = {}): NodeRow {
  return {
    name,
    address: "127.0.0.1:40123",
    state: "runs",
    mood: "good",
    seenAs: "alive",
    respects: "term 4 node-2",
    isLeader: false,
    ...more,
  };
}

const VIEW: ClusterView = {
  title: "fumata demo",
  leader: { name: "node-2", verified: true },
  term: 4,
  doing: "your turn",
  policy: "random",
  tee: { name: "simulated", insecure: true },
  checksum: "96da1842f62b60129e1d281d23b86042db51413c915e00c864052a6a568c18bf",
  nodes: [
    node("node-1", { state: "killed", mood: "bad", seenAs: "dead 2/3", respects: "" }),
    node("node-2", { isLeader: true }),
    node("node-3"),
  ],
  failovers: [{
    what: "node-1 (leader) killed",
    term: 4,
    leader: "node-2",
    tookMs: 1234,
    verified: true,
    votes: 2,
    votesOf: 2,
  }],
  events: [
    { atS: 4.2, text: "node-1 (leader) killed", mood: "warning" },
    { atS: 5.4, text: "all 2 live nodes agree: node-2 leads term 4", mood: "good" },
  ],
  keys: [{ key: "k", does: "kill leader" }, { key: "a", does: "add node" }, {
    key: "q",
    does: "quit",
  }],
};

function show(columns: number, rows: number, view = VIEW, capabilities = PLAIN): string[] {
  return render(view, { columns, rows }, capabilities).map((line) => line.trimEnd());
}

Deno.test("the view at 80x16 in UTF-8", () => {
  deepStrictEqual(show(80, 16), [
    "fumata demo: node-2 leads, term 4, verified",
    "TEE simulated (insecure), policy random, function 96da1842f62b6012…",
    "your turn",
    "  node    address          state   seen as   respects",
    "  node-1  127.0.0.1:40123  killed  dead 2/3",
    "★ node-2  127.0.0.1:40123  runs    alive     term 4 node-2",
    "  node-3  127.0.0.1:40123  runs    alive     term 4 node-2",
    "── last failovers ──────────────────────────────────────────────────────────────",
    "node-1 (leader) killed: term 4, node-2 leads after 1.23 s, verified (2 of 2 vot…",
    "── events ──────────────────────────────────────────────────────────────────────",
    "   4.2 s  node-1 (leader) killed",
    "   5.4 s  all 2 live nodes agree: node-2 leads term 4",
    "",
    "",
    "",
    "k kill leader  a add node  q quit",
  ]);
});

Deno.test("the view at 40x9 in ASCII", () => {
  deepStrictEqual(show(40, 9, VIEW, { colour: false, utf8: false }), [
    "node-2 leads, term 4, verified",
    "TEE simulated (insecure), policy random",
    "your turn",
    "  node-1  killed",
    "* node-2  runs    term 4 node-2",
    "  node-3  runs    term 4 node-2",
    "",
    "",
    "k kill leader  a add node  q quit",
  ]);
});

Deno.test("the smallest window says who leads, that it is insecure, and the keys", () => {
  deepStrictEqual(show(20, 5), [
    "node-2 leads, term 4",
    "insecure TEE",
    "★ node-2  runs",
    "  … 2 more",
    "k a q",
  ]);
});

Deno.test("the keys of a roster's demo keep their sense in a window of 80", () => {
  strictEqual(
    show(80, 12, { ...VIEW, keys: demoKeys(true) }).at(-1),
    "k kill  p pause  r resume  h hand over  t liar  l leave  q quit",
  );
});

Deno.test("without a leader it says so, and what is going on", () => {
  const [status, , doing] = show(60, 10, { ...VIEW, leader: undefined, doing: "electing" });
  deepStrictEqual([status, doing], ["fumata demo: no leader, term 4", "electing"]);
});

Deno.test("a lease runs down as a bar, which a narrow window leaves out", () => {
  const left = (remainingMs: number, columns = 80, utf8 = true) =>
    show(columns, 5, { ...VIEW, lease: { remainingMs, ofMs: 1_000 } }, { colour: false, utf8 })[0];
  strictEqual(
    left(620),
    "fumata demo: node-2 leads, term 4, verified, lease ███████░░░ 0.62 s",
  );
  strictEqual(left(0, 60, false), "node-2 leads, term 4, verified, lease .......... 0.00 s");
  strictEqual(left(2_000, 44), "fumata demo: node-2 leads, term 4, verified");
});

Deno.test("an alert has a line of its own from four rows on", () => {
  const alert = "node-3 was caught: it voted twice in term 4";
  strictEqual(show(60, 4, { ...VIEW, alert })[1], alert);
  strictEqual(show(60, 16, { ...VIEW, alert })[2], alert);
  ok(!show(60, 3, { ...VIEW, alert }).includes(alert));
});

Deno.test("a certificate that is not verified shouts", () => {
  const [status] = show(60, 5, { ...VIEW, leader: { name: "x", verified: false } });
  strictEqual(status, "fumata demo: x leads, term 4, NOT VERIFIED");
});

Deno.test("colours are there only when the terminal has them", () => {
  const size = { columns: 80, rows: 16 };
  const plain = render(VIEW, size, PLAIN);
  const coloured = render(VIEW, size, { colour: true, utf8: true });
  // deno-lint-ignore no-control-regex
  const sgr = /\x1b\[[0-9;]*m/g;
  ok(coloured.some((line) => sgr.test(line)));
  deepStrictEqual(coloured.map((line) => line.replaceAll(sgr, "")), plain);
});

const HOSTILE: ClusterView = {
  ...VIEW,
  title: "\x1b]0;owned\x07",
  leader: { name: "\u202egnp.\u0000\x1b[2J", verified: true },
  alert: "\x1b[31m\u202elies",
  lease: { remainingMs: -5, ofMs: 1_000 },
  doing: "\u{1f468}\u200d\u{1f469}\u200d\u{1f467} 日本語 e\u0301",
  nodes: Array.from(
    { length: 40 },
    (_, i) =>
      node(i % 2 ? "ノード".repeat(30) : `\r\n\x9b31m${"x".repeat(300)}`, {
        address: "\u200b".repeat(90),
        respects: "a\u0300".repeat(50),
      }),
  ),
  events: Array.from({ length: 300 }, (_, i) => ({ atS: 1e9 * i, text: "宽".repeat(i) })),
};

Deno.test("no size and no text makes more or longer lines than the window has, or moves the cursor", () => {
  for (const view of [VIEW, HOSTILE, { ...VIEW, nodes: [], events: [], failovers: [], keys: [] }]) {
    for (const columns of [1, 2, 19, 20, 40, 79, 80, 132, 300]) {
      for (const rows of [1, 2, 3, 4, 5, 8, 10, 12, 24, 100]) {
        for (const utf8 of [true, false]) {
          const lines = render(view, { columns, rows }, { colour: false, utf8 });
          strictEqual(lines.length, rows);
          for (const line of lines) {
            ok(cells(line) <= columns, `${cells(line)} cells of ${columns}: ${line}`);
            ok(!/\p{C}|\p{Zl}|\p{Zp}/u.test(line), JSON.stringify(line));
            ok(utf8 || /^[\x20-\x7e]*$/.test(line), JSON.stringify(line));
          }
        }
      }
    }
  }
});

Deno.test("wide characters and marks are counted as terminals do", () => {
  strictEqual(cells("abc"), 3);
  strictEqual(cells("日本"), 4);
  strictEqual(cells("e\u0301"), 1);
  strictEqual(cells("🙂"), 2);
  strictEqual(fit("日本語", 4, true), "日… ");
  strictEqual(clip("abcdef", 4, false), "abc~");
  strictEqual(clip("abcd", 4, true), "abcd");
  strictEqual(clip("abcd", 0, true), "");
});

Deno.test("texts of strangers become harmless", () => {
  strictEqual(printable("a\x1b[31mb\u202ec\td\u0000", true), "a?[31mb?c d?");
  strictEqual(printable("ö日🙂", false), "???");
  strictEqual(printable("\u0301x", true), "?x");
  strictEqual(printable("\ud800", true), "?");
});

Deno.test("keys come one by one, arrows and function keys not at all", () => {
  const keys = (text: string) => keysOf(new TextEncoder().encode(text));
  deepStrictEqual(keys("ka"), ["k", "a"]);
  deepStrictEqual(keys("\x1b[Ak\x1bOPq\x1b[1;5C\x1b"), ["k", "q"]);
  deepStrictEqual(keys("\x03"), ["\x03"]);
});

Deno.test("the environment says what a terminal can show", () => {
  const of = (env: Record<string, string>) => capabilitiesOf((name) => env[name]);
  deepStrictEqual(of({ LANG: "de_DE.UTF-8" }), { colour: true, utf8: true });
  deepStrictEqual(of({ LANG: "de_DE.UTF-8", LC_ALL: "C" }), { colour: true, utf8: false });
  deepStrictEqual(of({ LC_ALL: "", LANG: "C.utf8" }), { colour: true, utf8: true });
  deepStrictEqual(of({}), { colour: true, utf8: false });
  deepStrictEqual(of({ NO_COLOR: "1" }).colour, false);
  deepStrictEqual(of({ NO_COLOR: "" }).colour, true);
  deepStrictEqual(of({ TERM: "dumb" }).colour, false);
});
