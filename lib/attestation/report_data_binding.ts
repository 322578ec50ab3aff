/** Layer two for the bound structure: whether a report or quote binds what travels beside it. */
import { equalBytes, hex } from "../base/bytes.ts";
import { failure } from "./checks.ts";
import { decodeBound, reportDataOf } from "./report_data.ts";
import { Malformed, structured } from "./structure.ts";
import type { Binding, Failure } from "./types.ts";

/** The binding that the report vouches for; empty when nothing travels beside it, or something else than it vouches for. */
export function verifyBound(
  bound: Uint8Array | undefined,
  reportData: Uint8Array,
): { readonly binding: Binding; readonly failures: readonly Failure[] } {
  if (!bound) return { binding: {}, failures: [] };
  const binding = structured(() => decodeBound(bound));
  if (binding instanceof Malformed) {
    return { binding: {}, failures: [failure("structure", "format", binding.message)] };
  }
  const expected = reportDataOf(bound);
  if (equalBytes(expected, reportData)) return { binding, failures: [] };
  const message = `REPORT_DATA is ${hex(reportData)}, expected ${
    hex(expected)
  } for the keys beside it`;
  return { binding: {}, failures: [failure("signature", "binding", message)] };
}
