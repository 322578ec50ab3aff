/**
 * The page of one node: who leads, who is there, how the last elections went, as this node sees it. It asks the node anew after every event
 * and every other second, and draws the whole from what it got, so that nothing on it is older than that.
 */
import type {
  ElectionView,
  EventView,
  HistoryView,
  LeaderView,
  MemberView,
  StatusView,
} from "../views.ts";
import type { ForkEvidence } from "../../election/roster/types.ts";
import { browser, byId, clock, fact, html, type PageElement, row, say } from "./dom.ts";
import { follow, type PageEvent } from "./events.ts";
import { partOf } from "./jws.ts";
import { memberRow, ring } from "./ring.ts";
import { connectVerifier, forgetVerdict, offerVerifier } from "./verify_panel.ts";

/** How often the page asks without an event: round trips and leases change without one, ms. */
const REFRESH_MS = 2_000;
/** How often it asks for the lease of a node that leads, which runs down and is renewed in a fraction of a second, ms. */
const LEASE_MS = 400;
/** Events come in bursts; one look after them is enough, ms. */
const SETTLE_MS = 120;
/** Rows that the lists of events and of terms show. */
const EVENTS_MAX = 100;
const TIMELINE_MAX = 60;
/** Of one proof; two certificates of a large roster are longer, and /v1/evidence has them in full. */
const PROOF_CHARACTERS_MAX = 20_000;
/** Members that the table shows. */
const MEMBERS_MAX = 256;

/** What belongs on the timeline beside terms, and its mark. */
const FAILURES: Readonly<Record<string, readonly [mark: string, kind: string]>> = {
  "member-fail": ["✕", "bad"],
  "member-join": ["+", ""],
  "member-leave": ["−", ""],
  "lease-lost": ["!", "warn"],
  "leaderless": ["!", "warn"],
  "fork-evidence": ["✕", "bad"],
  "enclave-unreachable": ["!", "warn"],
  "enclave-refused": ["✕", "bad"],
};

/** What the node answered last. */
interface Seen {
  readonly status: StatusView;
  readonly members: readonly MemberView[];
  readonly history: HistoryView;
  readonly evidence: readonly ForkEvidence[];
  /** Claims of the certificate, decoded for display and not verified here; `null` without a leader. */
  readonly claims: Readonly<Record<string, unknown>> | null;
}

const state: { seen?: Seen; isAsking: boolean; isAskedAgain: boolean; events: EventView[] } = {
  isAsking: false,
  isAskedAgain: false,
  events: [],
};

start();

async function start(): Promise<void> {
  connectVerifier(() => state.seen?.status);
  await refresh();
  setInterval(() => browser.document.hidden || refresh(), REFRESH_MS);
  setInterval(() => browser.document.hidden || refreshLease(), LEASE_MS);
  browser.document.addEventListener("visibilitychange", () => browser.document.hidden || refresh());
  state.events = [...(state.seen?.history.events ?? [])];
  showEvents();
  let settling: ReturnType<typeof setTimeout> | undefined;
  await follow(state.events.at(-1)?.id ?? 0, (event) => {
    onEvent(event);
    if (!isNews(event)) return;
    settling ??= setTimeout(() => {
      settling = undefined;
      refresh();
    }, SETTLE_MS);
  }, showLink);
}

/** Renewals of the lease come several times a second and change nothing that is drawn after events. */
function isNews({ level, event }: PageEvent): boolean {
  return level !== "debug" || event.startsWith("election-") || event.startsWith("member-");
}

function onEvent({ id, level, event, message, time }: PageEvent): void {
  if (level === "debug") return;
  state.events = [...state.events, { id, level, event, message, time }].slice(-EVENTS_MAX);
  showEvents();
}

/** Asks and draws; a wish to do so meanwhile is met afterwards. */
async function refresh(): Promise<void> {
  state.isAskedAgain = state.isAsking;
  if (state.isAsking) return;
  state.isAsking = true;
  try {
    state.seen = await look();
    show(state.seen);
    browser.document.body.toggleAttribute("data-stale", false);
  } catch {
    showLost();
  }
  state.isAsking = false;
  if (state.isAskedAgain) await refresh();
}

async function refreshLease(): Promise<void> {
  const { seen } = state;
  if (!seen?.status.leader?.self || state.isAsking) return;
  try {
    showLease(await ask("/v1/leader"), leaseMsOf(seen.claims));
  } catch {
    // No leader, or no node: the whole view finds that out and says it.
  }
}

async function look(): Promise<Seen> {
  const [status, { members }, history, { evidence }, certificate] = await Promise.all([
    ask("/v1/status"),
    ask("/v1/members"),
    ask("/v1/history"),
    ask("/v1/evidence"),
    fetch("/v1/certificate").then((response) => response.json()),
  ]);
  const jws = certificate.certificate;
  return {
    status,
    members,
    history,
    evidence,
    claims: typeof jws === "string" ? { ...partOf(jws, 0), ...partOf(jws, 1) } : null,
  };
}

async function ask(path: string) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return await response.json();
}

function show(seen: Seen): void {
  const { status, members, history, claims } = seen;
  say(byId("where"), `cluster ${status.cluster}, seen by ${status.name}`);
  browser.document.title = status.leader
    ? `${status.leader.name} leads · ${status.cluster}`
    : `no leader · ${status.cluster}`;
  showForks(seen.evidence, members);
  showLeader(status, claims);
  showMembers(members, status.leader);
  showVotes(history.elections, members, status);
  showCertificate(status, claims);
  showTimeline(history);
}

function showForks(evidence: readonly ForkEvidence[], members: readonly MemberView[]): void {
  byId("forks").hidden = evidence.length === 0;
  byId("fork-list").replaceChildren(
    ...evidence.map((proof) =>
      html(
        "li",
        {},
        html("strong", {}, forkWords(proof, members)),
        html("details", {}, html("summary", {}, "The proof"), html("pre", {}, pretty(proof))),
      )
    ),
  );
}

function forkWords(proof: ForkEvidence, members: readonly MemberView[]): string {
  const nameOf = (id: string) => members.find((member) => member.id === id)?.name ?? id;
  if (proof.type === "votes") {
    return `${nameOf(proof.liar)} voted twice in term ${proof.votes[0].term}.`;
  }
  const liars = proof.liars.map(nameOf).join(", ");
  return `Two certificates of term ${proof.term}: ` +
    (liars === "" ? "the enclave signed twice." : `${liars} voted for both.`);
}

function pretty(proof: ForkEvidence): string {
  return JSON.stringify(proof, null, 1).slice(0, PROOF_CHARACTERS_MAX);
}

function showLeader(status: StatusView, claims: Seen["claims"]): void {
  const { leader } = status;
  byId("leader").dataset.state = leader ? "led" : "leaderless";
  say(byId("headline"), headline(leader));
  byId("facts").replaceChildren(
    fact("Term", String(leader?.term ?? status.term)),
    fact("Kind of cluster", status.leader?.kind ?? (claims ? "roster" : "—")),
    fact("Drawn by", status.policy ?? "not known yet"),
    fact("Function checksum", html("span", { class: "code" }, status.checksum)),
  );
  showLease(leader, leaseMsOf(claims));
  byId("trust").replaceChildren(...trustRows(status));
}

function headline(leader: LeaderView | null): string {
  if (!leader) return "No leader: electing";
  return leader.self ? `${leader.name} leads (this node)` : `${leader.name} leads`;
}

/** Length of the lease that the package promises; 0 without one. */
function leaseMsOf(claims: Seen["claims"]): number {
  return Number(claims?.lease ?? 0);
}

function showLease(leader: LeaderView | null, leaseMs: number): void {
  byId("lease").hidden = leader?.kind !== "roster";
  if (leader?.kind !== "roster") return;
  const { self, leads, leaseRemainingMs } = leader;
  byId("lease-left").hidden = !self;
  byId("lease-left").setAttribute("value", String(leaseMs > 0 ? leaseRemainingMs / leaseMs : 0));
  say(
    byId("lease-words"),
    !self
      ? `Lease of ${leaseMs} ms: only the leader itself knows how much of it is left.`
      : leads
      ? `Lease: ${
        Math.round(leaseRemainingMs)
      } of ${leaseMs} ms left, renewed while a quorum answers.`
      : "Lease: none now. This node must not act as the leader.",
  );
}

function trustRows({ platform, leader, sealed }: StatusView): PageElement[] {
  const item = (kind: string, words: string) => html("li", { class: kind }, words);
  const tee = leader?.tee ?? platform;
  return [
    tee === null
      ? item("warn", "No TEE was verified in this run yet.")
      : tee === "simulated"
      ? item("warn", "The TEE is simulated: it proves nothing about the hardware.")
      : item("good", `Evidence of the TEE ${tee} was verified by this node.`),
    platform === null
      ? item(
        "warn",
        "The function was not attested in this run; certificates are judged by keys of earlier ones.",
      )
      : item(
        "good",
        "The enclave runs the function with the pinned checksum, as its evidence says.",
      ),
    ...(leader
      ? [item("good", "The certificate's signature, votes and draw were checked by this node.")]
      : []),
    sealed
      ? item("good", "Gossip is sealed with the cluster key.")
      : item("warn", "Gossip is signed, and readable on the network."),
  ];
}

function showMembers(members: readonly MemberView[], leader: LeaderView | null): void {
  const count = (wanted: MemberView["state"]) =>
    members.filter(({ state }) => state === wanted).length;
  const parts = (["alive", "suspect", "dead", "left"] as const)
    .flatMap((name) => count(name) > 0 ? [`${count(name)} ${name}`] : []);
  say(byId("members-words"), parts.join(", "));
  byId("ring").replaceChildren(ring(members, leader?.id));
  byId("members").replaceChildren(
    ...members.slice(0, MEMBERS_MAX).map((member) => memberRow(member, member.id === leader?.id)),
  );
}

function showVotes(
  elections: readonly ElectionView[],
  members: readonly MemberView[],
  { leader }: StatusView,
): void {
  const last = elections.findLast(({ term }) => term === leader?.term) ?? elections.at(-1);
  const nameOf = (id: string) => members.find((member) => member.id === id)?.name ?? id;
  const names = (ids: readonly string[]) => ids.map(nameOf).join(", ");
  if (!last) {
    say(byId("votes-words"), "None since this node started.");
    return byId("votes").replaceChildren();
  }
  const { term, voters, refusals } = last;
  say(
    byId("votes-words"),
    `Term ${term}: ${voters.length} signed` +
      (refusals.length > 0 ? `, ${refusals.length} refused` : "") +
      ". Refusals are told to the collector of a term only; others know their own.",
  );
  const why = ({ reason, missing, forbidden }: ElectionView["refusals"][number]) =>
    `refused: ${REASON_WORDS[reason] ?? reason}` +
    (missing.length > 0 ? `; wants ${names(missing)} in` : "") +
    (forbidden.length > 0 ? `; wants ${names(forbidden)} out` : "");
  byId("votes").replaceChildren(
    ...voters.map((id) => row("✓", "good", nameOf(id), "signed")),
    // Whoever was asked too early refuses first and signs when it is asked again.
    ...refusals.map((refusal) => {
      const [mark, kind, when] = voters.includes(refusal.by)
        ? ["↷", "warn", "at first "]
        : ["✕", "bad", ""];
      return row(mark, kind, `${nameOf(refusal.by)} ${when}${why(refusal)}`, "");
    }),
  );
}

/** Reasons in words; the codes are those of `REFUSAL_REASONS`. */
const REASON_WORDS: Readonly<Record<string, string>> = {
  "prev": "the proposal does not follow its highest certificate",
  "term-over": "the term is over for it",
  "term-not-open": "it has not seen the term open",
  "collector": "it was not the collector who asked",
  "voted": "it has voted otherwise in this term or later",
  "promise": "its promise to the last leader is still running",
  "kid": "it has no fresh evidence for the enclave's key",
  "view": "it sees other members",
  "incumbent": "incumbent or tenure do not fit",
  "order": "it knows no order of the operator for this",
  "closed": "this electorate is closed for it",
};

function showCertificate(status: StatusView, claims: Seen["claims"]): void {
  const { leader } = status;
  offerVerifier(status);
  forgetVerdict(leader?.certificateId);
  if (!leader || !claims) {
    return byId("certificate").replaceChildren(html("div", {}, "None is in force."));
  }
  const code = (text: unknown) => html("span", { class: "code" }, String(text));
  byId("certificate").replaceChildren(
    fact("Leader", leader.name),
    fact("Term", String(leader.term)),
    fact("Id", code(leader.certificateId)),
    fact("Enclave key", code(claims.kid)),
    ...(leader.kind === "roster" ? [] : [
      fact(
        "Worth",
        "It is of an open cluster: each side of a partition has its own, so it fences nothing.",
      ),
    ]),
  );
}

function showTimeline({ elections, events }: HistoryView): void {
  const terms = elections.map((election) => ({ time: election.beganAt, made: termRow(election) }));
  const failures = events.filter(({ event }) => Object.hasOwn(FAILURES, event)).map((event) => {
    const [mark, kind] = FAILURES[event.event];
    return { time: event.time, made: row(mark, kind, named(event.message), clock(event.time)) };
  });
  const rows = [...terms, ...failures].sort((a, b) => a.time < b.time ? 1 : -1);
  byId("timeline").replaceChildren(...rows.slice(0, TIMELINE_MAX).map(({ made }) => made));
}

function termRow({ term, outcome, leader, beganAt, endedAt }: ElectionView): PageElement {
  const tookMs = endedAt === null ? 0 : Date.parse(endedAt) - Date.parse(beganAt);
  switch (outcome) {
    case "elected":
      return row(
        "★",
        "good",
        `Term ${term}: ${leader?.name} elected in ${tookMs} ms`,
        clock(beganAt),
      );
    case "given-up":
      return row("↷", "warn", `Term ${term}: given up after ${tookMs} ms`, clock(beganAt));
    case "running":
      return row("…", "", `Term ${term}: votes are gathered`, clock(beganAt));
  }
}

function showEvents(): void {
  const marks: Readonly<Record<string, readonly [string, string]>> = {
    error: ["✕", "bad"],
    warn: ["!", "warn"],
  };
  byId("events").replaceChildren(
    ...state.events.slice(-EVENTS_MAX).toReversed().map(({ level, message, time }) => {
      const [mark, kind] = marks[level] ?? ["·", ""];
      return row(mark, kind, named(message), clock(time));
    }),
  );
}

/** A message with the names of members in place of their ids. */
function named(message: string): string {
  const members = state.seen?.members ?? [];
  return members.reduce((text, { id, name }) => text.replaceAll(id, () => name), message);
}

function showLink(isLive: boolean): void {
  byId("link").dataset.state = isLive ? "live" : "lost";
  say(byId("link"), isLive ? "live" : "the node does not answer");
}

/** What is on the page stays, marked as old. */
function showLost(): void {
  showLink(false);
  browser.document.body.toggleAttribute("data-stale", true);
}
