/**
 * What a request has to pass before its route sees it: host, token, method, media type and length of the body.
 *
 * On a loopback address only requests that name a loopback host are answered: else a page in a browser on this machine could read the
 * answers under a name of its own that points here (DNS rebinding). What changes something needs the token in any case.
 */
import type { IncomingMessage } from "node:http";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { isLoopback } from "../base/address.ts";
import { concat, fromUtf8, utf8 } from "../base/bytes.ts";
import { sha256 } from "../crypto/digest.ts";
import { RequestFault } from "./faults.ts";
import type { Route } from "./types.ts";

/** The characters of a path that an error repeats. */
const SHOWN_CHARACTERS_MAX = 100;

/** Throws unless a server that listens on `listening` may answer for the host that the request names. */
export function checkHost(request: IncomingMessage, listening: string): void {
  if (!isLoopback(listening)) return;
  const host = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (isLoopback(host)) return;
  const shown = host.slice(0, SHOWN_CHARACTERS_MAX);
  throw new RequestFault(403, `the host "${shown}" is not this machine's loopback`, {}, "refused");
}

/** The entry for a path and method; `HEAD` is a `GET` whose body stays here. Throws 404, or 405 with what is allowed. */
export function findRoute(routes: readonly Route[], path: string, method: string): Route {
  const found = routes.filter((route) => route.path === path);
  const shown = path.slice(0, SHOWN_CHARACTERS_MAX);
  if (found.length === 0) throw new RequestFault(404, `there is no ${shown}`);
  const wanted = method === "HEAD" ? "GET" : method;
  const route = found.find((route) => route.method === wanted);
  if (route) return route;
  const allow = allowedMethods(found).join(", ");
  throw new RequestFault(405, `${shown} takes ${allow}`, { allow });
}

/** The methods of a path's entries, and those that come with them. */
export function allowedMethods(found: readonly Route[]): string[] {
  const own = found.map((route) => route.method);
  return [...own, ...(own.includes("GET") ? ["HEAD"] : []), "OPTIONS"];
}

/** Throws unless the request carries this token. */
export function checkToken(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) {
    throw new RequestFault(
      403,
      "this node has no token, so it takes no orders; start it with --state DIR or --http-token-file FILE",
      {},
      "refused",
    );
  }
  const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  // Digests have one length, so that the comparison does not tell the token's.
  if (timingSafeEqual(sha256(utf8(given)), sha256(utf8(token)))) return;
  throw new RequestFault(
    401,
    "this needs the node's token as Authorization: Bearer TOKEN",
    { "www-authenticate": 'Bearer realm="fumata"' },
    "refused",
  );
}

/** The JSON body; `undefined` when there is none. Throws 400, 413 or 415. */
export async function readJson(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const body = await readBody(request, bytesMax);
  if (body.length === 0) return undefined;
  // A page of another origin can send texts and forms without being asked first, but no JSON.
  const type = (request.headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
  if (type !== "application/json") {
    const shown = type.slice(0, SHOWN_CHARACTERS_MAX) || "of no type";
    throw new RequestFault(415, `the body is ${shown}; Content-Type: application/json is wanted`, {
      accept: "application/json",
    });
  }
  try {
    return JSON.parse(fromUtf8(body) ?? "");
  } catch {
    throw new RequestFault(400, "the body is not JSON");
  }
}

/** By events and not by iteration, which would close the connection before the refusal is out. */
function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const tooLong = () =>
      reject(new RequestFault(413, `the body is longer than ${bytesMax} bytes`));
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) return tooLong();
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= bytesMax) chunks.push(chunk);
      else tooLong();
    });
    request.on("end", () => resolve(concat(...chunks)));
    request.on("close", () => reject(new RequestFault(400, "the request ended early")));
  });
}

/** Whether `If-None-Match` names the tag, compared weakly (RFC 9110, section 13.1.2), or any tag when none is given. */
export function hasSeen(request: IncomingMessage, tag: string | undefined): boolean {
  const field = request.headers["if-none-match"];
  if (field === undefined || tag === undefined) return field !== undefined;
  const opaque = (text: string) => text.trim().replace(/^W\//, "");
  return field.trim() === "*" || field.split(",").some((named) => opaque(named) === `"${tag}"`);
}
