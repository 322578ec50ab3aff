/**
 * Members that fail and come back again and again: each return is remembered for a while, and several within that time are reported as one
 * `flap`, so that an operator sees the one sick machine behind many single events. Nothing else follows from it: probes and suspicion
 * treat a flapping member as any other (Rapid, Suresh et al. 2018, shows why it should be seen: it unsettles everyone's view).
 */
import { changed, type Context } from "./context.ts";
import { FLAP_RETURNS } from "./limits.ts";
import type { MemberRecord } from "./view.ts";

/** Notes that a dead member is back, and reports when it was so often. */
export function noteReturn(context: Context, record: MemberRecord): void {
  const { nowMs, settings } = context;
  const within = (record.returnsMs ?? []).filter((ms) => nowMs - ms <= settings.flapWindowMs);
  record.returnsMs = [...within, nowMs];
  if (record.returnsMs.length < FLAP_RETURNS) return;
  record.returnsMs = undefined;
  changed(context, "flap", record);
}
