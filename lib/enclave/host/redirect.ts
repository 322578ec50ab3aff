/** Sending sessions to another host: the base of `Location` headers, from the URL that an operator wrote. */
import { FumataError } from "../../base/errors.ts";

const SCHEMES: Readonly<Record<string, string>> = {
  "http:": "ws:",
  "https:": "wss:",
  "ws:": "ws:",
  "wss:": "wss:",
};

/** Clients of WebSockets want a scheme of theirs. Throws a usage error for what is no URL of a host. */
export function redirectBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url && SCHEMES[url.protocol];
  if (url && scheme && url.search === "" && url.hash === "" && url.username === "") {
    return `${scheme}//${url.host}${url.pathname.replace(/\/$/, "")}`;
  }
  throw new FumataError(
    "usage",
    `Cannot redirect to "${text}": write http://host:port or https://host:port`,
  );
}
