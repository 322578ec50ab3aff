/**
 * The node's metrics over OpenTelemetry, for those who collect by push. Deno itself exports, when `OTEL_DENO=true` is set, console lines as
 * logs and a span for each request that is made or served; this adds the counters and gauges of `/metrics` under the same names, through the
 * interface that Deno gives, without a dependency. Histograms stay with Prometheus: that interface takes their values one by one, not
 * as they stand. See https://docs.deno.com/runtime/fundamentals/open_telemetry/ for the variables.
 */
import type { MetricFamily } from "../base/prometheus.ts";
import type { Node } from "../node/node.ts";
import { nodeFamilies } from "./metrics.ts";

/** The part of OpenTelemetry's metrics interface that is used here (`@opentelemetry/api`, Meter). */
export interface Meter {
  createObservableCounter(name: string, options: InstrumentOptions): Observable;
  createObservableGauge(name: string, options: InstrumentOptions): Observable;
}

interface InstrumentOptions {
  readonly description: string;
}

interface Observable {
  addCallback(callback: Callback): void;
  removeCallback(callback: Callback): void;
}

type Callback = (
  result: { observe(value: number, attributes: Readonly<Record<string, string>>): void },
) => void;

/** Whether Deno was told to export telemetry. */
export function isTelemetryOn(env: (name: string) => string | undefined): boolean {
  return /^(true|1)$/.test(env("OTEL_DENO") ?? "");
}

/** Deno's own meter for this program. */
export function denoMeter(): Meter {
  return Deno.telemetry.meterProvider.getMeter("fumata") as Meter;
}

/** Has the meter look up the node's metrics whenever it collects, until disposed of. */
export function exportMetrics(node: Node, meter: Meter): Disposable {
  const stack = new DisposableStack();
  for (const { name, type, help } of nodeFamilies(node)) {
    if (type === "histogram") continue;
    const options = { description: help };
    const instrument = type === "counter"
      ? meter.createObservableCounter(name, options)
      : meter.createObservableGauge(name, options);
    const callback: Callback = (result) => {
      for (const { value, labels = {} } of samplesOf(nodeFamilies(node), name)) {
        result.observe(value, labels);
      }
    };
    instrument.addCallback(callback);
    stack.defer(() => instrument.removeCallback(callback));
  }
  return stack;
}

function samplesOf(families: readonly MetricFamily[], name: string): MetricFamily["samples"] {
  return families.find((family) => family.name === name)?.samples ?? [];
}
