/** Whether a group of processes is gone: a wrong yes would give the sub-lease back while a command still runs. */
import { strictEqual } from "node:assert";
import { isGroupAlive } from "../../lib/cli/lock/process_group.ts";

const failing = (code: string) => () => {
  throw Object.assign(new Error(`kill ${code}`), { code });
};

Deno.test("a group is gone only when the system knows no process of it", () => {
  strictEqual(isGroupAlive(4242, () => true), true);
  strictEqual(isGroupAlive(4242, failing("ESRCH")), false);
});

Deno.test("processes that run as another user by now are alive, though they take no signal from here", () => {
  strictEqual(isGroupAlive(4242, failing("EPERM")), true);
});
