/** Metrics over OpenTelemetry: the same values as `/metrics`, for as long as the node is there. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { nodeFamilies } from "../../lib/api/metrics.ts";
import { exportMetrics, isTelemetryOn, type Meter } from "../../lib/api/telemetry.ts";
import { Served } from "./_served.ts";

type Callback = Parameters<ReturnType<Meter["createObservableGauge"]>["addCallback"]>[0];

Deno.test("the meter is told what /metrics tells, and nothing more once it is over", async () => {
  await using served = await Served.start();
  await served.test.leader(1);
  const callbacks = new Map<string, Set<Callback>>();
  const create = (name: string) => {
    const set = new Set<Callback>();
    callbacks.set(name, set);
    return {
      addCallback: (callback: Callback) => void set.add(callback),
      removeCallback: (callback: Callback) => void set.delete(callback),
    };
  };
  const meter: Meter = { createObservableCounter: create, createObservableGauge: create };
  const exported = exportMetrics(served.test.node, meter);
  const observed = (name: string) => {
    const values: unknown[] = [];
    for (const callback of callbacks.get(name)!) {
      callback({ observe: (value, labels) => void values.push([value, labels]) });
    }
    return values;
  };
  const families = nodeFamilies(served.test.node).filter(({ type }) => type !== "histogram");
  deepStrictEqual([...callbacks.keys()], families.map(({ name }) => name));
  deepStrictEqual(observed("fumata_leader"), [[1, {}]]);
  ok(observed("fumata_members").some((one) => JSON.stringify(one) === '[1,{"state":"alive"}]'));
  exported[Symbol.dispose]();
  strictEqual([...callbacks.values()].every((set) => set.size === 0), true);
});

Deno.test("a collector hears metrics and log lines from a process with OTEL_DENO set", async () => {
  const heard = new Map<string, string>();
  const all = Promise.withResolvers<void>();
  const wanted = { "/v1/metrics": "fumata_leader_known", "/v1/logs": "the probe leads" };
  await using collector = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const text = new TextDecoder().decode(await request.arrayBuffer());
      heard.set(pathname, (heard.get(pathname) ?? "") + text);
      const isAll = Object.entries(wanted).every(([path, part]) => heard.get(path)?.includes(part));
      if (isAll) all.resolve();
      return Response.json({});
    },
  );
  const probe = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL("_telemetry_probe.ts", import.meta.url).pathname],
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_BLRP_SCHEDULE_DELAY: "200",
    },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = probe.status.then(({ code }) => all.reject(new Error(`it ended with ${code}`)));
  await all.promise;
  await probe.stdin.close();
  await ended;
});

Deno.test("telemetry is on when the variable says so, and not otherwise", () => {
  const of = (value: string | undefined) => isTelemetryOn(() => value);
  deepStrictEqual([of("true"), of("1"), of("false"), of(""), of(undefined)], [
    true,
    true,
    false,
    false,
    false,
  ]);
});
