/**
 * The live view of a cluster as lines of text: a pure function of what is to be shown, the size of the window and what the terminal
 * can do. Whatever the size, the lines are never more or longer than the window: first what matters most (who leads, the nodes, the
 * keys), then, as rows allow, the pins, the last failovers and the events.
 */
import type { Capabilities } from "./capabilities.ts";
import type { ClusterView, EventRow, FailoverRow, KeyHint } from "./model.ts";
import { type Line, lineCells, paint, type Piece, piece } from "./paint.ts";
import { nodeTable } from "./table.ts";

/** A window in cells. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** From how many rows on a part is shown. */
const ROWS_FOR = { keys: 3, alert: 4, facts: 5, doing: 8, heading: 10, sections: 12 };

/** The most failovers that are shown: the events need the room. */
const FAILOVERS_SHOWN_MAX = 5;

/** Enough of a checksum to compare at a glance; nobody pins by the view. */
const CHECKSUM_CHARACTERS_SHOWN = 16;

/** Width of the bar that shows how much of a lease is left: fine enough to see it run down, and no wider than its words. */
const LEASE_BAR_CELLS = 10;

/** Exactly `size.rows` lines of at most `size.columns` cells each. */
export function render(view: ClusterView, size: Size, capabilities: Capabilities): string[] {
  const { columns, rows } = size;
  const { utf8 } = capabilities;
  const top: Line[] = [statusLine(view, columns, utf8)];
  if (rows >= ROWS_FOR.facts) top.push(factsLine(view, columns, utf8));
  if (view.alert !== undefined && rows >= ROWS_FOR.alert) top.push([piece(view.alert, "bad")]);
  if (rows >= ROWS_FOR.doing) top.push([piece(view.doing ?? "", "busy")]);
  const bottom = rows >= ROWS_FOR.keys && view.keys.length > 0
    ? [keysLine(view, columns, utf8)]
    : [];

  const hasHeading = rows >= ROWS_FOR.heading;
  const room = rows - top.length - (hasHeading ? 1 : 0) - bottom.length;
  // Where not all have room, the leader has.
  const nodes = view.nodes.length <= room
    ? view.nodes
    : view.nodes.toSorted((a, b) => Number(b.isLeader) - Number(a.isLeader));
  const { heading, lines } = nodeTable(nodes, columns, utf8);
  if (hasHeading) top.push(heading);
  const body = atMost(lines, room, utf8);
  let left = room - body.length;
  if (rows >= ROWS_FOR.sections) {
    const sections = [
      section("last failovers", view.failovers.slice(-FAILOVERS_SHOWN_MAX).map(failoverLine)),
      section("events", view.events.map(eventLine)),
    ];
    for (const make of sections) {
      const shown = make(left, columns, utf8);
      body.push(...shown);
      left -= shown.length;
    }
  }
  while (body.length < room) body.push([]);
  return [...top, ...body, ...bottom].slice(0, rows)
    .map((line) => paint(line, columns, capabilities));
}

/** One failover in words, also for programs that print plain lines. */
export function failoverText(row: FailoverRow): string {
  const votes = `${row.votes} of ${row.votesOf} votes`;
  const verified = row.verified ? "verified" : "NOT VERIFIED";
  return `${row.what}: term ${row.term}, ${row.leader} leads after ${
    seconds(row.tookMs)
  }, ${verified} (${votes})`;
}

/** A duration for people: `0.42 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

/** Who leads: the one thing that even the smallest window has. */
function statusLine(view: ClusterView, columns: number, utf8: boolean): Line {
  const leader = view.leader
    ? [piece(view.leader.name, "strong"), piece(" leads")]
    : [piece("no leader", "warning")];
  const term = view.term > 0 ? [piece(`, term ${view.term}`)] : [];
  const verified = view.leader
    ? view.leader.verified ? [piece(", verified", "good")] : [piece(", NOT VERIFIED", "bad")]
    : [];
  const title = [piece(`${view.title}: `, "quiet")];
  const lease = view.lease ? leasePieces(view.lease, utf8) : [];
  return firstThatFits(columns, utf8, [
    [...title, ...leader, ...term, ...verified, ...lease],
    [...leader, ...term, ...verified, ...lease],
    [...title, ...leader, ...term, ...verified],
    [...leader, ...term, ...verified],
    [...leader, ...term],
  ]);
}

/** The lease as a bar that runs down, and in words. */
function leasePieces(
  { remainingMs, ofMs }: NonNullable<ClusterView["lease"]>,
  utf8: boolean,
): Piece[] {
  const share = Math.min(1, Math.max(0, remainingMs / ofMs));
  const full = Math.ceil(share * LEASE_BAR_CELLS);
  const [on, off] = utf8 ? ["█", "░"] : ["#", "."];
  const bar = on.repeat(full) + off.repeat(LEASE_BAR_CELLS - full);
  const look = share > 0.5 ? "good" : share > 0 ? "warning" : "bad";
  return [piece(", lease "), piece(bar, look), piece(` ${seconds(Math.max(0, remainingMs))}`)];
}

/** What is pinned. An insecure TEE says so in every width. */
function factsLine(view: ClusterView, columns: number, utf8: boolean): Line {
  const tee: Piece[] = view.tee
    ? [
      piece(`TEE ${view.tee.name}`),
      ...(view.tee.insecure ? [piece(" (insecure)", "warning")] : []),
    ]
    : [piece("TEE not attested yet", "quiet")];
  const insecure = view.tee?.insecure ? [piece("insecure TEE", "warning")] : tee;
  const policy = view.policy ? [piece(`, policy ${view.policy}`)] : [];
  const short = view.checksum?.slice(0, CHECKSUM_CHARACTERS_SHOWN);
  const checksum = short ? [piece(`, function ${short}${utf8 ? "…" : "..."}`, "quiet")] : [];
  return firstThatFits(columns, utf8, [
    [...tee, ...policy, ...checksum],
    [...tee, ...policy],
    tee,
    insecure,
  ]);
}

/** The keys with all of their words, with a short one each, or alone. */
function keysLine(view: ClusterView, columns: number, utf8: boolean): Line {
  const line = (words: (hint: KeyHint) => string, gap: string): Line =>
    view.keys.flatMap((hint, i) => [
      piece((i > 0 ? gap : "") + hint.key, "strong"),
      piece(words(hint), "quiet"),
    ]);
  return firstThatFits(columns, utf8, [
    line(({ does }) => ` ${does}`, "  "),
    line(({ does, short = does.split(" ")[0] }) => ` ${short}`, "  "),
    line(() => "", " "),
  ]);
}

/** A title with lines under it, newest last; nothing when not even one line fits. */
function section(title: string, lines: readonly Line[]) {
  return (room: number, columns: number, utf8: boolean): Line[] => {
    if (lines.length === 0 || room < 2) return [];
    const rule = (utf8 ? "─" : "-").repeat(Math.max(0, columns - title.length - 4));
    const heading = [piece(`${utf8 ? "──" : "--"} ${title} ${rule}`, "quiet")];
    return [heading, ...lines.slice(-(room - 1))];
  };
}

function failoverLine(row: FailoverRow): Line {
  return [piece(failoverText(row), row.verified ? "plain" : "bad")];
}

function eventLine(event: EventRow): Line {
  const at = event.clock ? `${event.clock}  ` : `${event.atS.toFixed(1).padStart(6)} s  `;
  return [piece(at, "quiet"), piece(event.text, event.mood ?? "plain")];
}

/** The lines, or the first of them and how many are left out. */
function atMost(lines: readonly Line[], room: number, utf8: boolean): Line[] {
  if (lines.length <= room) return [...lines];
  if (room <= 0) return [];
  const more = lines.length - room + 1;
  return [...lines.slice(0, room - 1), [piece(`  ${utf8 ? "…" : "..."} ${more} more`, "quiet")]];
}

function firstThatFits(columns: number, utf8: boolean, lines: readonly Line[]): Line {
  return lines.find((line) => lineCells(line, utf8) <= columns) ?? lines[lines.length - 1];
}
