/** Asks a node to sign a fresh challenge with the leader's key (see `lib/certificate/possession.ts`). */
import type { Domain } from "../../../function/leader-election/rules.ts";
import { base64url, fromUtf8 } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import {
  CHALLENGE_BYTES,
  type PossessionChallenge,
  verifyPossession,
} from "../../certificate/mod.ts";
import { refusalIn } from "../node_link.ts";
import { boundedBody, HTTP_TIMEOUT_MS } from "./input.ts";

/** What to do when the other end is not the leader. */
const ADVICE = "--prove wants the HTTP address of the leader's own node";

/** A node's reasons are a line. */
const REASON_CHARACTERS_MAX = 200;

/** Whether the node at the URL answers for the leader's key; else the reason as one line. Throws when it is out of reach. */
export async function provePossessionAt(
  url: string,
  leaderKey: Uint8Array,
  domain: Domain,
  certificate: string,
): Promise<string | undefined> {
  const challenge: PossessionChallenge = {
    certificate,
    challenge: base64url(crypto.getRandomValues(new Uint8Array(CHALLENGE_BYTES))),
  };
  const endpoint = endpointOf(url);
  const answer = await post(endpoint, challenge);
  if (typeof answer === "string") return answer;
  return verifyPossession(leaderKey, domain, challenge, answer.signature)
    ? undefined
    : `${endpoint.origin} answers something else than the leader's signature; ${ADVICE}`;
}

function endpointOf(url: string): URL {
  const parsed = URL.parse(url);
  if (parsed && /^https?:$/.test(parsed.protocol)) return new URL("/v1/prove", parsed);
  throw new FumataError("usage", `Cannot use --prove "${url}": an http or https URL is wanted`);
}

/** The node's answer, or its refusal in one line. */
async function post(url: URL, body: unknown): Promise<{ signature?: unknown } | string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
    });
    const text = fromUtf8(await boundedBody(response, url.href)) ?? "";
    const value: unknown = parse(text);
    if (!response.ok) {
      const said = refusalIn(value)?.message.slice(0, REASON_CHARACTERS_MAX);
      const what = said === undefined ? "does not sign" : `says "${said}"`;
      return `${url.origin} ${what} (HTTP ${response.status}); ${ADVICE}`;
    }
    return typeof value === "object" && value !== null ? value : {};
  } catch (thrown) {
    if (thrown instanceof FumataError) throw thrown;
    throw new FumataError("unreachable", `Cannot reach "${url.href}": ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
