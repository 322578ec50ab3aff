/** The arithmetic of roster clusters: quorums, bitmaps, tenures, and what nobody can steer about a draw. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import {
  bitmapOf,
  drawRosterLeader,
  type DrawRules,
  incumbencyAfter,
  isActive,
  isBitmap,
  quorum,
  type RosterNode,
  type RosterPolicy,
} from "../../function/leader-election/roster_rules.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";

const DOMAIN = { checksum: sha256(utf8("function")), cluster: "test" };
const NOBODY = new Uint8Array();

function rosterOf(voters: number, weightOf = (_: number) => 1): RosterNode[] {
  return Array.from({ length: voters }, (_, i) => ({
    id: sha256(Uint8Array.of(i)),
    name: `a:${i}`,
    weight: weightOf(i),
  }));
}

function draw(
  rules: Partial<DrawRules>,
  beacon: Uint8Array,
  roster: readonly RosterNode[],
  active: readonly number[],
  incumbent: Uint8Array = NOBODY,
  tenure = 0,
): RosterNode | undefined {
  const whole = { policy: "random" as const, sticky: false, maxTenure: 0, ...rules };
  const bitmap = bitmapOf(roster.length, active);
  return drawRosterLeader(sha256, DOMAIN, whole, beacon, roster, { bitmap, incumbent, tenure });
}

Deno.test("any two quorums share more voters than may lie, and the honest alone make one", () => {
  assertEquals(
    [[1, 0], [2, 0], [3, 0], [4, 1], [5, 0], [5, 1], [7, 2], [10, 3], [64, 21]].map(([n, f]) =>
      quorum(n, f)
    ),
    [1, 2, 2, 3, 3, 4, 5, 7, 43],
  );
  for (let n = 1; n <= 64; n++) {
    for (let f = 0; 3 * f + 1 <= n; f++) {
      const q = quorum(n, f);
      assert(2 * q - n >= f + 1, `n = ${n}, f = ${f}`);
      assert(q <= n - f, `n = ${n}, f = ${f}`);
    }
  }
});

Deno.test("a bitmap says who is active, least significant bit first, and has one form", () => {
  const bitmap = bitmapOf(10, [0, 3, 9]);
  assertEquals(bitmap, Uint8Array.of(0b1001, 0b10));
  assertEquals(Array.from({ length: 12 }, (_, i) => isActive(bitmap, i)).map(Number), [
    1,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0,
    1,
    0,
    0,
  ]);
  assert(isBitmap(10, bitmap) && isBitmap(8, Uint8Array.of(255)) && isBitmap(10, bitmapOf(10, [])));
  assert(!isBitmap(9, bitmap) && !isBitmap(8, bitmap) && !isBitmap(17, bitmap));
});

Deno.test("a tenure counts the certificates in a row that drew one leader", () => {
  const [a, b] = [sha256(utf8("a")), sha256(utf8("b"))];
  assertEquals(incumbencyAfter(a, { incumbent: NOBODY, tenure: 0 }), { incumbent: a, tenure: 1 });
  assertEquals(incumbencyAfter(a, { incumbent: a, tenure: 4 }), { incumbent: a, tenure: 5 });
  assertEquals(incumbencyAfter(b, { incumbent: a, tenure: 4 }), { incumbent: b, tenure: 1 });
});

Deno.test("whoever does not win can come or go and change nothing, under every policy", () => {
  const roster = rosterOf(9, (i) => 1 + i * 3);
  for (let seed = 0; seed < 10; seed++) {
    const beacon = sha256(utf8(`beacon ${seed}`));
    for (const policy of ["highest", "random", "weighted"] satisfies RosterPolicy[]) {
      const all = [...roster.keys()];
      const leader = draw({ policy }, beacon, roster, all);
      for (const gone of all.filter((index) => roster[index] !== leader)) {
        const rest = all.filter((index) => index !== gone);
        assertEquals(draw({ policy }, beacon, roster, rest), leader);
      }
    }
  }
});

Deno.test("nobody active is nobody drawn", () => {
  assertEquals(draw({}, sha256(utf8("x")), rosterOf(3), []), undefined);
});

Deno.test("a weight is that many tickets: twice the weight wins twice as often", () => {
  const roster = rosterOf(3, (i) => [1, 2, 3][i]);
  const wins = [0, 0, 0];
  for (let seed = 0; seed < 1200; seed++) {
    const leader = draw({ policy: "weighted" }, sha256(utf8(`${seed}`)), roster, [0, 1, 2])!;
    wins[roster.indexOf(leader)]++;
  }
  for (const [i, count] of wins.entries()) {
    assert(Math.abs(count - 200 * (i + 1)) < 80, wins.join());
  }
});

Deno.test("without weighted a weight does not count", () => {
  for (let seed = 0; seed < 20; seed++) {
    const beacon = sha256(utf8(`${seed}`));
    const [light, heavy] = [rosterOf(4), rosterOf(4, (i) => 1 + 100 * i)];
    assertEquals(
      draw({}, beacon, light, [0, 1, 2, 3])!.name,
      draw({}, beacon, heavy, [0, 1, 2, 3])!.name,
    );
  }
});

Deno.test("a sticky incumbent stays while it is active and within its tenure, else it is drawn like anybody", () => {
  const roster = rosterOf(4);
  const beacon = sha256(utf8("beacon"));
  const drawn = draw({}, beacon, roster, [0, 1, 2, 3])!;
  const sitting = roster.find((node) => node !== drawn)!;
  const index = roster.indexOf(sitting);
  const others = [0, 1, 2, 3].filter((i) => i !== index);
  const after = (rules: Partial<DrawRules>, active: number[], tenure: number) =>
    draw(rules, beacon, roster, active, sitting.id, tenure);
  const everybody = [0, 1, 2, 3];
  assertEquals(after({ sticky: true }, everybody, 1_000_000), sitting);
  assertEquals(after({ sticky: true, maxTenure: 3 }, everybody, 2), sitting);
  assertEquals(after({ sticky: true, maxTenure: 3 }, everybody, 3), drawn);
  assertEquals(after({ sticky: true }, others, 1), drawn);
  assertEquals(after({}, everybody, 1), drawn);
  assertEquals(draw({ sticky: true }, beacon, roster, everybody), drawn);
});
