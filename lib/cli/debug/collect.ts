/** What a report on a running node consists of: each part with a name, what it is, and how it is had. A part that cannot be had says why. */
import { messageOf } from "../../base/errors.ts";
import { openEvents } from "../event_stream.ts";
import { redactJson, redactText } from "./redact.ts";

/** One file of the report. */
export interface Part {
  readonly name: string;
  /** What it is, for people. */
  readonly about: string;
  readonly text: string;
}

/** The node's answers that are collected; all are readable without a token. */
const ANSWERS: readonly { readonly path: string; readonly name: string; readonly about: string }[] =
  [
    { path: "/v1/status", name: "status.json", about: "the node in short" },
    { path: "/v1/members", name: "members.json", about: "the members that it sees" },
    { path: "/v1/leader", name: "leader.json", about: "the leader that it respects" },
    { path: "/v1/certificate", name: "certificate.json", about: "the leader's certificate" },
    { path: "/v1/evidence", name: "evidence.json", about: "proofs of lies that it has seen" },
    { path: "/metrics", name: "metrics.txt", about: "its metrics" },
  ];

/** The longest answer that is kept: certificates and metrics are far shorter, and a report is to be sent by mail. */
const ANSWER_CHARACTERS_MAX = 2_000_000;

/** For one answer, ms. */
const ANSWER_MS_MAX = 10_000;

/** For how long events are listened to, ms: those that the node has kept come at once. */
const EVENTS_MS = 1_000;

/** More than a node keeps. */
const EVENTS_MAX = 4_096;

/** Asks the node at an HTTP address for everything; `known` are secrets that must not be in it. */
export async function collectParts(http: string, known: readonly string[]): Promise<Part[]> {
  const answers = await Promise.all(
    ANSWERS.map(async ({ path, name, about }) => ({
      name,
      about,
      text: redacted(await ask(http, path), known),
    })),
  );
  const events = { name: "events.jsonl", about: "its recent events, one a line" };
  return [...answers, { ...events, text: await recentEvents(http, known) }];
}

/** A text that may be JSON, without secrets. */
function redacted(text: string, known: readonly string[]): string {
  try {
    return JSON.stringify(redactJson(JSON.parse(text), known), null, 2) + "\n";
  } catch {
    return redactText(text, known);
  }
}

async function ask(http: string, path: string): Promise<string> {
  try {
    const response = await fetch(`http://${http}${path}`, {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const text = (await response.text()).slice(0, ANSWER_CHARACTERS_MAX);
    return response.ok ? text : `status ${response.status}: ${text}`;
  } catch (thrown) {
    return `not to be had: ${messageOf(thrown)}\n`;
  }
}

async function recentEvents(http: string, known: readonly string[]): Promise<string> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), EVENTS_MS);
  const lines: string[] = [];
  try {
    for await (const { id, data } of await openEvents(http, stop.signal, 0)) {
      lines.push(JSON.stringify(redactJson({ id, ...data }, known)));
      if (lines.length >= EVENTS_MAX) break;
    }
  } catch (thrown) {
    lines.push(JSON.stringify({ error: redactText(messageOf(thrown), known) }));
  } finally {
    clearTimeout(timer);
  }
  return lines.map((line) => line + "\n").join("");
}
