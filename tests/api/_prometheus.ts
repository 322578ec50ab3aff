/**
 * A strict reader of Prometheus' text format 0.0.4, from its description (prometheus.io/docs/instrumenting/exposition_formats) and naming
 * conventions: what a real server would take with a shrug is an error here.
 */

/** One value. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A family with its values. */
export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ReadSample[];
}

const SAMPLE = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-z_][a-z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)/;

/** The families, in their order. Throws for anything that is not exactly as it should be. */
export function readMetrics(text: string): ReadFamily[] {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families: ReadFamily[] = [];
  const lines = text.slice(0, -1).split("\n");
  for (let at = 0; at < lines.length;) {
    const help = /^# HELP ([a-z_][a-z0-9_]*) (\S.*\.)$/.exec(lines[at++]);
    const type = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)$/.exec(lines[at++] ?? "");
    if (!help || !type || help[1] !== type[1]) throw new Error(`no family at line ${at - 1}`);
    const family = { name: help[1], type: type[2], help: help[2], samples: [] as ReadSample[] };
    while (at < lines.length && !lines[at].startsWith("#")) {
      family.samples.push(readSample(lines[at++]));
    }
    checkFamily(family);
    families.push(family);
  }
  const names = families.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new Error("a family comes twice");
  return families;
}

function readSample(line: string): ReadSample {
  const match = SAMPLE.exec(line);
  if (!match) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = match[2] ?? ""; rest !== "";) {
    const label = LABEL.exec(rest);
    if (!label || Object.hasOwn(labels, label[1])) throw new Error(`wrong labels: ${line}`);
    labels[label[1]] = label[2].replaceAll(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
    rest = rest.slice(label[0].length);
  }
  const value = match[3] === "+Inf" ? Infinity : Number(match[3]);
  if (Number.isNaN(value)) throw new Error(`no number: ${line}`);
  return { name: match[1], labels, value };
}

function checkFamily({ name, type, samples }: ReadFamily): void {
  const fail = (why: string) => {
    throw new Error(`${name}: ${why}`);
  };
  const keys = samples.map((one) => one.name + JSON.stringify(one.labels));
  if (new Set(keys).size !== keys.length) fail("two values under the same labels");
  if ((type === "counter") !== name.endsWith("_total")) fail("only counters end in _total");
  if (/_(ms|milliseconds|minutes|kb|kilobytes|percent)(_|$)/.test(name)) fail("no base unit");
  if (type !== "histogram") {
    if (samples.some((sample) => sample.name !== name)) fail("a value of another name");
    if (type === "counter" && samples.some(({ value }) => value < 0)) fail("a count below 0");
    return;
  }
  if (!name.endsWith("_seconds")) fail("a histogram without a unit");
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => labels.le === "+Inf" ? Infinity : Number(labels.le));
  const counts = buckets.map(({ value }) => value);
  const rises = (list: number[], strictly: boolean) =>
    list.every((one, i) => i === 0 || (strictly ? one > list[i - 1] : one >= list[i - 1]));
  if (!rises(bounds, true) || bounds.at(-1) !== Infinity) fail("bounds do not rise to +Inf");
  if (!rises(counts, false)) fail("buckets do not add up");
  const one = (suffix: string) => samples.filter((sample) => sample.name === name + suffix);
  if (one("_sum").length !== 1 || one("_count").length !== 1) fail("no one sum and count");
  if (one("_count")[0].value !== counts.at(-1)) fail("the count is not that of the last bucket");
  if (samples.length !== buckets.length + 2) fail("a value of another name");
}
