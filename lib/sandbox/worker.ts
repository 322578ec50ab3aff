/**
 * The worker that functions run in, so that none of them blocks the host. It does one job at a time, as the sandbox sends them, and
 * answers each. Sessions in it are apart from each other (each has an engine of its own); they share only the worker's time.
 */
import { sha256Hex } from "../crypto/digest.ts";
import { utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import { type CertificateKey, readCertificateKey } from "./host_functions.ts";
import type { WorkerAnswer, WorkerRequest } from "./messages.ts";
import type { Files } from "./modules.ts";
import { QuickjsSession } from "./quickjs_session.ts";
import type { CallOutcome } from "./types.ts";

/** The worker's side of the channel. The worker library of types is not used: with it, some compilers forget the others. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(message: WorkerAnswer, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

interface OpenSession {
  readonly packageKey: string;
  readonly session: QuickjsSession;
}

/** Packages in use, by checksum; the sandbox knows by the same count which ones are here. */
const packages = new Map<string, { readonly files: Files; sessions: number }>();
const sessions = new Map<number, OpenSession>();

/** Parsed certificate keys by the hash of their PEM: parsing one takes longer than signing. Bounded: the oldest goes first. */
const CERTIFICATE_KEYS_MAX = 16;
const certificateKeys = new Map<string, CertificateKey>();

scope.onmessage = async (event) => {
  const outcome = await answer(event.data);
  const message: WorkerAnswer = { type: "done", outcome };
  const bytes = outcome.ok ? [outcome.output.buffer as ArrayBuffer] : [];
  scope.postMessage(message, bytes);
};
scope.postMessage({ type: "ready" } satisfies WorkerAnswer);

/** The answer to a job that has no output; made anew, because its buffer is handed over. */
const done = (): CallOutcome => ({ ok: true, output: new Uint8Array(), log: "" });

async function answer(request: WorkerRequest): Promise<CallOutcome> {
  switch (request.type) {
    case "open":
      return await open(request);
    case "call": {
      const outcome = sessions.get(request.session)!.session.call(request.input);
      if (!outcome.ok) close(request.session);
      return outcome;
    }
    case "close":
      close(request.session);
      return done();
    default:
      request satisfies never;
      throw new Error("Broken invariant: an unknown request");
  }
}

async function open(request: Extract<WorkerRequest, { type: "open" }>): Promise<CallOutcome> {
  const held = packages.get(request.packageKey) ?? { files: request.files!, sessions: 0 };
  let certificateKey: CertificateKey;
  try {
    certificateKey = certificateKeyOf(request.keys.certificateKeyPem);
  } catch (error) {
    return {
      ok: false,
      reason: "load",
      error: `Cannot load the function: ${messageOf(error)}`,
      log: "",
    };
  }
  const { facts, limits } = request;
  const session = await QuickjsSession.open({ files: held.files, facts, certificateKey, limits });
  if (!(session instanceof QuickjsSession)) return session;
  packages.set(request.packageKey, held);
  held.sessions++;
  sessions.set(request.session, { packageKey: request.packageKey, session });
  return done();
}

function close(id: number): void {
  const open = sessions.get(id);
  if (!open) return;
  sessions.delete(id);
  const held = packages.get(open.packageKey)!;
  if (--held.sessions === 0) packages.delete(open.packageKey);
}

function certificateKeyOf(pem: string): CertificateKey {
  const name = sha256Hex(utf8(pem));
  const known = certificateKeys.get(name);
  if (known) return known;
  const key = readCertificateKey(pem);
  if (certificateKeys.size >= CERTIFICATE_KEYS_MAX) {
    certificateKeys.delete(certificateKeys.keys().next().value!);
  }
  certificateKeys.set(name, key);
  return key;
}
