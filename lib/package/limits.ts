/** How large a package may be: what bounds the memory and the time that a stranger's zip can cost. */

/** Limits of one package. */
export interface PackageLimits {
  /** Most bytes of the zip itself. */
  readonly zipBytesMax: number;
  /** Most bytes of all files together, unpacked. */
  readonly contentBytesMax: number;
  /** Most files. */
  readonly filesMax: number;
}

/**
 * The default limits. The wire protocol allows 1,000,000,000 bytes of content; a package is held in memory, so hosts that serve
 * strangers pass less. 20,000 files: what a Python package with its dependencies has, times ten.
 */
export const PACKAGE_LIMITS: PackageLimits = {
  zipBytesMax: 1_000_000_000,
  contentBytesMax: 1_000_000_000,
  filesMax: 20_000,
};

/** The longest path of a file, in UTF-8 bytes, folder included: what a Linux path may have (PATH_MAX) and no more. */
export const PATH_BYTES_MAX = 4096;
