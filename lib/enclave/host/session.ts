/**
 * An attested session: the part that every WebSocket endpoint begins with. The client sends a nonce; the host answers evidence that
 * binds the nonce, a fresh HPKE key of this session, and what the endpoint adds. Then frames come and go until someone closes
 * or nothing happens for the idle time.
 */
import { base64, fromBase64 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { encodeUserData, evidenceToWire, type UserData } from "../../attestation/mod.ts";
import type { HpkeKey } from "../../crypto/hpke_key.ts";
import { generateNativeHpkeKey } from "../../crypto/hpke_native.ts";
import type { RsaJwk } from "../../crypto/thumbprint.ts";
import type { TeeDriver } from "../../tee/types.ts";
import {
  errorFrame,
  type ErrorReason,
  messageFrame,
  type ParsedFrame,
  parseFrame,
} from "../frames.ts";
import type { FrameSocket, SocketEvent } from "../frame_socket.ts";
import {
  type EnclaveLimits,
  JSON_FRAME_CHARACTERS_MAX,
  NONCE_BYTES_MAX,
  NONCE_BYTES_MIN,
} from "../limits.ts";

/** Close codes of RFC 6455, section 7.4.1, as they are used here, and of its registry (1013: try again later). */
export const CLOSE = {
  normal: 1000,
  protocol: 1002,
  policy: 1008,
  failed: 1011,
  busy: 1013,
} as const;

/** Ends a session; the text goes to the client as an error frame. */
export class SessionError extends Error {
  override readonly name = "SessionError";

  constructor(
    message: string,
    readonly closeCode: number = CLOSE.policy,
    readonly reason: ErrorReason = "host",
  ) {
    super(message);
  }
}

/** What the caller hears of anything thrown: of our own bugs only the name, because their texts may hold what is not theirs to know. */
export function failureOf(thrown: unknown): SessionError {
  if (thrown instanceof SessionError) return thrown;
  if (thrown instanceof FumataError) return new SessionError(thrown.message, CLOSE.failed);
  const name = thrown instanceof Error ? thrown.name : "error";
  return new SessionError(`the host failed: ${name}`, CLOSE.failed);
}

/** What a session asks about the token that opened it, before every binary frame is taken. */
export interface TokenGuard {
  /** Why the token is no longer good. */
  fault(): string | undefined;
  /** How long the frame has to wait because the token asks much, ms. */
  waitMs(): number;
}

/** One WebSocket after its upgrade. */
export class Session {
  readonly #socket: FrameSocket;
  readonly #tee: TeeDriver;
  readonly #limits: EnclaveLimits;
  readonly #token: TokenGuard;
  #hpke: HpkeKey | undefined;
  #endPause: () => void = () => {};

  constructor(
    socket: FrameSocket,
    tee: TeeDriver,
    limits: EnclaveLimits,
    token: TokenGuard,
  ) {
    this.#socket = socket;
    this.#tee = tee;
    this.#limits = limits;
    this.#token = token;
    socket.closed.then(() => this.#endPause());
  }

  /**
   * Waits for the nonce and answers evidence. `certificateKey` travels beside the document, which binds its thumbprint. `false` when the
   * client has gone.
   */
  async attest(userData: UserData, certificateKey?: RsaJwk): Promise<boolean> {
    const nonce = await this.#nonce();
    if (!nonce) return false;
    this.#hpke = generateNativeHpkeKey();
    const evidence = await this.#tee.attest({
      nonce,
      sessionKey: this.#hpke.publicKey,
      userData: encodeUserData(userData),
    });
    await this.send({
      type: "attestation_doc",
      message: base64(evidenceToWire(evidence)),
      ...(certificateKey && { certificate_key: certificateKey }),
    });
    return true;
  }

  /** Resolves when the connection has ended. */
  get closed(): Promise<void> {
    return this.#socket.closed;
  }

  /** The next sealed input, opened; `undefined` when the client has gone or is idle. */
  async nextInput(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const sealed = await this.nextBinary();
    const input = sealed && await this.#hpke?.open(sealed);
    if (sealed && !input) {
      throw new SessionError(
        "cannot decrypt the input: it is not sealed to the key of this session",
      );
    }
    return input;
  }

  /** The next binary frame as it came; `undefined` when the client is idle, or has gone, also when it left frames behind: nobody would get their answers. */
  async nextBinary(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const event = await this.#next();
    if (event.kind === "text") throw new SessionError("a binary frame is wanted here");
    if (event.kind !== "binary") return undefined;
    const fault = this.#token.fault();
    if (fault) throw new SessionError(fault, CLOSE.policy, "unauthorized");
    const waitMs = this.#token.waitMs();
    if (waitMs > 0) await this.#pause(waitMs);
    return this.#socket.isOpen ? event.bytes : undefined;
  }

  /** The next JSON frame's message; `undefined` when the client has gone or is idle. */
  async nextMessage(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const event = await this.#next();
    if (event.kind === "binary") throw new SessionError("a text frame is wanted here");
    if (event.kind !== "text") return undefined;
    const frame = parseShort(event.text);
    if (frame?.kind !== "message") {
      throw new SessionError('a frame {"message": {…}} is wanted here');
    }
    return frame.message;
  }

  /** Sends a message frame, and waits until the client takes it: who asks for answers and never reads them must not fill our memory. */
  async send(message: unknown): Promise<void> {
    if (await this.#socket.sendAndWait(messageFrame(message), this.#limits.idleMs)) return;
    throw new SessionError("the client does not take its answers");
  }

  /** Sends what went wrong and closes. */
  fail({ message, closeCode, reason }: SessionError): void {
    this.#socket.send(errorFrame(message, reason));
    this.#socket.close(closeCode, message.replaceAll(/[^\x20-\x7e]/g, "?"));
  }

  /** Closes. */
  close(): void {
    this.#socket.close(CLOSE.normal);
  }

  /** Waits, but not for a client that has gone. */
  async #pause(ms: number): Promise<void> {
    if (!this.#socket.isOpen) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #next(): Promise<SocketEvent> {
    const event = await this.#socket.next(this.#limits.idleMs);
    if (event.kind !== "slow") return event;
    throw new SessionError(
      "a frame came too slowly: 1 KiB a second is wanted at least, and all of it within " +
        `${this.#limits.frameMs / 1000} s`,
    );
  }

  async #nonce(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const event = await this.#socket.next(this.#limits.nonceMs);
    if (event.kind === "closed") return undefined;
    if (event.kind === "timeout" || event.kind === "slow") {
      throw new SessionError("no nonce came in time");
    }
    const frame = event.kind === "text" ? parseShort(event.text) : undefined;
    const text = frame?.kind === "message" ? frame.message.nonce : undefined;
    const nonce = typeof text === "string" ? fromBase64(text) : undefined;
    if (nonce && nonce.length >= NONCE_BYTES_MIN && nonce.length <= NONCE_BYTES_MAX) return nonce;
    throw new SessionError(
      `a frame {"message": {"nonce": "<base64 of ${NONCE_BYTES_MIN} to ${NONCE_BYTES_MAX} bytes>"}} ` +
        "is wanted first",
    );
  }
}

/** Like `parseFrame`; a long text is none: parsing what fills a whole frame would hold up everybody. */
function parseShort(text: string): ParsedFrame | undefined {
  return text.length <= JSON_FRAME_CHARACTERS_MAX ? parseFrame(text) : undefined;
}
