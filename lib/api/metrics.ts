/**
 * A node's metrics for Prometheus. Names are an interface: base units, `_total` for what only grows, labels from closed sets. Whatever is a
 * state is looked up when somebody asks; whatever is a count comes from the node's own counters.
 */
import process from "node:process";
import { type MetricFamily, type MetricSample, metricsText } from "../base/prometheus.ts";
import { VERSION } from "../base/version.ts";
import type { Node } from "../node/node.ts";
import { memberCounts } from "./views.ts";

/** The text for Prometheus. */
export function nodeMetricsText(node: Node): string {
  return metricsText(nodeFamilies(node));
}

/** All families, as they stand now. */
export function nodeFamilies(node: Node): MetricFamily[] {
  return [
    ...electionFamilies(node),
    ...membershipFamilies(node),
    ...networkFamilies(node),
    ...enclaveFamilies(node),
    ...processFamilies(node),
  ];
}

function electionFamilies(node: Node): MetricFamily[] {
  const { metrics, leader } = node;
  // First: to ask for the lease is to look at the clocks, and that may end a leadership.
  const leaseSeconds = node.leaseRemainingMs() / 1000;
  return [
    gauge("fumata_term", "Present term of the election.", node.term),
    gauge("fumata_leader_known", "1 while this node respects a leader.", leader ? 1 : 0),
    gauge(
      "fumata_leader",
      "1 while this node is the leader that it respects.",
      leader?.leader === node.id ? 1 : 0,
    ),
    gauge(
      "fumata_lease_remaining_seconds",
      "How long this node may act as the leader; 0 when it may not.",
      leaseSeconds,
    ),
    counter(
      "fumata_elections_total",
      "Terms by how they ended for this node.",
      metrics.elections.samples(),
    ),
    counter(
      "fumata_terms_opened_total",
      "Terms that opened because a quorum gave up the one before.",
      one(metrics.termsOpened),
    ),
    counter("fumata_votes_cast_total", "Votes that this node gave.", one(metrics.votesCast)),
    counter(
      "fumata_votes_refused_total",
      "Votes that this node refused to others, by reason.",
      metrics.votesRefused.samples(),
    ),
    counter(
      "fumata_votes_denied_total",
      "Votes that others refused to this node, by reason.",
      metrics.votesDenied.samples(),
    ),
    counter(
      "fumata_lease_losses_total",
      "Leases of this node that ended, by reason.",
      metrics.leaseLosses.samples(),
    ),
    histogram(
      "fumata_failover_duration_seconds",
      "From the loss of a leader to the next one, as this node saw it.",
      metrics.failover.samples(),
    ),
    gauge("fumata_fork_evidence", "Proofs of lies that this node keeps.", node.evidence.length),
    counter(
      "fumata_observations_total",
      "What looked odd in other voters and proves nothing, by kind.",
      metrics.observations.samples(),
    ),
    counter(
      "fumata_certificates_refused_total",
      "Certificates that did not verify, by where they came from.",
      metrics.certificatesRefused.samples(),
    ),
  ];
}

function membershipFamilies(node: Node): MetricFamily[] {
  const samples = Object.entries(memberCounts(node)).map(([state, value]) => ({
    labels: { state },
    value,
  }));
  const { metrics } = node;
  return [
    {
      name: "fumata_members",
      type: "gauge",
      help: "Members by state, this node included.",
      samples,
    },
    counter(
      "fumata_member_changes_total",
      "What happened to members.",
      metrics.memberChanges.samples(),
    ),
    histogram(
      "fumata_failure_detection_duration_seconds",
      "From the first suspicion of a member to its being held for failed.",
      metrics.detection.samples(),
    ),
  ];
}

function networkFamilies({ frames, drops }: Node): MetricFamily[] {
  const dropped = Object.entries(drops).map(([reason, value]) => ({ labels: { reason }, value }));
  return [
    counter(
      "fumata_messages_sent_total",
      "Messages made, by kind, in datagrams and streams.",
      frames.sent.samples(),
    ),
    counter(
      "fumata_messages_received_total",
      "Messages of genuine senders, by kind.",
      frames.received.samples(),
    ),
    counter(
      "fumata_messages_dropped_total",
      "Datagrams and frames that were dropped, by reason.",
      dropped,
    ),
  ];
}

function enclaveFamilies({ metrics }: Node): MetricFamily[] {
  return [
    counter(
      "fumata_attestations_total",
      "Enclave hosts whose evidence was verified.",
      one(metrics.attestations),
    ),
    counter(
      "fumata_attestation_failures_total",
      "Enclave hosts that were refused or out of reach.",
      metrics.attestationFailures.samples(),
    ),
    counter(
      "fumata_enclave_calls_total",
      "Calls of the election function, by how they ended.",
      metrics.enclaveCalls.samples(),
    ),
    histogram(
      "fumata_enclave_call_duration_seconds",
      "Time of a call of the election function.",
      metrics.enclaveCallSeconds.samples(),
    ),
  ];
}

function processFamilies(node: Node): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = Deno.memoryUsage();
  const startedMs = Date.now() - (performance.now() - node.startedMs);
  const about = { version: VERSION, kind: node.kind, tee: node.enclave.platform ?? "unknown" };
  return [
    {
      name: "fumata_build_info",
      type: "gauge",
      help: "Always 1; the labels tell what runs.",
      samples: [{ labels: about, value: 1 }],
    },
    gauge(
      "process_start_time_seconds",
      "When this node started, in seconds since 1970.",
      startedMs / 1000,
    ),
    counter(
      "process_cpu_seconds_total",
      "Processor time of the process.",
      one((user + system) / 1e6),
    ),
    gauge("process_resident_memory_bytes", "Memory of the process.", rss),
    gauge("fumata_heap_used_bytes", "Memory that JavaScript values take.", heapUsed),
  ];
}

function one(value: number): MetricSample[] {
  return [{ value }];
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, type: "gauge", help, samples: one(value) };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, type: "counter", help, samples };
}

function histogram(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, type: "histogram", help, samples };
}
