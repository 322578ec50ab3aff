/**
 * `GET /hide-and-seek`: the page of the seeds' second system, and what it needs. Anyone may open it, because who hides and who seeks have no
 * account; so it is served for a function that its owner deployed as public, under the name `hide-and-seek`, and the token that it
 * gives out runs that function and nothing else.
 *
 * The page is one document, one style and one script, all from here: the script is made of this program's own sources when it is first
 * asked for (see `browser/bundle.ts`). The policy of content lets nothing else in.
 */
import { hex, utf8 } from "../../base/bytes.ts";
import { ownPolicy } from "../../tee/own_policy.ts";
import type { TeeDriver } from "../../tee/types.ts";
import { bundle } from "../browser/bundle.ts";
import type { FunctionRecord, FunctionStore } from "./function_store.ts";
import type { JsonAnswer, JsonRoute } from "./routes.ts";
import type { TokenStore } from "./tokens.ts";

/** The name under which the function has to be deployed. */
const FUNCTION_NAME = "hide-and-seek";

/** How long a token of the page is good, and how much has to be left of it when it is given out. */
const TOKEN_MS = 24 * 3_600_000;
const TOKEN_LEFT_MS_MIN = TOKEN_MS / 2;

const FOLDER = new URL("../browser/hide_and_seek/", import.meta.url);

/** Nothing from elsewhere, nothing inline; sockets and requests to this host only. `data:` is the icon. */
const HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "geolocation=(self), clipboard-write=(self)",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** The files of the page, by path. */
const FILES: Readonly<Record<string, { readonly type: string; text(): Promise<string> }>> = {
  "/hide-and-seek": { type: "text/html; charset=utf-8", text: () => readText("page.html") },
  "/hide-and-seek/page.css": { type: "text/css; charset=utf-8", text: () => readText("page.css") },
  "/hide-and-seek/page.js": {
    type: "text/javascript; charset=utf-8",
    text: () => bundle(new URL("page.ts", FOLDER)),
  },
};

/** The endpoints. */
export function hideAndSeekEndpoints(parts: {
  readonly store: FunctionStore;
  readonly tokens: TokenStore;
  readonly tee: TeeDriver;
  /** Name of the account, under which the host gives its key. */
  readonly user: string;
  readonly now: () => Date;
}): JsonRoute[] {
  const { store, tokens, tee, user, now } = parts;
  const pageToken = tokenSource(tokens, now);
  const files = Object.entries(FILES).map(([path, { type, text }]): JsonRoute => {
    const bytes = once(async () => utf8(await text()));
    return {
      kind: "json",
      path,
      access: "anyone",
      method: "GET",
      answer: async () => ({
        status: 200,
        content: { type, bytes: await bytes() },
        headers: HEADERS,
      }),
    };
  });
  const policy = once(() => ownPolicy(tee, now()));
  return [...files, {
    kind: "json",
    path: "/hide-and-seek/pins",
    access: "anyone",
    method: "GET",
    async answer(): Promise<JsonAnswer> {
      const record = latestPublic(store.list());
      if (!record) {
        const error =
          `This host has no public function named ${FUNCTION_NAME}; its owner deploys ` +
          `it by: fumata deploy function/${FUNCTION_NAME} --public`;
        return { status: 404, body: { error } };
      }
      const [pins, token] = [await policy(), pageToken(record.id)];
      if (typeof pins === "string" || token === undefined) {
        const why = token === undefined ? "it can make no more tokens" : pins;
        return { status: 503, body: { error: `This host cannot serve the page: ${why}` } };
      }
      const checksum = hex(record.checksum);
      const names = { function_id: record.id, function_checksum: checksum, user };
      return { status: 200, body: { ...names, token, policy: pins } };
    },
  }];
}

function readText(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, FOLDER));
}

function latestPublic(records: readonly FunctionRecord[]): FunctionRecord | undefined {
  return records.filter((record) => record.isPublic && record.name === FUNCTION_NAME)
    .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime())[0];
}

/** Gives one token to everybody as long as it is good, so that visits do not fill the list of tokens. */
function tokenSource(
  tokens: TokenStore,
  now: () => Date,
): (functionId: string) => string | undefined {
  let latest: { token: string; functionId: string; expiry: Date } | undefined;
  return (functionId) => {
    const at = now();
    const isGood = latest?.functionId === functionId &&
      latest.expiry.getTime() - at.getTime() >= TOKEN_LEFT_MS_MIN &&
      tokens.check(latest.token, at).ok;
    if (!isGood) {
      const expiry = new Date(at.getTime() + TOKEN_MS);
      const name = `page ${FUNCTION_NAME}`;
      const made = tokens.create({ name, description: "", functionId, expiry }, at);
      latest = typeof made === "string" ? undefined : { token: made.token, functionId, expiry };
    }
    return latest?.token;
  };
}

/** Does the work at the first call and remembers what came of it; a failure is tried again. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= work();
    made.catch(() => made = undefined);
    return made;
  };
}
