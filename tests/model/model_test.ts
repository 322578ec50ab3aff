/** The model as the suite runs it: the small bounds, and two rules whose loss must be found. `deno task model` runs all. */
import { ok } from "node:assert";
import { BREAKING, HOLDING, isAsExpected, lineOf } from "./checks.ts";
import { missingTools, runCheck } from "./_spin.ts";

const missing = await missingTools();
const ignore = missing.length > 0;
if (ignore) console.log(`the model needs ${missing.join(" and ")}: its tests are skipped`);

Deno.test({
  name: "the model holds within its smallest bounds",
  ignore,
  async fn() {
    const [check] = HOLDING;
    const outcome = await runCheck(check);
    ok(isAsExpected(check, outcome), lineOf(check, outcome));
  },
});

for (const rule of ["VOTE_NOT_PERSISTED", "ACK_AFTER_HIGHER_VOTE"]) {
  Deno.test({
    name: `the model breaks without the rule ${rule}`,
    ignore,
    async fn() {
      const check = BREAKING.find(({ breaks }) => breaks === rule)!;
      const outcome = await runCheck(check);
      ok(isAsExpected(check, outcome), lineOf(check, outcome));
    },
  });
}
