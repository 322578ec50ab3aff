/** Every door with a bounded number of hostile inputs from a fixed seed. `deno task fuzz` goes on for as long as one likes. */
import { ok } from "node:assert";
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
