/**
 * Network coordinates: the time that a datagram takes between two nodes that never measured it, from where each has placed itself (Vivaldi:
 * Dabek, Cox, Kaashoek, Morris, "Vivaldi: A Decentralized Network Coordinate System", SIGCOMM 2004: adaptive timestep of section 3.6, heights of
 * section 5.4). A position is a point of a space with three dimensions, in ms, and a height above it for the link that all of a node's
 * packets share. After each probe a node moves itself a little, so that its distance to the member is more like the round trip just measured.
 * Two things come from the practice of Serf: an adjustment for what the space cannot express, and a pull to the origin so that the whole
 * network does not drift.
 *
 * Positions are the members' own words. The decoder takes only finite numbers within bounds, and one answer moves this node by no more than a quarter of the
 * round trip that it measured itself, so a liar among n members spoils what is said about itself, and the n-th part of this node's moves a little.
 */
import type { Prng } from "../base/prng.ts";

/** Where a node has placed itself. All but `error` in ms. */
export interface Coordinate {
  /** Three numbers, each at most {@linkcode COORDINATE_MS_MAX} from zero. */
  readonly position: readonly number[];
  /** Above the space, 0..COORDINATE_MS_MAX. */
  readonly heightMs: number;
  /** Added to every estimate, within COORDINATE_MS_MAX of zero. */
  readonly adjustmentMs: number;
  /** By what share its estimates are wrong, as it thinks: {@linkcode COORDINATE_ERROR_MIN}..{@linkcode COORDINATE_ERROR_MAX}. */
  readonly error: number;
}

/** Dimensions of the space: more make no better estimates (section 5.1). */
export const COORDINATE_DIMENSIONS = 3;

/** No path of the internet is longer by far; what is farther out is no coordinate. */
export const COORDINATE_MS_MAX = 10_000;

/** Nobody is surer than this: who claims to know its place exactly would move others by all that they are off. */
export const COORDINATE_ERROR_MIN = 0.01;

/** Who knows nothing is off by all of it and more. */
export const COORDINATE_ERROR_MAX = 1.5;

/** The share of a node's own error and of its place that one sample can change (`c_e`, `c_c` of section 3.6). */
const STEP = 0.25;

/** A height never falls to nothing, else it could not grow again by a share of itself. */
const HEIGHT_MS_MIN = 0.01;

/** Samples over which the adjustment is an average. */
const ADJUSTMENT_SAMPLES = 20;

/** At this distance the pull to the origin is one ms a sample; it grows with the square. */
const PULL_MS = 1000;

/** Where nobody has measured anything yet. */
export const ORIGIN: Coordinate = {
  position: new Array(COORDINATE_DIMENSIONS).fill(0),
  heightMs: HEIGHT_MS_MIN,
  adjustmentMs: 0,
  error: COORDINATE_ERROR_MAX,
};

/** The place of one node. */
export interface Place {
  coordinate(): Coordinate;
  /** A round trip of so many ms to a node that says it is there. */
  observe(other: Coordinate, rttMs: number): void;
}

/** A node at the origin. `prng` gives the direction in which two that stand on each other part. */
export function createPlace(prng: Prng): Place {
  let own = ORIGIN;
  const residuals: number[] = [];

  return {
    coordinate: () => own,
    observe(other, measuredMs) {
      if (!(measuredMs >= 0) || measuredMs > COORDINATE_MS_MAX) return;
      const rttMs = Math.max(measuredMs, HEIGHT_MS_MIN);
      const apartMs = distanceMs(own, other);
      const weight = own.error / (own.error + other.error);
      // Bounded by what was measured here and not by what the other says of itself.
      const within = (ms: number) => Math.max(-rttMs, Math.min(rttMs, ms));
      const wrong = Math.abs(within(rttMs - apartMs)) / rttMs;
      const error = STEP * weight * wrong + own.error * (1 - STEP * weight);
      const forceMs = STEP * weight * within(rttMs - apartMs);
      own = pulled(moved(own, other, forceMs, prng));
      residuals.push(within(rttMs - distanceMs(own, other)));
      if (residuals.length > ADJUSTMENT_SAMPLES) residuals.shift();
      const mean = residuals.reduce((sum, value) => sum + value, 0) / residuals.length;
      own = bounded({ ...own, error, adjustmentMs: mean / 2 });
    },
  };
}

/** The round trip between two nodes in ms, as their coordinates have it. */
export function estimateRttMs(a: Coordinate, b: Coordinate): number {
  const apartMs = distanceMs(a, b);
  const adjustedMs = apartMs + a.adjustmentMs + b.adjustmentMs;
  return adjustedMs > 0 ? adjustedMs : apartMs;
}

/** Whether somebody's numbers are a coordinate. */
export function isCoordinate(value: Coordinate): boolean {
  const within = (number: number, min: number, max: number) => number >= min && number <= max;
  const numbers = [...value.position, value.adjustmentMs];
  return value.position.length === COORDINATE_DIMENSIONS &&
    numbers.every((number) => within(number, -COORDINATE_MS_MAX, COORDINATE_MS_MAX)) &&
    within(value.heightMs, 0, COORDINATE_MS_MAX) &&
    within(value.error, COORDINATE_ERROR_MIN / 2, COORDINATE_ERROR_MAX);
}

function distanceMs(a: Coordinate, b: Coordinate): number {
  return Math.hypot(...difference(a, b)) + a.heightMs + b.heightMs;
}

function difference(a: Coordinate, b: Coordinate): number[] {
  return a.position.map((value, i) => value - b.position[i]);
}

/** Away from the other by so much, or towards it; the height takes its part as if it were one more dimension. */
function moved(own: Coordinate, other: Coordinate, forceMs: number, prng: Prng): Coordinate {
  let away = difference(own, other);
  let length = Math.hypot(...away);
  const isApart = length > 1e-6;
  while (length <= 1e-6) {
    away = away.map(() => prng.float() - 0.5);
    length = Math.hypot(...away);
  }
  const position = own.position.map((value, i) => value + forceMs * away[i] / length);
  const rise = isApart ? (own.heightMs + other.heightMs) * forceMs / length : 0;
  return {
    ...own,
    position,
    heightMs: own.heightMs + Math.max(-own.heightMs, Math.min(rise, Math.abs(forceMs))),
  };
}

function pulled(own: Coordinate): Coordinate {
  const outMs = Math.hypot(...own.position);
  if (outMs === 0) return own;
  const share = Math.min(1, (outMs / PULL_MS) ** 2 / outMs);
  return { ...own, position: own.position.map((value) => value * (1 - share)) };
}

function bounded({ position, heightMs, adjustmentMs, error }: Coordinate): Coordinate {
  const clamp = (value: number, min: number, max: number) => Math.max(min, Math.min(max, value));
  return {
    position: position.map((value) => clamp(value, -COORDINATE_MS_MAX, COORDINATE_MS_MAX)),
    heightMs: clamp(heightMs, HEIGHT_MS_MIN, COORDINATE_MS_MAX),
    adjustmentMs: clamp(adjustmentMs, -COORDINATE_MS_MAX, COORDINATE_MS_MAX),
    error: clamp(error, COORDINATE_ERROR_MIN, COORDINATE_ERROR_MAX),
  };
}
