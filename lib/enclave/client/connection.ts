/**
 * A connection to a function in an attested enclave. `connectEnclave` sends a nonce, judges the evidence and only then gives a connection;
 * `invoke` seals an input to the attested key and checks the signature over the result. The function's state lives from connect
 * to close.
 */
import type { Binding, Evidence } from "../../attestation/mod.ts";
import { equalBytes, fromBase64 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { sha256 } from "../../crypto/digest.ts";
import { sealHpke } from "../../crypto/hpke.ts";
import type { RsaPublicKey } from "../../crypto/rsa.ts";
import { type Checksums, isRecord, parseFrame, signedChecksumBytes } from "../frames.ts";
import type { FrameSocket, SocketEvent } from "../frame_socket.ts";
import { attest, type AttestationDemands, type Attested } from "./attest.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, openEndpoint, printable } from "./endpoint.ts";
import { importResultKey, type ResultVerifier } from "./result_key.ts";

/** Whom to call. */
export interface EnclaveOptions extends ConnectOptions, AttestationDemands {
  readonly functionId: string;
  /** SHA-256 of the function's package, 32 bytes: the pin. */
  readonly checksum: Uint8Array;
}

/** An open connection. Inputs are answered in order; an error of the function ends it. */
export interface EnclaveConnection extends Disposable {
  readonly evidence: Evidence;
  readonly binding: Binding;
  /** The key that signs election certificates, when the evidence binds one. */
  readonly certificateKey?: RsaPublicKey;
  /** False once either side has closed; hosts do so after 60 s without a call. */
  readonly isOpen: boolean;
  /** Resolves when the connection has ended, by whichever side. */
  readonly closed: Promise<void>;
  /**
   * Calls the function. Throws a {@linkcode FumataError}: `function` for an error of the function, `refused` for a result whose
   * signature or checksums are wrong, `unreachable` when the connection is gone or too slow. After any of them it is closed.
   */
  invoke(input: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/** Connects, attests and pins. Throws a {@linkcode FumataError}; nothing but the nonce has left when it does. */
export async function connectEnclave(options: EnclaveOptions): Promise<EnclaveConnection> {
  const path = `/v1/run/${encodeURIComponent(options.functionId)}`;
  const socket = await openEndpoint(path, options);
  const attested = await attest(socket, options);
  const resultKey = attested.binding.resultKey &&
    await importResultKey(attested.binding.resultKey);
  if (!resultKey) {
    socket.close();
    throw new FumataError(
      "refused",
      `Cannot trust the enclave at "${options.url}": the evidence is expected to bind a key that ` +
        "signs results, none came",
    );
  }
  return new Connection(options, socket, attested, resultKey);
}

class Connection implements EnclaveConnection {
  readonly evidence: Evidence;
  readonly binding: Attested["binding"];
  readonly certificateKey?: RsaPublicKey;
  readonly #options: EnclaveOptions;
  readonly #socket: FrameSocket;
  readonly #resultKey: ResultVerifier;
  /** The call before; answers come in the order of the inputs. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    options: EnclaveOptions,
    socket: FrameSocket,
    attested: Attested,
    resultKey: ResultVerifier,
  ) {
    this.evidence = attested.evidence;
    this.binding = attested.binding;
    this.certificateKey = attested.certificateKey;
    this.#options = options;
    this.#socket = socket;
    this.#resultKey = resultKey;
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  get closed(): Promise<void> {
    return this.#socket.closed;
  }

  async invoke(input: Uint8Array): Promise<Uint8Array> {
    const sealing = sealHpke(this.binding.sessionKey, input);
    const before = this.#last;
    const answer = (async () => {
      const sealed = await sealing;
      await before.catch(() => {});
      return await this.#call(sealed, input);
    })();
    this.#last = answer;
    answer.catch(() => this.close());
    return await answer;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #call(sealed: Uint8Array<ArrayBuffer>, input: Uint8Array): Promise<Uint8Array> {
    const { invokeMs } = { ...CLIENT_TIMEOUTS, ...this.#options.timeouts };
    this.#socket.send(sealed);
    const event = await this.#socket.next(invokeMs);
    const frame = event.kind === "text" ? parseFrame(event.text) : undefined;
    if (frame?.kind === "error") {
      throw new FumataError(
        "function",
        `Cannot get a result from ${this.#options.functionId}: ${printable(frame.error)}`,
      );
    }
    if (frame?.kind !== "message") throw this.#noResult(event, invokeMs);
    return await this.#checked(frame.message, input);
  }

  async #checked(
    message: Readonly<Record<string, unknown>>,
    input: Uint8Array,
  ): Promise<Uint8Array> {
    const output = bytesOf(message.message);
    const signature = bytesOf(message.signed_checksums);
    const claimed = isRecord(message.checksums) ? message.checksums : {};
    if (message.type !== "function_result" || !output || !signature) {
      throw this.#refused("a signed function result is expected, another message came");
    }
    const actual: Checksums = {
      input: sha256(input),
      function: this.#options.checksum,
      output: sha256(output),
    };
    for (const part of ["input", "function", "output"] as const) {
      const named = bytesOf(claimed[part]);
      if (!named || !equalBytes(named, actual[part])) {
        throw this.#refused(`its checksum of the ${part} is not that of what was sent or came`);
      }
    }
    if (!await this.#resultKey(signedChecksumBytes(actual), signature)) {
      throw this.#refused("its signature is not by the key that the evidence bound");
    }
    return output;
  }

  #refused(why: string): FumataError {
    return new FumataError("refused", `Cannot trust the result of "${this.#options.url}": ${why}`);
  }

  #noResult(event: SocketEvent, invokeMs: number): FumataError {
    const url = this.#options.url;
    switch (event.kind) {
      case "timeout":
        return new FumataError(
          "unreachable",
          `Cannot get a result from "${url}": none came in ${invokeMs / 1000} s`,
        );
      case "closed":
        return new FumataError(
          "unreachable",
          `Cannot get a result from "${url}": the connection is closed`,
        );
      case "text":
      case "binary":
        return this.#refused("a function result is expected, another frame came");
      default:
        return event satisfies never;
    }
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return typeof value === "string" ? fromBase64(value) : undefined;
}
