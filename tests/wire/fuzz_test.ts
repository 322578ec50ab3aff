import { ok } from "node:assert";
import { fuzzWire } from "../fuzz/_wire.ts";

Deno.test("decoders neither throw nor accept a second encoding in 60,000 hostile inputs", () => {
  const { opened, accepted } = fuzzWire(1, 60_000);
  // The input reaches behind the signatures, else the test would say little.
  ok(opened > 1_500, `${opened} opened`);
  ok(accepted > 150, `${accepted} accepted`);
});
