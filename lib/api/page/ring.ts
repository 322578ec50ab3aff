/** The members on a ring: who is there, in which state, how far away, and who leads. The table beside it says the same in words. */
import type { MemberView } from "../views.ts";
import { type Child, html, type PageElement, svg } from "./dom.ts";

const SIZE = 340;
const CENTER = SIZE / 2;
const RADIUS = 108;
const DOT = 11;
/** With more members their labels would cover each other. */
const LABELLED_MAX = 16;
/** With more, dots would. */
const DRAWN_MAX = 64;
const LABEL_CHARACTERS_MAX = 15;

/** The drawing. `leader` is the id of who leads, if anybody does. */
export function ring(members: readonly MemberView[], leader: string | undefined): PageElement {
  const drawn = members.slice(0, DRAWN_MAX);
  const alive = members.filter(({ state }) => state === "alive").length;
  const middle = members.find(({ id }) => id === leader);
  const label = `${members.length} members, ${alive} alive` +
    (middle ? `, ${middle.name} leads` : ", no leader");
  return svg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": label },
    svg("circle", { class: "orbit", cx: CENTER, cy: CENTER, r: RADIUS }),
    ...drawn.flatMap((member, i) =>
      place(member, placeOf(i, drawn.length), {
        isLeader: member.id === leader,
        isLabelled: drawn.length <= LABELLED_MAX,
      })
    ),
    svg("text", { class: "center", x: CENTER, y: CENTER }, `${alive} of ${members.length}`),
    svg("text", { class: "soft", x: CENTER, y: CENTER + 16 }, "alive"),
  );
}

/** A member's rows for the table. */
export function memberRow(member: MemberView, isLeader: boolean): PageElement {
  const notes = [
    ...(isLeader ? ["leads"] : []),
    ...(member.self ? ["this node"] : []),
    member.address,
    ...Object.entries(member.tags).map(([key, value]) => `${key}=${value}`),
  ];
  return html(
    "tr",
    {},
    html(
      "th",
      { scope: "row" },
      (isLeader ? "★ " : "") + member.name,
      html("span", { class: "tags" }, notes.join(" · ")),
    ),
    html("td", {}, html("span", { class: "state", "data-state": member.state }, member.state)),
    // What was measured of somebody who is gone says nothing of now.
    html("td", {}, member.self || member.state !== "alive" ? "—" : roundTrip(member.rttMs)),
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function placeOf(i: number, count: number): Point {
  const angle = 2 * Math.PI * i / count - Math.PI / 2;
  return { x: CENTER + RADIUS * Math.cos(angle), y: CENTER + RADIUS * Math.sin(angle) };
}

function place(
  member: MemberView,
  { x, y }: Point,
  { isLeader, isLabelled }: { isLeader: boolean; isLabelled: boolean },
): Child[] {
  const outwards = y < CENTER - 1 ? -1 : 1;
  const labelY = y + outwards * 27 + (outwards < 0 ? -6 : 4);
  // Labels at the sides would leave the drawing.
  const labelX = Math.min(Math.max(x, 52), SIZE - 52);
  return [
    ...(isLeader ? [svg("circle", { class: "crown", cx: x, cy: y, r: DOT + 5 })] : []),
    svg("circle", { class: `dot ${member.state}`, cx: x, cy: y, r: DOT }),
    ...(member.state === "dead" ? cross(x, y) : []),
    ...(isLabelled
      ? [
        svg("text", { x: labelX, y: labelY }, (isLeader ? "★ " : "") + short(member.name)),
        svg("text", { class: "soft", x: labelX, y: labelY + 13 }, underLabel(member)),
      ]
      : []),
  ];
}

function cross(x: number, y: number): PageElement[] {
  return [4, -4].map((d) =>
    svg("line", { class: "cross", x1: x - 4, y1: y - d, x2: x + 4, y2: y + d })
  );
}

function underLabel({ self, state, rttMs }: MemberView): string {
  if (state !== "alive") return state;
  return self ? "this node" : roundTrip(rttMs);
}

function roundTrip(rttMs: number | null): string {
  return rttMs === null ? "…" : `${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`;
}

function short(name: string): string {
  return name.length <= LABEL_CHARACTERS_MAX ? name : `${name.slice(0, LABEL_CHARACTERS_MAX - 1)}…`;
}
