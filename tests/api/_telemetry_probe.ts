/** A node that exports what Deno lets it export, until its stdin ends; run with `OTEL_DENO=true`. */
import { denoMeter, exportMetrics } from "../../lib/api/telemetry.ts";
import { Served } from "./_served.ts";

await using served = await Served.start();
await served.test.leader(1);
using _exported = exportMetrics(served.test.node, denoMeter());
console.log("the probe leads");
await Deno.stdin.readable.pipeTo(new WritableStream());
