/** Every door with a bounded number of hostile inputs from a fixed seed. `deno task fuzz` goes on for as long as one likes. */
import { match, ok, strictEqual } from "node:assert";
import { fuzzDoor } from "./_door.ts";
import { DOORS } from "./doors.ts";

const SEED = 20261121;

for (const door of DOORS) {
  Deno.test(`the door "${door.name}" answers hostile inputs with a value or its own refusal`, async () => {
    const { taken } = await fuzzDoor(door, SEED, door.suiteExecutions);
    // The inputs reach behind the first checks, else the test would say little.
    ok(taken >= door.takenMin, `${taken} of ${door.suiteExecutions} were taken`);
  });
}

Deno.test("a flag that the task does not know ends it, so that none means nothing", async () => {
  const task = new URL("fuzz.ts", import.meta.url).pathname;
  const args = ["run", "-A", task, "--doors", "flags"];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  strictEqual(code, 1);
  match(new TextDecoder().decode(stderr), /Cannot use "--doors": the flags are --door, /);
});
