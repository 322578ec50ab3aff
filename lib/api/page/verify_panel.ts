/**
 * "Verify in this browser": the certificate is checked here, with WebCrypto, by the very file that other people's services copy. What it is
 * checked against comes from the reader where given, else from this node; the verdict says which, because a node that lies about the
 * certificate can lie about those as well.
 */
import { verifyCertificate } from "../../certificate/standalone/fumata_verify.js";
import type { StatusView } from "../views.ts";
import { browser, byId, html } from "./dom.ts";

/** Id of the certificate in force when the verdict on the page was asked for. */
let judged: string | undefined;

/** Connects the button; `status` is the node as it was seen last. */
export function connectVerifier(status: () => StatusView | undefined): void {
  const button = byId("verify");
  button.addEventListener("click", async () => {
    button.disabled = true;
    show("", ["Checking…"]);
    const seen = status();
    try {
      await verify(seen);
    } catch (thrown) {
      show("bad", [`✕ It can't be checked: ${thrown instanceof Error ? thrown.message : thrown}`]);
    }
    judged = seen?.leader?.certificateId;
    button.disabled = false;
  });
}

async function verify(status: StatusView | undefined): Promise<void> {
  if (!browser.isSecureContext) {
    throw new Error("browsers offer WebCrypto on https and loopback addresses only");
  }
  if (!status) throw new Error("the node does not answer");
  const own = {
    checksum: byId("pin-checksum").value.trim().toLowerCase(),
    clusterJson: await chosenFile("pin-cluster"),
    keys: await chosenFile("pin-keys"),
  };
  const document = JSON.parse(await fetchText("/v1/certificate"));
  const clusterJson = own.clusterJson ?? await fetchText("/v1/cluster-json");
  const { keys } = JSON.parse(own.keys ?? await fetchText("/v1/keys"));
  const checksum = own.checksum === "" ? status.checksum : own.checksum;
  const verdict = await verifyCertificate(document, { checksum, clusterJson, keys });
  if (!verdict.ok) {
    const reasons = verdict.failures.map(({ check, message }) => `${check}: ${message}`);
    return show("bad", ["✕ Refused. Do not obey this certificate.", ...reasons]);
  }
  const { leaderName, term } = verdict.certificate;
  const votes = `${document.bundle.length} of ${JSON.parse(clusterJson).roster.length} votes`;
  const told = [
    ...(own.checksum === "" ? ["the checksum"] : []),
    ...(own.clusterJson === undefined ? ["cluster.json"] : []),
    ...(own.keys === undefined ? ["the enclave's keys"] : []),
  ];
  show("good", [
    `✓ Genuine: ${leaderName} leads term ${term}; the enclave's signature, ${votes} and the draw were checked here.`,
    told.length === 0
      ? "Everything it was checked against is yours."
      : `Taken from this node on trust: ${
        told.join(", ")
      }. Give your own below the button to rely on nobody.`,
    ...(status.leader?.tee === "simulated"
      ? ["Its TEE is simulated: the signature shows which key signed, not that an enclave did."]
      : []),
  ]);
}

async function fetchText(path: string): Promise<string> {
  const response = await fetch(path);
  const text = await response.text();
  if (response.ok) return text;
  throw new Error(JSON.parse(text).error.message);
}

async function chosenFile(id: string): Promise<string | undefined> {
  return await byId(id).files?.[0]?.text();
}

/** Takes the verdict away when another certificate is in force than the one that it is about. */
export function forgetVerdict(certificateId: string | undefined): void {
  if (judged === undefined || certificateId === judged) return;
  judged = undefined;
  show("warn", ["! The verdict was about an earlier certificate. Verify again."]);
}

function show(kind: string, [first, ...rest]: readonly string[]): void {
  byId("verdict").replaceChildren(
    html("p", { class: kind }, html("strong", {}, first)),
    ...rest.map((line) => html("p", {}, line)),
  );
}
