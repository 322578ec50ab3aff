/**
 * The native half of the global `enclave`: hashing, verifying and signing on bytes that were copied out of the function's memory.
 * Private keys live here and never in that memory. Every function first looks at the deadline, because the engine looks only
 * every ten thousand steps, and ten thousand signatures take a quarter of a minute.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { QuickJSContext, QuickJSHandle } from "quickjs-emscripten-core";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import { sha256 } from "../crypto/digest.ts";
import { isPlausiblePublicKey, verifyEd25519 } from "../crypto/ed25519.ts";
import { importRsaJwk, type RsaPublicKey } from "../crypto/rsa.ts";
import type { SessionFacts } from "./messages.ts";
import type { ScratchFolder } from "./scratch.ts";

/** The certificate key as the native side holds it. */
export interface CertificateKey {
  readonly privateKey: KeyObject;
  readonly publicKey: RsaPublicKey;
}

/** Sizes of keys that a package may bring: below, RS256 forbids them (RFC 7518, section 3.3); above, one signature takes too long. */
const PEM_KEY_BITS_MIN = 2048;
const PEM_KEY_BITS_MAX = 8192;

/** What the native functions work with. */
export interface NativeContext {
  /** The package's files and the session's own. */
  readonly scratch: ScratchFolder;
  readonly facts: SessionFacts;
  readonly certificateKey: CertificateKey;
  /** Whether the running call's time is over. */
  isLate(): boolean;
  /** Whether more of the log is kept; asked before a text is copied out. */
  wantsLog(): boolean;
  /** Takes what the function logs. */
  log(text: string): void;
  /** Takes the key to which the output of this call is to be sealed. */
  replyTo(publicKey: Uint8Array): void;
  /** Notes that the output is too large; the function then throws. */
  refuseOutput(): void;
}

/** Reads the certificate key. Throws an `Error` when the PEM is no RSA private key. */
export function readCertificateKey(pem: string): CertificateKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = importRsaJwk(
    createPublicKey(privateKey as unknown as string).export({ format: "jwk" }),
  );
  if (typeof publicKey === "string") throw new Error(`the certificate key ${publicKey}`);
  return { privateKey, publicKey };
}

/**
 * The object of raw functions that the prelude wraps. Bytes go in and out as whole ArrayBuffers; `null` stands for an empty one, which the
 * engine cannot pass.
 */
export function nativeFunctions(vm: QuickJSContext, native: NativeContext): QuickJSHandle {
  const bytesOf = (handle: QuickJSHandle): Uint8Array => {
    if (vm.typeof(handle) !== "object" || vm.eq(handle, vm.null)) return new Uint8Array();
    const copy = vm.getArrayBuffer(handle);
    try {
      return copy.value.slice();
    } finally {
      copy.dispose();
    }
  };
  const giveBytes = (bytes: Uint8Array): QuickJSHandle =>
    bytes.length === 0 ? vm.null : vm.newArrayBuffer(bytes.slice().buffer);
  const fileOf = (path: QuickJSHandle): Uint8Array | undefined =>
    native.scratch.read(vm.getString(path));
  const giveFault = (fault: string | undefined): QuickJSHandle =>
    fault === undefined ? vm.null : vm.newString(fault);

  const table: Record<string, (...handles: QuickJSHandle[]) => QuickJSHandle | void> = {
    sha256: (message) => giveBytes(sha256(bytesOf(message))),
    verifyEd25519: (key, message, signature) =>
      verifyEd25519(bytesOf(key), bytesOf(message), bytesOf(signature)) ? vm.true : vm.false,
    isEd25519Key: (key) => isPlausiblePublicKey(bytesOf(key)) ? vm.true : vm.false,
    signCertificate: (message) =>
      giveBytes(signRs256(native.certificateKey.privateKey, bytesOf(message))),
    signWithPem: (pem, message) =>
      giveBytes(signRs256(readPem(vm.getString(pem)), bytesOf(message))),
    replyTo: (key) => native.replyTo(bytesOf(key)),
    fileBytes: (path) => vm.newNumber(fileOf(path)?.length ?? -1),
    readFile: (path) => giveBytes(fileOf(path) ?? new Uint8Array()),
    writeFile: (path, bytes) => giveFault(native.scratch.write(vm.getString(path), bytesOf(bytes))),
    removeFile: (path) => giveFault(native.scratch.remove(vm.getString(path))),
    listFiles: () => giveBytes(utf8(JSON.stringify(native.scratch.list()))),
    now: () => vm.newNumber(Date.now()),
    encode: (text) => giveBytes(utf8(vm.getString(text))),
    decode: (bytes) => {
      const text = fromUtf8Exactly(bytesOf(bytes));
      return text === undefined ? vm.null : vm.newString(text);
    },
    log: (text) => {
      if (native.wantsLog()) native.log(vm.getString(text));
    },
    refuseOutput: () => {
      native.refuseOutput();
      throw new Error("the output is too large");
    },
    checksum: () => giveBytes(native.facts.checksum),
  };
  const object = vm.newObject();
  for (const [name, run] of Object.entries(table)) {
    vm.newFunction(name, (...handles) => {
      if (native.isLate()) throw new Error("the time is over");
      return run(...handles);
    }).consume((handle) => vm.setProp(object, name, handle));
  }
  const { publicKey } = native.certificateKey;
  const texts = { tee: native.facts.tee, kid: publicKey.kid, n: publicKey.jwk.n };
  for (const [name, text] of Object.entries(texts)) {
    vm.newString(text).consume((handle) => vm.setProp(object, name, handle));
  }
  return object;
}

function signRs256(key: KeyObject, message: Uint8Array): Uint8Array {
  return new Uint8Array(sign("RSA-SHA256", message, key));
}

function readPem(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new Error(`Cannot sign: the PEM is no private key (${messageOf(error)})`);
  }
  if (key.asymmetricKeyType !== "rsa") {
    throw new Error(`Cannot sign: the PEM is an ${key.asymmetricKeyType} key; RSA is wanted`);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < PEM_KEY_BITS_MIN || bits > PEM_KEY_BITS_MAX) {
    throw new Error(
      `Cannot sign: the PEM is a key of ${bits} bits; ${PEM_KEY_BITS_MIN}..${PEM_KEY_BITS_MAX} are wanted`,
    );
  }
  return key;
}

/** Like {@linkcode fromUtf8}, but a byte order mark stays: whether to drop it is the caller's choice. */
function fromUtf8Exactly(bytes: Uint8Array): string | undefined {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = fromUtf8(bytes);
  return hasMark && text !== undefined ? `\ufeff${text}` : text;
}
