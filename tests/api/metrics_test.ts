/** `/metrics`: read back by a strict reader, and moved by what happens. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import { Histogram, METRICS_TYPE, metricsText } from "../../lib/base/prometheus.ts";
import { History } from "../../lib/node/history.ts";
import type { NodeEvent } from "../../lib/node/event_log.ts";
import { NodeMetrics } from "../../lib/node/node_metrics.ts";
import { TestNode } from "../node/_cluster.ts";
import { readMetrics } from "./_prometheus.ts";
import { Served } from "./_served.ts";

const DASHBOARD = new URL("../../lib/operations/grafana/dashboard.json", import.meta.url);

async function scrape(served: Served) {
  const response = await fetch(`${served.url}/metrics`);
  strictEqual(response.headers.get("content-type"), METRICS_TYPE);
  const families = readMetrics(await response.text());
  const value = (name: string, labels: Record<string, string> = {}) =>
    families.flatMap(({ samples }) => samples).find((sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted)
    )?.value;
  return { families, value };
}

Deno.test("metrics follow an election, a failure and an election again", async () => {
  await using served = await Served.start();
  const { enclave, test } = served;
  await test.leader(1);
  const first = await scrape(served);
  strictEqual(first.value("fumata_leader"), 1);
  strictEqual(first.value("fumata_elections_total", { outcome: "elected" }), 1);
  strictEqual(first.value("fumata_failover_duration_seconds_count"), 0);
  strictEqual(first.value("fumata_lease_remaining_seconds"), 0);
  const other = new TestNode(enclave, [test.node.address], { name: "n:2" });
  await test.leader(2);
  const second = await scrape(served);
  strictEqual(second.value("fumata_members", { state: "alive" }), 2);
  strictEqual(second.value("fumata_leader"), 0);
  strictEqual(second.value("fumata_build_info", { kind: "open", tee: "simulated" }), 1);
  const heard = test.listener.said.length;
  await other[Symbol.asyncDispose]();
  await test.leader(1, heard);
  const third = await scrape(served);
  strictEqual(third.value("fumata_members", { state: "dead" }), 1);
  strictEqual(third.value("fumata_member_changes_total", { change: "fail" }), 1);
  strictEqual(third.value("fumata_failure_detection_duration_seconds_count"), 1);
  ok(third.value("fumata_failover_duration_seconds_count")! >= 1);
  ok(third.value("fumata_enclave_call_duration_seconds_count")! >= 1);
  ok(third.value("fumata_messages_received_total", { kind: "ping" })! >= 1);
  ok(third.value("fumata_messages_sent_total", { kind: "ack" })! >= 1);
  ok(third.value("fumata_term")! > first.value("fumata_term")!);
  for (const { name } of third.families) ok(/^(fumata|process)_/.test(name), name);
});

Deno.test("each query of the dashboard names metrics that there are, with labels that they have", async () => {
  await using served = await Served.start();
  const { families } = await scrape(served);
  const known = new Map<string, Set<string>>();
  for (const { samples } of families) {
    for (const { name, labels } of samples) {
      known.set(name, (known.get(name) ?? new Set()).union(new Set(Object.keys(labels))));
    }
  }
  const dashboard = JSON.parse(Deno.readTextFileSync(DASHBOARD));
  const queries: string[] = dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) =>
    (panel.targets ?? []).map(({ expr }) => expr)
  );
  ok(queries.length >= 12);
  const used = new Set<string>();
  for (const query of queries) {
    const names = query.match(/\b(?:fumata|process)_[a-z_]+/g) ?? [];
    ok(names.length > 0, query);
    for (const name of names) ok(known.has(name), `${name} in ${query}`);
    for (const name of names) used.add(name);
    // What is grouped by is a label of the metric, or one that Prometheus itself adds.
    for (const [, list] of query.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of list.split(",").map((text) => text.trim())) {
        ok(["job", "instance"].includes(label) || known.get(names[0] ?? "")!.has(label), query);
      }
    }
  }
  const ids = dashboard.panels.map(({ id }: { id: number }) => id);
  strictEqual(new Set(ids).size, ids.length);
});

Deno.test("a histogram counts what is no greater than each bound", () => {
  const histogram = new Histogram([0.5, 1]);
  for (const value of [0.1, 0.5, 0.6, 7]) histogram.note(value);
  const text = metricsText([{
    name: "x_seconds",
    type: "histogram",
    help: "It.",
    samples: histogram.samples(),
  }]);
  const [{ samples }] = readMetrics(text);
  deepStrictEqual(samples.map(({ value }) => value), [2, 3, 4, 8.2, 4]);
});

Deno.test("the test's own reader refuses what is not exactly right", () => {
  const right = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n";
  readMetrics(right);
  for (
    const wrong of [
      right.trimEnd(),
      right.replaceAll("_total", ""),
      right.replace("counter", "gauge"),
      right + right,
      right.replace("a_total 1", 'a_total{b="1",b="2"} 1'),
      right.replace("a_total 1", "b_total 1"),
      right.replace(" 1\n", " x\n"),
      right.replace("# HELP a_total A.\n", ""),
      right.replaceAll("a_total", "a_ms_total"),
    ]
  ) throws(() => readMetrics(wrong), Error, wrong);
});

/** An event as the log gives it. */
function event(name: string, fields: NodeEvent["fields"] = {}, level: NodeEvent["level"] = "info") {
  return { id: 1, level, event: name, message: name, fields, json: "" };
}

function valueOf(samples: ReturnType<Histogram["samples"]>, label: string): number | undefined {
  return samples.find(({ labels }) => Object.values(labels ?? {}).includes(label))?.value;
}

Deno.test("a failover is counted from the loss of a leader to another certificate, once", () => {
  let nowMs = 0;
  const metrics = new NodeMetrics(() => nowMs);
  const leader = (id: string) => event("leader", { leader: "x", certificateId: id });
  metrics.note(event("leaderless"));
  metrics.note(leader("a"));
  const count = () => metrics.failover.samples().at(-1)!.value;
  strictEqual(count(), 0, "the first leader replaces nobody");
  metrics.note(event("election-leader-silent"));
  nowMs = 700;
  metrics.note(event("leaderless"));
  nowMs = 1_500;
  metrics.note(leader("b"));
  deepStrictEqual([count(), metrics.failover.samples().at(-2)!.value], [1, 1.5]);
  metrics.note(event("leaderless"));
  metrics.note(leader("b"));
  strictEqual(count(), 1, "the same leader again is no failover");
  strictEqual(valueOf(metrics.elections.samples(), "elected"), 2);
});

Deno.test("detection is counted from the first suspicion, and a refuted one does not count", () => {
  let nowMs = 0;
  const metrics = new NodeMetrics(() => nowMs);
  const member = (change: string) => metrics.note(event(`member-${change}`, { id: "x" }));
  member("suspect");
  nowMs = 1_000;
  member("refute");
  member("fail");
  strictEqual(metrics.detection.samples().at(-1)!.value, 0);
  member("suspect");
  nowMs = 2_000;
  member("suspect");
  nowMs = 4_000;
  member("fail");
  deepStrictEqual(metrics.detection.samples().slice(-2).map(({ value }) => value), [3, 1]);
});

Deno.test("refusals count by reason, and reasons of strangers as other", () => {
  const metrics = new NodeMetrics(() => 0);
  metrics.note(event("election-refused", { what: "refused", objection: { reason: "view" } }));
  metrics.note(event("election-was-refused", { what: "was-refused", reason: "<made up>" }));
  metrics.note(event("election-refused", { reason: "of the function" }));
  strictEqual(valueOf(metrics.votesRefused.samples(), "view"), 1);
  strictEqual(valueOf(metrics.votesDenied.samples(), "other"), 1);
  strictEqual(valueOf(metrics.elections.samples(), "enclave-refused"), 1);
});

Deno.test("the history keeps how terms ended, and is bounded in everything", () => {
  const history = new History("self");
  const note = (name: string, fields: object, level: NodeEvent["level"] = "debug") =>
    history.note(event(name, { ...fields }, level), 5);
  note("election-proposed", { what: "proposed", term: 1 });
  note("election-was-refused", {
    what: "was-refused",
    by: "x",
    term: 1,
    objection: { reason: "view" },
  });
  note("election-was-refused", {
    what: "was-refused",
    by: "x",
    term: 1,
    objection: { reason: "view" },
  });
  note("election-gave-up", { what: "gave-up", term: 1 });
  const bundle = [{ key: "k", signature: "s" }];
  note(
    "leader",
    { term: 2, leader: "y", name: "Y", certificateId: "c", document: { bundle } },
    "info",
  );
  deepStrictEqual(history.elections.map(({ term, outcome }) => [term, outcome]), [
    [1, "given-up"],
    [2, "elected"],
  ]);
  deepStrictEqual(history.elections[0].refusals, [
    { by: "x", reason: "view", missing: [], forbidden: [] },
  ]);
  deepStrictEqual(history.elections[1].votes, bundle);
  deepStrictEqual(history.incidents.map((incident) => incident.event), ["leader"]);
  for (let i = 0; i < 1_000; i++) {
    note("election-proposed", { term: i }, "warn");
    note("election-was-refused", { what: "was-refused", by: `b${i}`, term: 999, reason: "view" });
  }
  ok(history.elections.length <= 64 && history.incidents.length <= 200);
  ok(history.elections.at(-1)!.refusals.length <= 64);
});
