/**
 * What the enclave host offers to functions in JavaScript and TypeScript. A function is a folder with `app.ts` or `app.js` that exports
 * `cape_handler`; see {@linkcode CapeHandler}. It imports files of its own folder, and has the language's own built-ins, TextEncoder,
 * TextDecoder (strict UTF-8), atob, btoa, console and the global `enclave`; nothing else of the machine is within reach: no network,
 * environment, processes or timers. To have the types while writing one, put this on top of `app.ts`:
 *
 * ```ts ignore
 * /// <reference path="../enclave.d.ts" />
 * ```
 *
 * Limits of one session, as a host has them unless told otherwise (`fumata help enclave`, `--limit-…`): 10 s for a call, 64 MiB of memory,
 * 8 MiB of output, 16 KiB of log for a call, 16 MiB in 1024 scratch files. Who exceeds one ends its own session with an error.
 */

/**
 * Called once for each input of a connection, in order. What the module keeps in variables and scratch files lives from connect to close.
 * A thrown error goes to the caller as its message and ends the session.
 */
type CapeHandler = (input: Uint8Array) => Uint8Array | string | Promise<Uint8Array | string>;

/** The global `enclave`. Every call is synchronous and runs natively. Arguments of a wrong type throw a `TypeError`. */
interface Enclave {
  /** SHA-256 of this package, 32 bytes: what clients pin. */
  readonly checksum: Uint8Array;
  /** The TEE that runs this: `simulated`, `nitro`, `snp` or `tdx`. */
  readonly tee: string;
  /** RFC 7638 thumbprint of the certificate key, base64url: the `kid`. */
  readonly kid: string;
  /** The public certificate key (RSA, e = 65537) as a JWK. */
  readonly certificateKey: { readonly kty: "RSA"; readonly n: string; readonly e: string };
  /** Wall clock, ms since 1970. The machine outside sets it: nothing should depend on it. */
  now(): number;
  /** SHA-256 of the bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Strict Ed25519 (RFC 8032, with small-order and non-canonical encodings refused). Never throws for bad keys or signatures. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether 32 bytes can be somebody's Ed25519 key: canonical and not of small order. */
  isEd25519Key(publicKey: Uint8Array): boolean;
  /** RSASSA-PKCS1-v1_5 with SHA-256 by the certificate key that was born in the enclave. */
  signCertificate(message: Uint8Array): Uint8Array;
  /**
   * Seals what this call answers to a key that the caller gave: a raw X25519 public key, 32 bytes. The answer leaves as `enc || ciphertext`
   * of HPKE in base mode (RFC 9180; DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, `info` and `aad` empty), so that who
   * watches the connection, or ends its TLS, learns its length. Errors are not sealed. The last key of a call counts, and for that call
   * only; a key that is none makes the call fail. Functions in Python have the same as `enclave.reply_to(key)`.
   */
  replyTo(publicKey: Uint8Array): void;
  /** RSASSA-PKCS1-v1_5 with SHA-256 by a PEM private key (PKCS#1 or PKCS#8) of the package. */
  signWithPem(pem: string, message: Uint8Array): Uint8Array;
  /** A scratch file, or a file of the package, by its path relative to the package folder. Throws when there is none. */
  readFile(path: string): Uint8Array;
  /** Whether there is such a file. */
  hasFile(path: string): boolean;
  /** Writes a scratch file whole. Throws for a file of the package, for a path that leads out, and when the folder is full. */
  writeFile(path: string, content: Uint8Array | string): void;
  /** Removes a scratch file. Throws when there is none. */
  removeFile(path: string): void;
  /** The paths of all files, the package's too, sorted. */
  listFiles(): string[];
}

declare const enclave: Enclave;
