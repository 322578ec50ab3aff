/**
 * A node's way to the election function: one attested connection that is made when it is needed, kept while it lasts, and made again
 * with growing waits while the enclave is away. Nothing is sent on a connection before it was attested and the checksum compared;
 * that is the client's work (`lib/enclave/client`).
 */
import { FumataError, messageOf } from "../base/errors.ts";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { type FunctionDescription, parseDescription } from "./function_description.ts";

/** What the link needs of an attested connection. */
export interface AttestedConnection {
  readonly evidence: { readonly platform: string };
  /** The certificate key whose thumbprint the evidence binds. */
  readonly certificateKey?: RsaPublicKey;
  invoke(input: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void> | void;
}

/** What is known of the enclave once it was attested. */
export interface AttestedFunction {
  readonly platform: string;
  readonly key: RsaPublicKey;
  readonly description: FunctionDescription;
}

/** What the link tells while it goes on. */
export interface EnclaveLinkEvents {
  attested(found: AttestedFunction): void;
  /** Out of reach; said once until it is back. */
  unreachable(reason: string, retryMs: number): void;
  /** Evidence, pin or signature refused: nothing was sent. */
  refused(error: FumataError): void;
}

/** First and longest wait between two tries, ms; doubles in between. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 10_000;
/** Least time between an attestation and one that a stranger's certificate can cause. */
const REFRESH_MS_MIN = 5_000;

/** The link. */
export class EnclaveLink implements AsyncDisposable {
  readonly #connect: () => Promise<AttestedConnection>;
  readonly #events: EnclaveLinkEvents;
  #connection?: Promise<AttestedConnection>;
  #retry?: ReturnType<typeof setTimeout>;
  #retryMs = RETRY_MS_MIN;
  #down = false;
  #attestedAtMs?: number;
  #closed = false;
  #calls: Promise<unknown> = Promise.resolve();

  constructor(connect: () => Promise<AttestedConnection>, events: EnclaveLinkEvents) {
    this.#connect = connect;
    this.#events = events;
  }

  /** Starts to attest; goes on trying until it succeeds, is refused or closed. */
  start(): void {
    this.#open().then(() => {}, (thrown) => this.#onFailure(thrown));
  }

  /** Attests anew, because somebody uses a key that is not known here; at most once in a while, and not while it is tried anyway. */
  refresh(): void {
    const nowMs = performance.now();
    if (this.#attestedAtMs === undefined || nowMs - this.#attestedAtMs < REFRESH_MS_MIN) return;
    this.#attestedAtMs = nowMs;
    this.#drop();
    this.start();
  }

  /**
   * One call of the function; calls go one after the other. Rejects with a `FumataError`: `unreachable` (try again later), `refused`
   * (evidence or signature) or `function` (the function said no).
   */
  call(input: Uint8Array): Promise<Uint8Array> {
    const result = this.#calls.then(() => this.#callNow(input));
    this.#calls = result.catch(() => {});
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  async #callNow(input: Uint8Array): Promise<Uint8Array> {
    const warm = this.#connection;
    try {
      return await (await this.#open()).invoke(input);
    } catch (thrown) {
      this.#drop();
      // An idle connection that the host has closed is no news: once more on a fresh one.
      if (warm && codeOf(thrown) === "unreachable" && !this.#closed) {
        try {
          return await (await this.#open()).invoke(input);
        } catch (again) {
          this.#drop();
          this.#onFailure(again);
          throw again;
        }
      }
      this.#onFailure(thrown);
      throw thrown;
    }
  }

  #open(): Promise<AttestedConnection> {
    if (this.#closed) return Promise.reject(new FumataError("unreachable", "the node is stopping"));
    return this.#connection ??= this.#attest().catch((thrown) => {
      this.#connection = undefined;
      throw thrown;
    });
  }

  async #attest(): Promise<AttestedConnection> {
    const connection = await this.#connect();
    try {
      const found = await describe(connection);
      this.#retryMs = RETRY_MS_MIN;
      this.#down = false;
      this.#attestedAtMs = performance.now();
      if (!this.#closed) this.#events.attested(found);
      return connection;
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  #drop(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then((open) => open.close(), () => {});
  }

  #onFailure(thrown: unknown): void {
    if (this.#closed) return;
    const code = codeOf(thrown);
    if (code === "function") return;
    if (code === "refused") {
      this.#events.refused(thrown as FumataError);
    } else {
      if (!this.#down) this.#events.unreachable(messageOf(thrown), this.#retryMs);
      this.#down = true;
    }
    // What was told may have closed the link.
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }
}

/** Asks the attested function what it is. Its answer is worth as much as the checksum that was pinned. */
async function describe(connection: AttestedConnection): Promise<AttestedFunction> {
  const answer = fromUtf8(await connection.invoke(utf8('{"describe":{}}')));
  const description = parseDescription(answer ?? "");
  if (typeof description === "string") {
    throw new FumataError("refused", `Cannot use the function: ${description}`);
  }
  const key = connection.certificateKey;
  if (!key) {
    throw new FumataError(
      "refused",
      "Cannot use the enclave: its evidence binds no certificate key; the host is too old",
    );
  }
  return { platform: connection.evidence.platform, key, description };
}

function codeOf(thrown: unknown): string {
  return thrown instanceof FumataError ? thrown.code : "unreachable";
}
