/** "Verify in this browser": the button, the fields for what the reader trusts, and the verdict with what it means. */
import type { StatusView } from "../views.ts";
import { browser, byId, html, type PageElement } from "./dom.ts";
import { judge, type Judgement, type ReaderPins } from "./judge.ts";

/** Id of the certificate in force when the verdict on the page was asked for. */
let judged: string | undefined;

/** Connects the button; `status` is the node as it was seen last. */
export function connectVerifier(status: () => StatusView | undefined): void {
  const button = byId("verify");
  button.addEventListener("click", async () => {
    button.disabled = true;
    show("", "Checking…");
    const seen = status();
    try {
      await verify(seen);
    } catch (thrown) {
      show("bad", `✕ It can't be checked: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
    judged = seen?.leader?.certificateId;
    button.disabled = false;
  });
}

/** Shows the button and the fields that fit the kind of the cluster; without a leader there is nothing to verify. */
export function offerVerifier({ leader }: StatusView): void {
  byId("verify-part").hidden = leader === null;
  byId("pin-roster").hidden = leader?.kind !== "roster";
  byId("pin-open").hidden = leader?.kind !== "open";
}

async function verify(status: StatusView | undefined): Promise<void> {
  if (!browser.isSecureContext) {
    throw new Error("browsers offer WebCrypto on https and loopback addresses only");
  }
  if (!status) throw new Error("the node does not answer");
  const judgement = await judge(status, await readPins(), { ask: fetchText, loadEvidence });
  if (!judgement.isGenuine) {
    const reasons = judgement.reasons.map((reason) => html("p", {}, reason));
    return show("bad", "✕ Refused. Do not obey this certificate.", ...reasons);
  }
  show("good", headline(judgement), ...meaningLists(judgement));
}

function headline(
  { kind, leaderName, term }: Extract<Judgement, { isGenuine: true }>,
): string {
  return kind === "roster"
    ? `✓ Genuine: ${leaderName} leads term ${term}.`
    : `✓ Genuine: ${leaderName} was elected in term ${term} of an open cluster, which fences nothing.`;
}

function meaningLists(
  { meaning: { proven, trusted, notProven }, tee }: Extract<Judgement, { isGenuine: true }>,
): PageElement[] {
  const simulated = tee === "simulated"
    ? ["that an enclave signed: a simulated TEE shows which key signed, and no more"]
    : [];
  return [
    ...checkList("Proven here", "good", proven),
    ...checkList("On trust", "warn", trusted),
    ...checkList("Not proven", "soft", [...notProven, ...simulated]),
  ];
}

function checkList(title: string, kind: string, lines: readonly string[]): PageElement[] {
  if (lines.length === 0) return [];
  const items = lines.map((line) => html("li", { class: kind }, line));
  return [html("h3", {}, title), html("ul", { class: "checks" }, ...items)];
}

/** What the reader brings, whatever the node says of itself by now: a chosen file is not forgotten when its field is hidden. */
async function readPins(): Promise<ReaderPins> {
  const typed = (id: string) => {
    const text = byId(id).value.trim();
    return text === "" ? undefined : text;
  };
  const file = async (id: string) => await byId(id).files?.[0]?.text();
  return {
    checksum: typed("pin-checksum")?.toLowerCase(),
    cluster: typed("pin-name"),
    clusterJson: await file("pin-cluster"),
    keys: await file("pin-keys"),
    policy: await file("pin-policy"),
  };
}

/** Not by a written-out path, which would have to be one of a file. */
const EVIDENCE_SCRIPT = "/evidence.js";

async function loadEvidence(): Promise<typeof import("./evidence.ts")> {
  return (await import(EVIDENCE_SCRIPT)).default;
}

async function fetchText(path: string): Promise<string> {
  const response = await fetch(path);
  const text = await response.text();
  if (response.ok) return text;
  throw new Error(JSON.parse(text).error.message);
}

/** Takes the verdict away when another certificate is in force than the one that it is about. */
export function forgetVerdict(certificateId: string | undefined): void {
  if (judged === undefined || certificateId === judged) return;
  judged = undefined;
  show("warn", "! The verdict was about an earlier certificate. Verify again.");
}

function show(kind: string, first: string, ...rest: PageElement[]): void {
  byId("verdict").replaceChildren(html("p", { class: kind }, html("strong", {}, first)), ...rest);
}
