/** Self-made hierarchies of the makers of TEEs, for tests. */
export { type MadeAmd, makeAmd } from "./_amd_maker.ts";
export { type MadeIntel, makeIntel } from "./_intel_maker.ts";
export {
  AUTHORITY,
  ECDSA_SHA256,
  type ListExtensions,
  MADE_AT,
  pemOf,
  type ReportChanges,
} from "./_x509_maker.ts";
