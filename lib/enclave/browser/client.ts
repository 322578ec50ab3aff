/**
 * The client of an enclave host for browsers, with nothing but WebSocket, fetch and WebCrypto. Like the other client it attests and
 * pins before anything leaves: the nonce is all that a host gets before its evidence was judged.
 */
import { evidenceFromWire } from "../../attestation/envelope.ts";
import type { AttestationPolicy, Verdict, VerificationContext } from "../../attestation/types.ts";
import { base64, equalBytes, fromBase64, utf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { plainLine } from "../../base/plain_text.ts";
import { isRecord } from "../../base/json.ts";
import { sealHpke } from "../../crypto/hpke.ts";
import { sealedValueText, sealValue } from "../../crypto/sealed_value.ts";
import { CODES_OF_REASONS } from "../client/errors.ts";
import { importResultKey, type ResultVerifier } from "../client/result_key.ts";
import { messageFrame, parseFrame, signedChecksumBytes, SUBPROTOCOLS } from "../frames.ts";
import { FrameSocket } from "../frame_socket.ts";
import { verifyEvidenceInBrowser } from "./verify.ts";

/** A function and what is demanded of the enclave that runs it. */
export interface FunctionPins {
  /** `http(s)://host:port` */
  readonly url: string;
  /** A token for this function. */
  readonly token: string;
  readonly functionId: string;
  /** SHA-256 of the function's package, 32 bytes. */
  readonly checksum: Uint8Array;
  readonly policy: AttestationPolicy;
  /** The time at which certificates have to be valid; only tests give their own. */
  readonly now?: () => Date;
}

/** An open connection. Inputs are answered in order, one at a time. */
export interface FunctionConnection {
  /** What was verified. */
  readonly verdict: Verdict;
  /** Calls the function. Throws a {@linkcode FumataError}: `function` for an error of the function, `refused`, `unreachable`. */
  invoke(input: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/** A key that belongs to the enclave, shown by evidence. */
export interface AttestedKey {
  readonly verdict: Verdict;
  /** RSA-4096, DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

const NONCE_BYTES = 16;
const ANSWERS_WAITING_MAX = 4;
const CONNECT_MS = 15_000;
const ANSWER_MS = 60_000;

/** Hosts renew the document every minute; clocks of phones and hosts differ by less than this. */
const KEY_EVIDENCE_AGE_MS_MAX = 15 * 60_000;

/** The longest text of a host that is shown. */
const TEXT_CHARACTERS_MAX = 300;

/** Evidence that was refused, with its verdict. */
export class EvidenceRefused extends FumataError {
  constructor(url: string, readonly verdict: Verdict) {
    const reasons = verdict.failures.map((failure) => failure.message).join("; ");
    super("refused", `Cannot trust the enclave at "${url}": ${reasons}`);
  }
}

/** Connects, attests and pins. Throws a {@linkcode FumataError}; nothing but the nonce has left when it does. */
export async function connectFunction(pins: FunctionPins): Promise<FunctionConnection> {
  const path = `/v1/run/${encodeURIComponent(pins.functionId)}`;
  const socket = await openSocket(pins, path);
  try {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    socket.send(messageFrame({ nonce: base64(nonce) }));
    const message = await nextMessage(socket, pins.url);
    const document = message.type === "attestation_doc" ? message.message : undefined;
    const verdict = await judge(document, pins.url, pins.policy, {
      at: timeOf(pins),
      nonce,
      functionChecksum: pins.checksum,
    });
    const resultKey = verdict.binding.resultKey &&
      await importResultKey(verdict.binding.resultKey);
    if (!resultKey) throw refused(pins.url, "its evidence binds no key that signs results");
    return new Connection(pins, socket, verdict, resultKey);
  } catch (thrown) {
    socket.close();
    throw thrown;
  }
}

/**
 * Fetches the key to which values for an account's functions are encrypted, with its evidence. That has no nonce, because the host gives
 * one document to everybody; its age is bounded instead. Throws a {@linkcode FumataError}.
 */
export async function fetchEncryptionKey(pins: FunctionPins, user: string): Promise<AttestedKey> {
  const { url, policy } = pins;
  let answer: unknown;
  try {
    const response = await fetch(`${url}/v1/user/${encodeURIComponent(user)}/key`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    answer = await response.json();
  } catch {
    throw unreachable(url, "it gave no key");
  }
  if (!isRecord(answer)) throw unreachable(url, "it gave no key");
  if (typeof answer.error === "string") {
    throw unreachable(url, plainLine(answer.error, TEXT_CHARACTERS_MAX));
  }
  const at = timeOf(pins);
  const verdict = await judge(answer.attestation_document, url, policy, { at });
  const ageMs = at.getTime() - Number(verdict.facts.timestamp_ms);
  if (!(Math.abs(ageMs) <= KEY_EVIDENCE_AGE_MS_MAX)) {
    const minutes = Math.round(ageMs / 60_000);
    throw refused(url, `the evidence for its key is ${minutes} minutes old by this clock`);
  }
  const publicKey = verdict.binding.encryptionKey;
  if (!publicKey) throw refused(url, "its evidence binds no encryption key");
  return { verdict, publicKey };
}

/** Encrypts a text to an attested key: a text that begins with `cape:`, which only functions in the enclave get to see decrypted. */
export async function encryptText(key: AttestedKey, text: string): Promise<string> {
  return sealedValueText(await sealValue(key.publicKey, utf8(text)));
}

class Connection implements FunctionConnection {
  readonly verdict: Verdict;
  readonly #pins: FunctionPins;
  readonly #socket: FrameSocket;
  readonly #resultKey: ResultVerifier;

  constructor(
    pins: FunctionPins,
    socket: FrameSocket,
    verdict: Verdict,
    resultKey: ResultVerifier,
  ) {
    this.verdict = verdict;
    this.#pins = pins;
    this.#socket = socket;
    this.#resultKey = resultKey;
  }

  async invoke(input: Uint8Array): Promise<Uint8Array> {
    try {
      this.#socket.send(await sealHpke(this.verdict.binding.sessionKey!, input));
      return await this.#checked(await nextMessage(this.#socket, this.#pins.url), input);
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  close(): void {
    this.#socket.close();
  }

  async #checked(message: Record<string, unknown>, input: Uint8Array): Promise<Uint8Array> {
    const { url, checksum } = this.#pins;
    const output = bytesOf(message.message);
    const signature = bytesOf(message.signed_checksums);
    if (message.type !== "function_result" || !output || !signature) {
      throw refused(url, "a signed function result is expected, another message came");
    }
    const actual = { input: await sha256(input), function: checksum, output: await sha256(output) };
    const claimed = isRecord(message.checksums) ? message.checksums : {};
    for (const part of ["input", "function", "output"] as const) {
      const named = bytesOf(claimed[part]);
      if (!named || !equalBytes(named, actual[part])) {
        throw refused(url, `its checksum of the ${part} is not that of what was sent or came`);
      }
    }
    if (!await this.#resultKey(signedChecksumBytes(actual), signature)) {
      throw refused(url, "a result's signature is not by the key that the evidence bound");
    }
    return output;
  }
}

function openSocket(pins: FunctionPins, path: string): Promise<FrameSocket> {
  const socket = new WebSocket(pins.url.replace(/^http/, "ws") + path, [
    SUBPROTOCOLS.function,
    pins.token,
  ]);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      socket.onopen = socket.onerror = null;
      socket.close();
      reject(unreachable(pins.url, why));
    };
    const timer = setTimeout(() => fail(`no connection in ${CONNECT_MS / 1000} s`), CONNECT_MS);
    socket.onerror = () => fail("the connection failed or was refused");
    socket.onopen = () => {
      clearTimeout(timer);
      resolve(new FrameSocket(socket, { waitingMax: ANSWERS_WAITING_MAX }));
    };
  });
}

async function nextMessage(socket: FrameSocket, url: string): Promise<Record<string, unknown>> {
  const event = await socket.next(ANSWER_MS);
  if (event.kind === "timeout") throw unreachable(url, `no answer in ${ANSWER_MS / 1000} s`);
  if (event.kind === "closed") throw unreachable(url, "it closed the connection");
  const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
  if (frame?.kind === "error") {
    throw new FumataError(
      CODES_OF_REASONS[frame.reason ?? "function"],
      `Cannot get a result: ${plainLine(frame.error, TEXT_CHARACTERS_MAX)}`,
    );
  }
  if (!frame) throw refused(url, "a frame of another shape came");
  return frame.message;
}

async function judge(
  document: unknown,
  url: string,
  policy: AttestationPolicy,
  context: VerificationContext,
): Promise<Verdict> {
  const wire = bytesOf(document);
  const evidence = wire ? evidenceFromWire(wire, policy.platform) : "no evidence came";
  if (typeof evidence === "string") throw refused(url, evidence);
  const verdict = await verifyEvidenceInBrowser(evidence, policy, context);
  if (!verdict.accepted) throw new EvidenceRefused(url, verdict);
  return verdict;
}

function timeOf(pins: FunctionPins): Date {
  return pins.now?.() ?? new Date();
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
}

function bytesOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}

function refused(url: string, why: string): FumataError {
  return new FumataError("refused", `Cannot trust the enclave at "${url}": ${why}`);
}

function unreachable(url: string, why: string): FumataError {
  return new FumataError("unreachable", `Cannot reach the enclave at "${url}": ${why}`);
}
