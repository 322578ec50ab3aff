/**
 * The page of hide and seek. It has three parts: what was verified of the enclave, hiding, seeking. Nothing works before the enclave was
 * verified, and each click verifies anew, because every connection has a key of its own.
 */
import { parsePolicy } from "../../../attestation/policy_format.ts";
import type { AttestationPolicy } from "../../../attestation/types.ts";
import { fromHex, fromUtf8, utf8 } from "../../../base/bytes.ts";
import { messageOf } from "../../../base/errors.ts";
import { isRecord } from "../../../base/json.ts";
import { SEALED_PREFIX } from "../../../crypto/sealed_value.ts";
import {
  connectFunction,
  encryptText,
  EvidenceRefused,
  fetchEncryptionKey,
  type FunctionPins,
} from "../client.ts";
import { browser, byId, type PageElement } from "./dom.ts";
import { showChecking, showRefused, showVerified } from "./trust_panel.ts";

/** How long finding out where one is may take, ms: phones that start their receiver need half a minute. */
const POSITION_MS = 40_000;

const hideButton = byId("hide");
const hideStatus = byId("hide-status");
const hiddenPlace = byId("hidden-place");
const hiddenText = byId("hidden-text");
const copyStatus = byId("copy-status");
const seekForm = byId("seek-form");
const seekButton = byId("seek");
const soughtText = byId("sought-text");
const seekStatus = byId("seek-status");
const answer = byId("answer");

/** What the page works with once the host has named it. */
interface Setting {
  readonly pins: FunctionPins;
  /** The account under whose name the host gives its key. */
  readonly user: string;
}

start();

async function start(): Promise<void> {
  showChecking();
  const lack = missing();
  if (lack) return showRefused(lack);
  try {
    const setting = await fetchSetting();
    await verify(setting.pins);
    hideButton.addEventListener("click", () => act(hideStatus, () => hide(setting)));
    byId("copy").addEventListener("click", copy);
    seekForm.addEventListener("submit", (event) => {
      event.preventDefault();
      answer.hidden = true;
      act(seekStatus, () => seek(setting));
    });
    setReady(true);
  } catch (thrown) {
    showFailure(thrown);
  }
}

/** Why the page cannot work in this browser, if it cannot. */
function missing(): string | undefined {
  if (!browser.isSecureContext) {
    return "Browsers encrypt and tell where you are only on pages that come over https, or from " +
      "this machine. Ask the host's owner for an address that begins with https.";
  }
  if (!browser.navigator.geolocation) return "This browser cannot tell where you are.";
}

async function fetchSetting(): Promise<Setting> {
  const response = await fetch("/hide-and-seek/pins");
  const body: unknown = await response.json();
  if (!isRecord(body)) throw new Error("The host named no function.");
  if (typeof body.error === "string") throw new Error(body.error);
  const policy: AttestationPolicy = parsePolicy(body.policy, "of the host");
  const checksum = fromHex(String(body.function_checksum));
  if (checksum?.length !== 32) throw new Error("The host named no checksum of the function.");
  return {
    user: String(body.user),
    pins: {
      url: browser.location.origin,
      token: String(body.token),
      functionId: String(body.function_id),
      checksum,
      policy,
    },
  };
}

/** Connects only to see what runs there. */
async function verify(pins: FunctionPins): Promise<void> {
  const connection = await connectFunction(pins);
  connection.close();
  await showVerified(connection.verdict, pins.policy);
}

async function hide({ pins, user }: Setting): Promise<void> {
  hiddenPlace.hidden = true;
  copyStatus.textContent = "";
  hideStatus.textContent = "Checking the enclave…";
  await verify(pins);
  const key = await fetchEncryptionKey(pins, user);
  hideStatus.textContent = "Finding out where you are…";
  const { place, accuracyMeters } = await position();
  hiddenText.value = await encryptText(key, place);
  hiddenPlace.hidden = false;
  hideStatus.textContent = `You are hidden, to within ${Math.round(accuracyMeters)} m.`;
  selectHiddenText();
}

function selectHiddenText(): void {
  hiddenText.focus();
  hiddenText.select();
  hiddenText.scrollTop = 0;
}

async function copy(): Promise<void> {
  try {
    await browser.navigator.clipboard.writeText(hiddenText.value);
    copyStatus.textContent = "Copied.";
  } catch {
    selectHiddenText();
    copyStatus.textContent = "Your browser does not let this page copy; the text is selected.";
  }
}

async function seek({ pins }: Setting): Promise<void> {
  const secret = soughtText.value.replaceAll(/\s+/g, "");
  if (!secret.startsWith(SEALED_PREFIX)) {
    throw new Error(`This is no hiding place: it has to begin with ${SEALED_PREFIX}`);
  }
  seekStatus.textContent = "Finding out where you are…";
  const { place } = await position();
  seekStatus.textContent = "Checking the enclave and asking it…";
  const connection = await connectFunction(pins);
  try {
    await showVerified(connection.verdict, pins.policy);
    await connection.invoke(utf8(secret));
    const said = fromUtf8(await connection.invoke(utf8(place)));
    if (said === undefined) throw new Error("The function's answer is no text.");
    answer.textContent = said;
    answer.hidden = false;
    seekStatus.textContent = "";
  } finally {
    connection.close();
  }
}

/** Where the browser is, as the function wants it. */
function position(): Promise<{ readonly place: string; readonly accuracyMeters: number }> {
  return new Promise((resolve, reject) => {
    browser.navigator.geolocation!.getCurrentPosition(
      ({ coords: { latitude, longitude, accuracy } }) =>
        resolve({ place: JSON.stringify({ latitude, longitude }), accuracyMeters: accuracy }),
      ({ code, PERMISSION_DENIED, TIMEOUT }) =>
        reject(
          new Error(
            code === PERMISSION_DENIED
              ? "Your browser does not tell this page where you are; allow it and try again."
              : code === TIMEOUT
              ? "Your browser did not find out where you are in time; try again in the open."
              : "Your browser does not know where you are.",
          ),
        ),
      { enableHighAccuracy: true, timeout: POSITION_MS, maximumAge: 0 },
    );
  });
}

/** Runs what a click asks for; one at a time. Evidence that is refused closes the page for good. */
async function act(status: PageElement, work: () => Promise<void>): Promise<void> {
  setReady(false);
  status.classList.remove("failed");
  try {
    await work();
    setReady(true);
  } catch (thrown) {
    status.textContent = messageOf(thrown);
    status.classList.add("failed");
    if (thrown instanceof EvidenceRefused) showFailure(thrown);
    else setReady(true);
  }
}

function showFailure(thrown: unknown): void {
  if (thrown instanceof EvidenceRefused) {
    showRefused("This is not the enclave that was named. Nothing was sent to it.", thrown.verdict);
  } else showRefused(messageOf(thrown));
}

function setReady(isReady: boolean): void {
  hideButton.disabled = seekButton.disabled = !isReady;
}
