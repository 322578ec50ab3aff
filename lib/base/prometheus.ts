/** Metrics as text for Prometheus: the exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */

/** `content-type` of the text. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One value; labels tell it from the others of its family. */
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Values of one name. Counters only grow and end in `_total`; units stand in the name (`_seconds`, `_bytes`). */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One line. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** The text of all families, in their order. */
export function metricsText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join("");
}

function familyText({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
