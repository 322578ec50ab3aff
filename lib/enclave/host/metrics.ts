/** What a host counts, for `GET /metrics`: names are an interface, labels are few and never of a stranger's choosing. */
import { type MetricFamily, type MetricSample, metricsText } from "../../base/prometheus.ts";

/** What is looked up when somebody asks. */
export interface MetricsSources {
  connections(): number;
  functions(): number;
  tokens(): number;
  calls(): { readonly ended: Readonly<Record<string, number>>; readonly milliseconds: number };
  held(): { readonly heldBytes: number; readonly refusals: number };
}

/** Counters of one host. */
export class HostMetrics {
  readonly #startedMs: number;
  readonly #requests = new Map<string, { labels: Record<string, string>; value: number }>();
  readonly #sessions = new Map<string, number>();
  #receivedBytes = 0;

  /** `nowMs` is the wall clock. */
  constructor(nowMs: number) {
    this.#startedMs = nowMs;
  }

  /** One request or upgrade: the endpoint by its pattern, and the status that it was answered with. */
  noteRequest(endpoint: string, status: number): void {
    const key = `${endpoint} ${status}`;
    const known = this.#requests.get(key);
    if (known) known.value++;
    else this.#requests.set(key, { labels: { endpoint, status: String(status) }, value: 1 });
  }

  /** One session more (+1) or less (-1). */
  noteSession(endpoint: string, change: 1 | -1): void {
    this.#sessions.set(endpoint, (this.#sessions.get(endpoint) ?? 0) + change);
  }

  /** Bytes of a frame that came. */
  noteReceived(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** The text for Prometheus. */
  text(sources: MetricsSources): string {
    const one = (value: number): MetricSample[] => [{ value }];
    const { ended, milliseconds } = sources.calls();
    const { heldBytes, refusals } = sources.held();
    const family = (
      name: string,
      type: MetricFamily["type"],
      help: string,
      samples: readonly MetricSample[],
    ): MetricFamily => ({ name: `fumata_enclave_${name}`, type, help, samples });
    return metricsText([
      family("start_time_seconds", "gauge", "When the host began, in seconds since 1970.", [
        { value: this.#startedMs / 1000 },
      ]),
      family(
        "connections",
        "gauge",
        "Network connections open now.",
        one(sources.connections()),
      ),
      family(
        "sessions",
        "gauge",
        "WebSocket sessions open now, by endpoint.",
        [...this.#sessions].map(([endpoint, value]) => ({ labels: { endpoint }, value })),
      ),
      family("requests_total", "counter", "Requests and upgrades, by endpoint and HTTP status.", [
        ...this.#requests.values(),
      ]),
      family(
        "calls_total",
        "counter",
        "Calls of functions, by how they ended.",
        Object.entries(ended).map(([result, value]) => ({ labels: { result }, value })),
      ),
      family(
        "call_seconds_total",
        "counter",
        "Time of all calls, waiting for a turn included.",
        one(milliseconds / 1000),
      ),
      family("received_bytes_total", "counter", "Bytes of frames.", one(this.#receivedBytes)),
      family(
        "held_bytes",
        "gauge",
        "Bytes held for clients: frames and bodies partly here, waiting or being worked on, and answers.",
        one(heldBytes),
      ),
      family(
        "held_refused_total",
        "counter",
        "Sessions and requests that were ended because their token held too much.",
        one(refusals),
      ),
      family("functions", "gauge", "Functions deployed.", one(sources.functions())),
      family("tokens", "gauge", "Tokens that are remembered.", one(sources.tokens())),
      family("resident_memory_bytes", "gauge", "Memory of the whole process.", [
        { value: Deno.memoryUsage().rss },
      ]),
    ]);
  }
}
