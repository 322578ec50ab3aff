/** The whole table of mutants. */
import {
  CERTIFICATE_MUTANTS,
  FUNCTION_MUTANTS,
  MEMBERSHIP_MUTANTS,
  NODE_MUTANTS,
  WIRE_MUTANTS,
} from "./_checked.ts";
import { CRYPTO_MUTANTS } from "./_crypto.ts";
import { OPEN_MUTANTS } from "./_open.ts";
import { ROSTER_MUTANTS } from "./_roster.ts";
import { OPEN_SLIPS, ROSTER_SLIPS } from "./_slips_elections.ts";
import { CERTIFICATE_SLIPS, FUNCTION_SLIPS, WIRE_SLIPS } from "./_slips_judges.ts";
import { MEMBERSHIP_SLIPS, NODE_SLIPS } from "./_slips_nodes.ts";
import type { Mutant } from "./_types.ts";

/** All mutants. */
export const MUTANTS: readonly Mutant[] = [
  ...ROSTER_MUTANTS,
  ...OPEN_MUTANTS,
  ...CERTIFICATE_MUTANTS,
  ...FUNCTION_MUTANTS,
  ...WIRE_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...NODE_MUTANTS,
  ...CRYPTO_MUTANTS,
  ...ROSTER_SLIPS,
  ...OPEN_SLIPS,
  ...CERTIFICATE_SLIPS,
  ...FUNCTION_SLIPS,
  ...WIRE_SLIPS,
  ...MEMBERSHIP_SLIPS,
  ...NODE_SLIPS,
];
