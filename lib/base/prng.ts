/**
 * A small random number generator that repeats from its seed, for jitter and draws inside protocol cores and simulations.
 * Never for keys or nonces. The generator is sfc32 (Doty-Humphrey, PractRand 2010), seeded through splitmix32.
 */

/** A repeatable source of numbers. */
export interface Prng {
  /** A whole number of 0..2^32-1. */
  uint32(): number;
  /** A number of 0 (inclusive) to 1 (exclusive). */
  float(): number;
  /** A whole number of 0..bound-1; bound of 1..2^32. */
  below(bound: number): number;
  /** A copy of the items in random order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[];
}

/** A generator that gives the same numbers for the same seed (any whole number; its low 32 bits count). */
export function createPrng(seed: number): Prng {
  let mix = seed | 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const uint32 = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();
  const float = () => uint32() / 0x100000000;
  const below = (bound: number) => Math.floor(float() * bound);
  return {
    uint32,
    float,
    below,
    shuffled<T>(items: readonly T[]): T[] {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
}
