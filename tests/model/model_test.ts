/** The models as the suite runs them: the small bounds, and rules whose loss must be found. `deno task model` runs all. */
import { ok } from "node:assert";
import { BREAKING, HOLDING, isAsExpected, lineOf } from "./checks.ts";
import { isOfSuccession, missingTools, runCheck } from "./_spin.ts";

const missing = await missingTools();
const ignore = missing.length > 0;
if (ignore) console.log(`the model needs ${missing.join(" and ")}: its tests are skipped`);

const smallest = [HOLDING[0], HOLDING.find(({ bounds }) => isOfSuccession(bounds))!];
for (const check of smallest) {
  Deno.test({
    name: `the model holds within its smallest bounds: ${check.name}`,
    ignore,
    async fn() {
      const outcome = await runCheck(check);
      ok(isAsExpected(check, outcome), lineOf(check, outcome));
    },
  });
}

for (const rule of ["VOTE_NOT_PERSISTED", "ACK_AFTER_HIGHER_VOTE", "CLOSE_WHILE_PROMISED"]) {
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
