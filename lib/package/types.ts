/** A function package: the files of one folder, and the zip whose SHA-256 is its checksum. */

/** An opened package. */
export interface FunctionPackage {
  /** SHA-256 of the zip, 32 bytes. */
  readonly checksum: Uint8Array;
  /** Name of the root folder in the zip. */
  readonly folder: string;
  /** Files by path relative to the root folder, with `/` between the parts. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}
