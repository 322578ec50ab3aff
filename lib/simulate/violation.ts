/** A broken invariant, as the checkers throw it: which one, what was seen, and when. */

/** The failure of a run. */
export class Violation extends Error {
  override readonly name = "Violation";

  constructor(
    /** I1-I10 of the design, or a word of the checkers. */
    readonly invariant: string,
    message: string,
    /** True ms since the beginning of the run. */
    readonly atMs: number,
  ) {
    super(message);
  }
}
