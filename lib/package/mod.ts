/** Function packages: pack a folder, open a zip. */
export { PACKAGE_LIMITS, type PackageLimits } from "./limits.ts";
export { openPackage } from "./open.ts";
export { type PackedFolder, packFiles } from "./pack.ts";
export { packFolder } from "./pack_folder.ts";
export type { FunctionPackage } from "./types.ts";
