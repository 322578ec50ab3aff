/**
 * A node's way to the election function on one host: an attested connection that is kept warm, and made again with growing waits while
 * the host is away. Nothing is sent on a connection before it was attested and the checksum compared; that is the client's work
 * (`lib/enclave/client`).
 */
import { FumataError, messageOf } from "../base/errors.ts";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import type { Evidence } from "../attestation/types.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { type FunctionDescription, parseDescription } from "./function_description.ts";

/** What the link needs of an attested connection. */
export interface AttestedConnection {
  readonly evidence: Evidence;
  /** The certificate key whose thumbprint the evidence binds. */
  readonly certificateKey?: RsaPublicKey;
  /** Resolves when the connection has ended, by whichever side; without it an end is noticed at the next call. */
  readonly closed?: Promise<void>;
  invoke(input: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void> | void;
}

/** What is known of the enclave once it was attested. */
export interface AttestedFunction {
  /** What was shown; it binds the checksum and the key. */
  readonly evidence: Evidence;
  readonly key: RsaPublicKey;
  readonly description: FunctionDescription;
}

/** What the link tells while it goes on. */
export interface EnclaveLinkEvents {
  /** Its key counts as living by now. A `FumataError` that this throws refuses the host. */
  attested(found: AttestedFunction): void;
  /** The host showed another key, or was away for too long. */
  keyLost(kid: string): void;
  /** Never attested in this run, and out of reach or refused for the whole patience: what earlier runs know of it counts as lost. */
  givenUp(): void;
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
/** Least time between an attestation and the next one after the host has closed: hosts close idle connections after a minute. */
const REWARM_MS_MIN = 1_000;

/** A connection and the key that it was attested with. */
interface Warm {
  readonly connection: AttestedConnection;
  readonly kid: string;
}

/** The link. */
export class EnclaveLink implements AsyncDisposable {
  readonly #connect: () => Promise<AttestedConnection>;
  readonly #patienceMs: number;
  readonly #events: EnclaveLinkEvents;
  #warm?: Promise<Warm>;
  #kid?: string;
  #isSettled = false;
  #retry?: ReturnType<typeof setTimeout>;
  #retryMs = RETRY_MS_MIN;
  #downSinceMs?: number;
  #saidUnreachable = false;
  #attestedAtMs?: number;
  #closed = false;
  #calls: Promise<unknown> = Promise.resolve();

  /** `patienceMs` is how long the host may be out of reach before its key counts as lost. */
  constructor(
    connect: () => Promise<AttestedConnection>,
    patienceMs: number,
    events: EnclaveLinkEvents,
  ) {
    this.#connect = connect;
    this.#patienceMs = patienceMs;
    this.#events = events;
  }

  /** Thumbprint of the host's key, while that counts as living. */
  get kid(): string | undefined {
    return this.#kid;
  }

  /** Whether it is known which key the host has: it was attested in this run, or away for the whole patience. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Starts to attest; goes on trying until it is closed. */
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
   * One call of the function under this key; calls go one after the other. Rejects with a `FumataError`: `unreachable` (try again later,
   * or the host holds another key by now), `refused` (evidence or signature) or `function` (the function said no).
   */
  call(input: Uint8Array, kid: string): Promise<Uint8Array> {
    const result = this.#calls.then(() => this.#callNow(input, kid));
    this.#calls = result.catch(() => {});
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    const warm = await this.#warm?.catch(() => undefined);
    await warm?.connection.close();
  }

  async #callNow(input: Uint8Array, kid: string): Promise<Uint8Array> {
    const isWarm = this.#warm !== undefined;
    try {
      return await this.#invoke(input, kid);
    } catch (thrown) {
      this.#drop();
      // A connection that has ended meanwhile is no news: once more on a fresh one.
      if (!isWarm || codeOf(thrown) !== "unreachable" || this.#closed) throw this.#failed(thrown);
    }
    try {
      return await this.#invoke(input, kid);
    } catch (thrown) {
      this.#drop();
      throw this.#failed(thrown);
    }
  }

  async #invoke(input: Uint8Array, wanted: string): Promise<Uint8Array> {
    const { connection, kid } = await this.#open();
    if (kid === wanted) return await connection.invoke(input);
    throw new FumataError(
      "unreachable",
      `Cannot call the enclave under the key ${wanted}: its host has ${kid} by now`,
    );
  }

  /** Notes a failed call and sees to it that there is a warm connection for the next one. */
  #failed(thrown: unknown): unknown {
    if (codeOf(thrown) === "function") this.start();
    else this.#onFailure(thrown);
    return thrown;
  }

  #open(): Promise<Warm> {
    if (this.#closed) return Promise.reject(new FumataError("unreachable", "the node is stopping"));
    return this.#warm ??= this.#attest().catch((thrown) => {
      this.#warm = undefined;
      throw thrown;
    });
  }

  async #attest(): Promise<Warm> {
    const connection = await this.#connect();
    try {
      const found = await describe(connection);
      const { kid } = found.key;
      if (!this.#closed) this.#admit(found);
      connection.closed?.then(() => this.#onClosed(connection));
      return { connection, kid };
    } catch (thrown) {
      await connection.close();
      throw thrown;
    }
  }

  #admit(found: AttestedFunction): void {
    const before = this.#kid;
    const wasSettled = this.#isSettled;
    this.#kid = found.key.kid;
    this.#isSettled = true;
    try {
      this.#events.attested(found);
    } catch (thrown) {
      this.#kid = before;
      this.#isSettled = wasSettled;
      throw thrown;
    }
    this.#retryMs = RETRY_MS_MIN;
    this.#downSinceMs = undefined;
    this.#saidUnreachable = false;
    this.#attestedAtMs = performance.now();
    if (before !== undefined && before !== this.#kid) this.#events.keyLost(before);
  }

  /** The host has closed, or is gone: that is found out now, and not when somebody waits for an election. */
  async #onClosed(connection: AttestedConnection): Promise<void> {
    const warm = await this.#warm?.catch(() => undefined);
    if (this.#closed || warm?.connection !== connection) return;
    this.#warm = undefined;
    const livedMs = performance.now() - (this.#attestedAtMs ?? 0);
    this.#startIn(Math.max(0, REWARM_MS_MIN - livedMs));
  }

  #drop(): void {
    const warm = this.#warm;
    this.#warm = undefined;
    warm?.then(({ connection }) => connection.close(), () => {});
  }

  #onFailure(thrown: unknown): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.#downSinceMs ??= nowMs;
    if (thrown instanceof FumataError && thrown.code === "refused") this.#events.refused(thrown);
    else if (!this.#saidUnreachable) {
      this.#saidUnreachable = true;
      this.#events.unreachable(messageOf(thrown), this.#retryMs);
    }
    const leftMs = this.#downSinceMs + this.#patienceMs - nowMs;
    if (leftMs <= 0) this.#giveUp();
    // What was told may have closed the link.
    if (this.#closed) return;
    // The last try before patience ends is at its end.
    this.#startIn(leftMs > 0 ? Math.min(this.#retryMs, leftMs + 1) : this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  #giveUp(): void {
    const lost = this.#kid;
    const isNews = !this.#isSettled;
    this.#kid = undefined;
    this.#isSettled = true;
    if (lost !== undefined) this.#events.keyLost(lost);
    else if (isNews) this.#events.givenUp();
  }

  #startIn(waitMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.start(), waitMs);
  }
}

/** Asks the attested function what it is. Its answer is worth as much as the checksum that was pinned. Throws a `FumataError` when it has none. */
export async function describe(connection: AttestedConnection): Promise<AttestedFunction> {
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
  return { evidence: connection.evidence, key, description };
}

function codeOf(thrown: unknown): string {
  return thrown instanceof FumataError ? thrown.code : "unreachable";
}
