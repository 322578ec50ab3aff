/** Coordinates: they come to express the network, and nobody's numbers do much harm. */
import { ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import {
  type Coordinate,
  COORDINATE_ERROR_MIN,
  COORDINATE_MS_MAX,
  createPlace,
  estimateRttMs,
  isCoordinate,
  ORIGIN,
} from "../../lib/membership/coordinate.ts";
import { PROFILES } from "../../lib/membership/settings.ts";
import { Cluster } from "./harness.ts";

/** Sites with a round trip of 80 ms between them, members of a site have 4 ms. */
const SITE = 5;
const nearMs = 4;
const farMs = 80;
const matrixMs = (a: number, b: number) => a % 2 === b % 2 ? nearMs : farMs;

/** Places after so many rounds, in which each observes one other at random; what `claimed` gives is what a node says of itself. */
function settled(
  rounds: number,
  claimed: (node: number, true_: Coordinate) => Coordinate = (_, own) => own,
) {
  const prng = createPrng(7);
  const places = Array.from({ length: 2 * SITE }, () => createPlace(prng));
  for (let round = 0; round < rounds; round++) {
    for (const [a, place] of places.entries()) {
      const b = (a + 1 + prng.below(places.length - 1)) % places.length;
      place.observe(claimed(b, places[b].coordinate()), matrixMs(a, b) * (0.9 + prng.float() / 5));
    }
  }
  return places.map((place) => place.coordinate());
}

function worstError(coordinates: readonly Coordinate[], from = 0): number {
  let worst = 0;
  for (let a = from; a < coordinates.length; a++) {
    for (let b = a + 1; b < coordinates.length; b++) {
      const estimateMs = estimateRttMs(coordinates[a], coordinates[b]);
      worst = Math.max(worst, Math.abs(estimateMs - matrixMs(a, b)));
    }
  }
  return worst;
}

Deno.test("coordinates come to express a known matrix of round trips", () => {
  const worstMs = worstError(settled(500));
  ok(worstMs < 0.15 * farMs, `${worstMs} ms`);
  ok(worstError(settled(1)) > 0.5 * farMs, "at the start they do not");
});

Deno.test("members of a cluster learn their round trips from acks", () => {
  const cluster = Cluster.formed(6, { seed: 4, settings: PROFILES.lan, delayMs: [20, 22] });
  cluster.runFor(200_000);
  const [first, ...others] = cluster.nodes;
  for (const { identity } of others) {
    const { coordinate } = first.membership.member(identity.id)!;
    const estimateMs = estimateRttMs(first.membership.coordinate(), coordinate!);
    ok(Math.abs(estimateMs - 42) < 10, `${estimateMs}`);
  }
});

Deno.test("one answer moves a node by no more than a quarter of the round trip it measured", () => {
  const far: Coordinate = {
    position: [COORDINATE_MS_MAX, COORDINATE_MS_MAX, -COORDINATE_MS_MAX],
    heightMs: COORDINATE_MS_MAX,
    adjustmentMs: 0,
    error: COORDINATE_ERROR_MIN,
  };
  const place = createPlace(createPrng(1));
  place.observe(far, 2);
  ok(Math.hypot(...place.coordinate().position) <= 0.501);
  ok(place.coordinate().heightMs <= 0.52);
});

Deno.test("a liar of ten leaves the estimates between the others of use", () => {
  const liar = (node: number, own: Coordinate) =>
    node === 0
      ? { ...own, position: [9000, -9000, 9000], heightMs: 0, error: COORDINATE_ERROR_MIN }
      : own;
  const worstMs = worstError(settled(500, liar), 1);
  ok(worstMs < 0.6 * farMs, `${worstMs} ms`);
});

Deno.test("whatever is said, a node's own coordinate is one that others take", () => {
  const prng = createPrng(3);
  const place = createPlace(prng);
  const wild = () => (prng.float() - 0.5) * 2 * COORDINATE_MS_MAX;
  for (let i = 0; i < 5000; i++) {
    const position = [wild(), wild(), wild()];
    const other = { position, heightMs: Math.abs(wild()), adjustmentMs: wild(), error: 0.01 };
    place.observe(other, prng.float() < 0.1 ? 0 : Math.abs(wild()));
    ok(isCoordinate(place.coordinate()), JSON.stringify(place.coordinate()));
  }
});

const BAD: Readonly<Record<string, Partial<Coordinate>>> = {
  "a position without end": { position: [0, Infinity, 0] },
  "a position that is no number": { position: [NaN, 0, 0] },
  "a position too far": { position: [0, 0, -COORDINATE_MS_MAX - 1] },
  "two dimensions": { position: [0, 0] },
  "a negative height": { heightMs: -1 },
  "a height too great": { heightMs: 2 * COORDINATE_MS_MAX },
  "an adjustment that is no number": { adjustmentMs: NaN },
  "no error at all": { error: 0 },
  "an error without end": { error: Infinity },
};
for (const [what, change] of Object.entries(BAD)) {
  Deno.test(`${what} is no coordinate`, () => {
    strictEqual(isCoordinate(ORIGIN), true);
    strictEqual(isCoordinate({ ...ORIGIN, ...change }), false);
  });
}
