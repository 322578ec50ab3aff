/**
 * `/`: the page, one document, one style and its scripts, all from here. A script is made of this program's own sources when it is first
 * asked for. The policy of content lets nothing else in, so what a member calls itself can never run.
 */
import { base64url, utf8 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/digest.ts";
import { bundle } from "../../enclave/browser/bundle.ts";
import type { Route } from "../types.ts";

const FOLDER = new URL("../page/", import.meta.url);

/** Nothing from elsewhere, nothing inline, requests to this node only. `data:` is the icon. */
const HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/** The entries. */
export const PAGE_ROUTES: readonly Route[] = [
  file("/", "text/html", "The page: the cluster at a glance.", () => readText("page.html")),
  file("/page.css", "text/css", "The page's style.", () => readText("page.css")),
  file(
    "/page.js",
    "text/javascript",
    "The page's script.",
    () => bundle(new URL("page.ts", FOLDER)),
  ),
  file(
    "/evidence.js",
    "text/javascript",
    "What the page fetches to judge evidence for the enclave's key.",
    () => bundle(new URL("evidence.ts", FOLDER)),
  ),
];

function file(
  path: string,
  contentType: string,
  summary: string,
  make: () => Promise<string>,
): Route {
  let made: Promise<{ readonly text: string; readonly tag: string }> | undefined;
  const once = () => {
    made ??= make().then((text) => ({ text, tag: base64url(sha256(utf8(text))) }));
    // A failure is tried again.
    made.catch(() => made = undefined);
    return made;
  };
  return {
    method: "GET",
    path,
    needsToken: false,
    doc: { summary, answers: { 200: { means: summary, contentType } } },
    handle: async () => ({ status: 200, contentType, headers: HEADERS, ...await once() }),
  };
}

function readText(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, FOLDER));
}
