/** Metrics as text for Prometheus: the exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */

/** `content-type` of the text. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One value; labels tell it from the others of its family. */
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  /** Of a histogram: which of its series. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly value: number;
}

/** Values of one name. Counters only grow and end in `_total`; units stand in the name (`_seconds`, `_bytes`). */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** One line. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** Counts of what falls into ranges, with the sum of all. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** Upper bounds of the ranges, rising, in the unit of the values; one range more is without a bound. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = [...bounds, Infinity].map(() => 0);
  }

  /** Takes one value in. */
  note(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    this.#counts[at < 0 ? this.#bounds.length : at]++;
    this.#sum += value;
  }

  /** Its series: buckets that count what is no greater than `le`, the sum, the count. */
  samples(): MetricSample[] {
    let count = 0;
    const buckets = [...this.#bounds, Infinity].map((bound, at): MetricSample => {
      count += this.#counts[at];
      const le = bound === Infinity ? "+Inf" : String(bound);
      return { suffix: "_bucket", labels: { le }, value: count };
    });
    return [...buckets, { suffix: "_sum", value: this.#sum }, { suffix: "_count", value: count }];
  }
}

/** Counters of one family, told apart by one label whose values are a closed set. */
export class LabelledCounter<L extends string> {
  readonly #label: string;
  readonly #counts: Map<L, number>;

  /** All values of the label are there from the start, at 0, so that the first occurrence shows as a rise. */
  constructor(label: string, values: readonly L[]) {
    this.#label = label;
    this.#counts = new Map(values.map((value) => [value, 0]));
  }

  /** Counts one; what is no value of the label is a bug of the caller and is not counted. */
  add(value: L): void {
    const before = this.#counts.get(value);
    if (before !== undefined) this.#counts.set(value, before + 1);
  }

  samples(): MetricSample[] {
    return [...this.#counts].map(([name, value]) => ({ labels: { [this.#label]: name }, value }));
  }
}

/** The text of all families, in their order. */
export function metricsText(families: readonly MetricFamily[]): string {
  return families.map(familyText).join("");
}

function familyText({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ labels = {}, suffix = "", value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${suffix}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
