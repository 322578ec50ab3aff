/** The function of hide and seek, packed as deploying packs it and run in the sandbox. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import { distanceMeters } from "../../function/hide-and-seek/distance.ts";
import { utf8 } from "../../lib/base/bytes.ts";
import { openPackage, packFolder } from "../../lib/package/mod.ts";
import { createSandbox, type Sandbox, type SandboxSession } from "../../lib/sandbox/mod.ts";
import { KEYS, shown } from "../sandbox/_functions.ts";

const FOLDER = fileURLToPath(new URL("../../function/hide-and-seek", import.meta.url));
const EIFFEL_TOWER = place(48.8584, 2.2945);

function place(latitude: unknown, longitude: unknown): string {
  return JSON.stringify({ latitude, longitude });
}

async function openFunction(sandbox: Sandbox): Promise<SandboxSession> {
  const opened = openPackage((await packFolder(FOLDER)).zip);
  assert(typeof opened !== "string");
  return await sandbox.open(opened, KEYS, "simulated");
}

async function callAll(sandbox: Sandbox, ...inputs: string[]): Promise<string[]> {
  const session = await openFunction(sandbox);
  const answers: string[] = [];
  for (const input of inputs) answers.push(shown(await session.call(utf8(input))));
  session.close();
  return answers;
}

Deno.test("who seeks gets the seeds' three answers", async () => {
  await using sandbox = createSandbox();
  const answers = await callAll(
    sandbox,
    EIFFEL_TOWER,
    place(48.8585, 2.2946),
    place("48.8600", "2.3000"),
    place(40.6892, -74.0445),
    EIFFEL_TOWER,
  );
  assertEquals(answers[0], "");
  assertEquals(answers[1], "Congrats you found the treasure!");
  assert(/^Getting closer! still 44\d\.\d+ meters away$/.test(answers[2]), answers[2]);
  assert(/^Not even close! still 58\d{5}\.\d+ meters away$/.test(answers[3]), answers[3]);
  assertEquals(answers[4], "Congrats you found the treasure!");
});

Deno.test("the answers change at 100 and at 10,000 meters", async () => {
  // One degree of the equator is 111,319.49 m.
  const east = (meters: number) => place(0, meters / 111_319.490793);
  await using sandbox = createSandbox();
  const answers = await callAll(
    sandbox,
    place(0, 0),
    ...[99.9, 100.1, 9_999.9, 10_000.1].map(east),
  );
  assertEquals(answers.slice(1).map((answer) => answer.slice(0, 8)), [
    "Congrats",
    "Getting ",
    "Getting ",
    "Not even",
  ]);
});

Deno.test("a hiding place lives for one connection", async () => {
  await using sandbox = createSandbox();
  assertEquals(await callAll(sandbox, EIFFEL_TOWER), [""]);
  assertEquals(await callAll(sandbox, place(0, 0), place(0, 0)), [
    "",
    "Congrats you found the treasure!",
  ]);
});

Deno.test("what is no place is refused without repeating it", async () => {
  await using sandbox = createSandbox();
  const refusals: [string, string][] = [
    ["secret", "it is not JSON in UTF-8"],
    ["5", "it is not a JSON object"],
    ["null", "it is not a JSON object"],
    [place(90.1, 0), '"latitude" has to be a number of -90..90'],
    [place("secret", 0), '"latitude" has to be a number of -90..90'],
    [place(null, 0), '"latitude" has to be a number of -90..90'],
    [place(0, -180.1), '"longitude" has to be a number of -180..180'],
    ['{"latitude": 1}', '"longitude" has to be a number of -180..180'],
    ['{"latitude": 1e999, "longitude": 1}', '"latitude" has to be a number of -90..90'],
    [`"${"x".repeat(5000)}"`, "it has more than 4096 bytes"],
  ];
  for (const [input, why] of refusals) {
    assertEquals(await callAll(sandbox, input), [`threw: Cannot read the place: ${why}`]);
  }
});

Deno.test("distances are those of the literature", () => {
  // Karney 2013, tables 4 and 6 (nearly one place, nearly opposite places); the manual of GeographicLib, examples of GeodSolve.
  const known: [number, number, number, number, number][] = [
    [-30.12345, 0, -30.12344, 0.00005, 4.944208],
    [-30, 0, 29.9, 179.8, 19_989_832.827610],
    [40.6, -73.8, 51.6, -0.5, 5_551_759.400],
    [-41.32, 174.81, 40.96, -5.5, 19_959_679.267],
    [90, 0, -90, 0, 20_003_931.458625],
    [12, 34, 12, 34, 0],
  ];
  for (const [latitude, longitude, otherLatitude, otherLongitude, meters] of known) {
    const a = { latitude, longitude };
    const b = { latitude: otherLatitude, longitude: otherLongitude };
    assert(Math.abs(distanceMeters(a, b) - meters) < 0.001, `${distanceMeters(a, b)} ${meters}`);
    assertEquals(distanceMeters(b, a), distanceMeters(a, b));
  }
});
