/** What the page shows of the enclave: what was verified, or plainly that it was not. */
import { ATTACKS } from "../../../attestation/checks.ts";
import { PLATFORM_NAMES } from "../../../attestation/report.ts";
import { trustStoreOf } from "../../../attestation/roots.ts";
import type { AttestationPolicy, Verdict } from "../../../attestation/types.ts";
import { hex } from "../../../base/bytes.ts";
import { browser, byId, type PageElement, textElement } from "./dom.ts";

/** Before anything is known. */
export function showChecking(): void {
  setState("checking", "Checking what runs there…");
}

/** What was verified. */
export async function showVerified(verdict: Verdict, policy: AttestationPolicy): Promise<void> {
  const isSimulated = verdict.platform === "simulated";
  setState(
    isSimulated ? "simulated" : "verified",
    isSimulated ? "It is the one that was named, but only simulated." : "Verified by your browser.",
  );
  const warning = byId("trust-warning");
  warning.hidden = !isSimulated;
  warning.textContent = isSimulated
    ? "A simulated enclave protects nothing: whoever runs this host can read every place that is " +
      "hidden here. It is for trying things out."
    : "";
  const root = trustStoreOf(policy).roots[0];
  const rootHash = root &&
    hex(new Uint8Array(await crypto.subtle.digest("SHA-256", root.der.slice())));
  const facts: [string, string, boolean][] = [
    ["TEE", PLATFORM_NAMES[verdict.platform], false],
    ["Function", hex(verdict.binding.functionChecksum ?? new Uint8Array()), true],
    ["Kept apart by", verdict.binding.isolation ?? "not said", false],
    ["Enclave code", verdict.measurements.pcr0 ?? "", true],
    ["Root", rootHash ?? "", true],
    ["Verified", new Date().toLocaleTimeString(), false],
  ];
  byId("trust-facts").replaceChildren(...facts.flatMap(([name, value, isCode]) => [
    textElement("dt", name),
    wrapped("dd", textElement(isCode ? "code" : "span", value)),
  ]));
  byId("trust-checks").replaceChildren(
    ...[...new Set(verdict.checked)].map((check) =>
      textElement("li", `${check}: stops ${ATTACKS[check]}`)
    ),
  );
  show({ facts: true, details: true, failures: false });
}

/** That nothing here is to be trusted, and why. */
export function showRefused(why: string, verdict?: Verdict): void {
  setState("refused", "Not verified. Hiding and seeking are switched off.");
  byId("trust-warning").hidden = true;
  const reasons = verdict?.failures.map(({ message, attack }) => `${message} (stops ${attack})`);
  byId("trust-failures").replaceChildren(
    ...[why, ...reasons ?? []].map((reason) => textElement("li", reason)),
  );
  show({ facts: false, details: false, failures: true });
}

function setState(
  state: "checking" | "verified" | "simulated" | "refused",
  summary: string,
): void {
  byId("trust").dataset.state = state;
  byId("trust-summary").textContent = summary;
}

function show(parts: { facts: boolean; details: boolean; failures: boolean }): void {
  byId("trust-facts").hidden = !parts.facts;
  byId("trust-details").hidden = !parts.details;
  byId("trust-failures").hidden = !parts.failures;
}

function wrapped(name: string, child: PageElement): PageElement {
  const made = browser.document.createElement(name);
  made.append(child);
  return made;
}
