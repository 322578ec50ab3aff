import { ok } from "node:assert";
import { fuzzWire } from "../fuzz/_wire.ts";

Deno.test("decoders neither throw nor accept a second encoding in 8,000 hostile inputs", () => {
  const { opened, accepted } = fuzzWire(1, 8_000);
  // The input reaches behind the signatures, else the test would say little.
  ok(opened > 3_000, `${opened} opened`);
  ok(accepted > 400, `${accepted} accepted`);
});
