/** Plain requests to a host: JSON there, JSON back, with a deadline and bounds. */
import { messageOf } from "../../base/errors.ts";
import {
  CLIENT_TIMEOUTS,
  type ConnectOptions,
  connectWords,
  httpUrl,
  refusal,
} from "./endpoint.ts";
import { EnclaveError } from "./errors.ts";

/** Answers of hosts are lists of some KiB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** One request; gives the JSON of its answer. Throws an {@linkcode EnclaveError}. */
export async function request(
  options: Omit<ConnectOptions, "token"> & { readonly token?: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const { connectMs } = { ...CLIENT_TIMEOUTS, ...options.timeouts };
  const url = httpUrl(options.url, path);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), connectMs);
  let status: number;
  let text: string;
  const client = tlsClient(options.tlsRoots);
  try {
    const response = await fetch(url, {
      ...(client && { client }),
      method,
      headers: {
        ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
        "content-type": "application/json",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "manual",
      signal: deadline.signal,
    });
    status = response.status;
    text = await readText(response);
  } catch (thrown) {
    const why = deadline.signal.aborted
      ? `no answer in ${connectMs / 1000} s`
      : connectWords(messageOf(thrown));
    const error = `Cannot reach the enclave at "${options.url}": ${why}`;
    throw new EnclaveError(deadline.signal.aborted ? "timeout" : "unreachable", error);
  } finally {
    clearTimeout(timer);
    client?.close();
  }
  if (status < 200 || status > 299) throw refusal(options.url, path, status, text);
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected(options, path);
  }
}

/** Deno's way to trust further certificates; elsewhere the platform's own settings count. */
function tlsClient(roots: string | undefined): Deno.HttpClient | undefined {
  if (roots === undefined || typeof Deno === "undefined") return undefined;
  return Deno.createHttpClient({ caCerts: [roots] });
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of response.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error("the answer is too long");
  }
  return text;
}

/** The error for an answer of another form. */
export function unexpected(options: { readonly url: string }, path: string): EnclaveError {
  return new EnclaveError(
    "protocol",
    `Cannot use ${path} of "${options.url}": it answered something else than this protocol's JSON`,
  );
}
