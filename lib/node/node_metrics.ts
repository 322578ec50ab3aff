/**
 * What a node counts of its life, from the events that it tells: elections and how they ended, votes refused, how long failures took to be
 * noticed and leaders to be replaced. The names of events are an interface already, so counting needs no second set of calls. Labels are
 * closed sets, never a stranger's text.
 */
import { Histogram, LabelledCounter } from "../base/prometheus.ts";
import { OBSERVATIONS } from "../election/roster/notes.ts";
import { REFUSAL_REASONS } from "../election/roster/types.ts";
import type { NodeEvent } from "./event_log.ts";

/** Ranges for what takes from a tick to minutes, s. */
const LONG_BOUNDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];
/** Ranges for a call to the enclave, s. */
const CALL_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Reasons of refusals in both kinds of cluster; anything else counts as `other`. */
const REASONS: readonly string[] = [...REFUSAL_REASONS, "other"];

const KINDS_OBSERVED: readonly string[] = OBSERVATIONS;

/** Counters of one node. */
export class NodeMetrics {
  /** By how terms ended for this node. */
  readonly elections = new LabelledCounter("outcome", ["elected", "given-up", "enclave-refused"]);
  /** Terms that this node saw open after a term was given up. */
  termsOpened = 0;
  votesCast = 0;
  /** Votes that this node refused to others. */
  readonly votesRefused = new LabelledCounter("reason", REASONS);
  /** Votes that others refused to this node. */
  readonly votesDenied = new LabelledCounter("reason", REASONS);
  readonly leaseLosses = new LabelledCounter("reason", [
    ...["expired", "clock-jump", "superseded", "stepping-down", "fail-stop", "other"],
  ]);
  /** What looked odd in others and proves nothing. */
  readonly observations = new LabelledCounter("kind", KINDS_OBSERVED);
  readonly memberChanges = new LabelledCounter("change", [
    ...["join", "suspect", "refute", "fail", "leave", "update", "flap", "reap"],
  ]);
  attestations = 0;
  readonly attestationFailures = new LabelledCounter("reason", ["refused", "unreachable"]);
  readonly certificatesRefused = new LabelledCounter("from", ["member", "enclave"]);
  /** From the first suspicion of a member to its being held for failed, s. */
  readonly detection = new Histogram(LONG_BOUNDS);
  /** From the loss of a leader to the next one, s. */
  readonly failover = new Histogram(LONG_BOUNDS);
  readonly enclaveCalls = new LabelledCounter("outcome", ["answered", "failed"]);
  /** Calls of the enclave, answered or not, s. */
  readonly enclaveCallSeconds = new Histogram(CALL_BOUNDS);

  readonly #nowMs: () => number;
  /** Since when members are suspected; entries go when the suspicion does, so there are no more than members. */
  readonly #suspectedMs = new Map<string, number>();
  #leader?: { readonly id: string; readonly certificateId: string };
  #leaderlessMs?: number;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes note of an event. */
  note({ event, fields }: NodeEvent): void {
    switch (event) {
      case "leader":
        return this.#onLeader(String(fields.leader), String(fields.certificateId));
      case "leaderless":
      case "election-leader-silent":
        return this.#loseLeader();
      case "election-gave-up":
        return this.elections.add("given-up");
      case "election-enclave-refused":
        return this.elections.add("enclave-refused");
      case "election-term-opened":
        this.termsOpened++;
        return;
      case "election-voted":
        this.votesCast++;
        return;
      case "election-refused":
        // Of an open cluster's function, without a note, or of a vote.
        if (fields.what === undefined) return this.elections.add("enclave-refused");
        return this.votesRefused.add(reasonOf(fields));
      case "election-was-refused":
        return this.votesDenied.add(reasonOf(fields));
      case "lease-lost":
        return this.leaseLosses.add(String(fields.why));
      case "observed":
        return this.observations.add(String(fields.how));
      case "attested":
        this.attestations++;
        return;
      case "enclave-refused":
        return this.attestationFailures.add("refused");
      case "enclave-unreachable":
        return this.attestationFailures.add("unreachable");
      case "certificate-refused":
        return this.certificatesRefused.add(fields.from === undefined ? "enclave" : "member");
    }
    if (event.startsWith("member-")) this.#onMember(event.slice("member-".length), fields.id);
  }

  /** Times one call of the enclave. */
  async timed<T>(call: () => Promise<T>): Promise<T> {
    const startedMs = this.#nowMs();
    let outcome: "answered" | "failed" = "failed";
    try {
      const answer = await call();
      outcome = "answered";
      return answer;
    } finally {
      this.enclaveCalls.add(outcome);
      this.enclaveCallSeconds.note((this.#nowMs() - startedMs) / 1000);
    }
  }

  #onLeader(id: string, certificateId: string): void {
    if (this.#leader?.certificateId !== certificateId) {
      this.elections.add("elected");
      if (this.#leaderlessMs !== undefined) {
        this.failover.note((this.#nowMs() - this.#leaderlessMs) / 1000);
      }
    }
    this.#leader = { id, certificateId };
    this.#leaderlessMs = undefined;
  }

  /** The first leader of a run is no failover: there was nothing to lose. */
  #loseLeader(): void {
    if (this.#leader) this.#leaderlessMs ??= this.#nowMs();
  }

  #onMember(change: string, id: unknown): void {
    this.memberChanges.add(change);
    if (typeof id !== "string") return;
    const nowMs = this.#nowMs();
    if (change === "suspect") {
      this.#suspectedMs.set(id, this.#suspectedMs.get(id) ?? nowMs);
      return;
    }
    const suspectedMs = this.#suspectedMs.get(id);
    if (change !== "update") this.#suspectedMs.delete(id);
    if (change !== "fail") return;
    if (suspectedMs !== undefined) this.detection.note((nowMs - suspectedMs) / 1000);
    if (id === this.#leader?.id) this.#loseLeader();
  }
}

/** Roster clusters name it within an objection, open ones directly. */
function reasonOf(fields: NodeEvent["fields"]): string {
  const { objection, reason } = fields as { objection?: { reason?: unknown }; reason?: unknown };
  const named = objection?.reason ?? reason;
  return typeof named === "string" && REASONS.includes(named) ? named : "other";
}
