/**
 * A connection to a function in an attested enclave. `connectEnclave` sends a nonce, judges the evidence and only then gives a connection;
 * `invoke` seals an input to the attested key and checks the signature over the result. The function's state lives from connect
 * to close.
 */
import type { Binding, Evidence } from "../../attestation/mod.ts";
import { sealNativeHpke } from "../../crypto/hpke_native.ts";
import type { RsaPublicKey } from "../../crypto/rsa.ts";
import type { FrameSocket } from "../frame_socket.ts";
import { attest, type AttestationDemands, type Attested } from "./attest.ts";
import { CLIENT_TIMEOUTS, type ConnectOptions, openEndpoint } from "./endpoint.ts";
import { EnclaveError } from "./errors.ts";
import { readResult } from "./result.ts";
import { importResultKey, type ResultVerifier } from "./result_key.ts";

/** Whom to call. */
export interface EnclaveOptions extends ConnectOptions, AttestationDemands {
  /** The function's id, or `user/name`. */
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
   * Calls the function. Throws an {@linkcode EnclaveError}, reason `function` for an error of the function, `busy` when
   * its turn did not come, `unauthorized` when the token ceased to be good, `host` for what the host could not take, `result` for a result whose
   * signature or checksums are wrong, `closed` or `timeout` when the connection is gone or too slow. After any of them it is closed.
   */
  invoke(input: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

/** Connects, attests and pins. Throws an {@linkcode EnclaveError}; nothing but the nonce has left when it does. */
export async function connectEnclave(options: EnclaveOptions): Promise<EnclaveConnection> {
  const socket = await openEndpoint(runPath(options.functionId), options);
  const attested = await attest(socket, options);
  return new Connection(
    options,
    socket,
    attested,
    await requireResultKey(socket, attested, options),
  );
}

/** Attests the enclave that runs a function, and sends it nothing but the nonce: for looking at it. Throws an {@linkcode EnclaveError}. */
export async function attestFunction(
  options: Omit<EnclaveOptions, "checksum">,
): Promise<Attested> {
  const socket = await openEndpoint(runPath(options.functionId), options);
  const attested = await attest(socket, options);
  socket.close();
  return attested;
}

/** Connects, calls the function once and closes. Throws like {@linkcode connectEnclave} and `invoke`. */
export async function runFunction(options: EnclaveOptions, input: Uint8Array): Promise<Uint8Array> {
  // No `using`: bundles of this client run on Node and in browsers that do not know it yet.
  const connection = await connectEnclave(options);
  try {
    return await connection.invoke(input);
  } finally {
    connection.close();
  }
}

function runPath(functionId: string): string {
  return `/v1/run/${functionId.split("/").map(encodeURIComponent).join("/")}`;
}

/** The key that signs results; without one the socket is closed. */
export async function requireResultKey(
  socket: FrameSocket,
  attested: Attested,
  { url }: ConnectOptions,
): Promise<ResultVerifier> {
  const { resultKey } = attested.binding;
  const verifier = resultKey && await importResultKey(resultKey);
  if (verifier) return verifier;
  socket.close();
  throw new EnclaveError(
    "evidence",
    `Cannot trust the enclave at "${url}": the evidence is expected to bind a key that signs ` +
      "results, none came",
  );
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
    const before = this.#last;
    const answer = (async () => {
      const sealed = sealNativeHpke(this.binding.sessionKey, input);
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
    return await readResult(await this.#socket.next(invokeMs), {
      url: this.#options.url,
      name: this.#options.functionId,
      waitedMs: invokeMs,
      input,
      functionChecksum: this.#options.checksum,
      resultKey: this.#resultKey,
    });
  }
}
