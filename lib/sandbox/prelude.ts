/**
 * What runs inside the engine before the function does: it wraps the raw native functions into the global `enclave`, and makes
 * TextEncoder, TextDecoder, atob, btoa and console. All of it is the function's own side of the wall: a function that tampers with it harms
 * only itself, because every limit is enforced on the other side.
 *
 * Texts cross the wall as C strings, which end at a NUL and know no lone surrogates; so texts are cut at NULs and made well-formed
 * before they cross.
 */

/** Script whose value is a function of (native functions, limits) that installs the globals and gives `{ invoke, describe }`. */
export const PRELUDE = String.raw`
(function (native, outputBytes) {
  "use strict";
  const BytesArray = Uint8Array;

  // ---- bytes and texts across the wall
  function wanted(value, what) {
    if (ArrayBuffer.isView(value) && value instanceof BytesArray) return value;
    throw new TypeError("Cannot " + what + ": a Uint8Array is wanted");
  }
  function outgoing(bytes) {
    if (bytes.length === 0) return null;
    const whole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
    return whole ? bytes.buffer : bytes.slice().buffer;
  }
  function incoming(buffer) {
    return buffer === null ? new BytesArray(0) : new BytesArray(buffer);
  }
  // The engine's allocator answers a failure with an error, the wall's with a null pointer: so try here first.
  function room(bytes) {
    new BytesArray(bytes);
  }
  function text(value, what) {
    if (typeof value === "string") return value;
    throw new TypeError("Cannot " + what + ": a text is wanted");
  }

  function encode(value) {
    const whole = value.toWellFormed();
    room(3 * whole.length);
    if (!whole.includes("\0")) return incoming(whole === "" ? null : native.encode(whole));
    const parts = whole.split("\0").map((part) => incoming(part === "" ? null : native.encode(part)));
    const bytes = new BytesArray(parts.reduce((sum, part) => sum + part.length, parts.length - 1));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length + 1;
    }
    return bytes;
  }
  function decode(bytes) {
    let whole = "";
    for (let at = 0; at < bytes.length;) {
      const nul = bytes.indexOf(0, at);
      const end = nul < 0 ? bytes.length : nul;
      if (end > at) {
        const part = native.decode(bytes.slice(at, end).buffer);
        if (part === null) throw new TypeError("Cannot decode: the bytes are not UTF-8");
        whole += part;
      }
      if (nul >= 0) whole += "\0";
      at = end + 1;
    }
    return whole;
  }

  globalThis.TextEncoder = class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(value = "") { return encode(String(value)); }
  };
  globalThis.TextDecoder = class TextDecoder {
    #keepMark;
    constructor(label = "utf-8", options = {}) {
      if (!/^utf-?8$/i.test(label)) throw new RangeError("Cannot decode " + label + ": only utf-8 is known");
      this.#keepMark = options.ignoreBOM === true;
    }
    get encoding() { return "utf-8"; }
    get fatal() { return true; }
    get ignoreBOM() { return this.#keepMark; }
    decode(bytes = new BytesArray(0)) {
      if (bytes instanceof ArrayBuffer) bytes = new BytesArray(bytes);
      const whole = decode(wanted(bytes, "decode"));
      return !this.#keepMark && whole.startsWith("\ufeff") ? whole.slice(1) : whole;
    }
  };

  // ---- base64 (RFC 4648; forgiving about white space and padding when decoding, as in browsers)
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const VALUES = new BytesArray(128).fill(255);
  for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
  globalThis.btoa = function btoa(value) {
    const binary = String(value);
    let out = "";
    for (let i = 0; i < binary.length; i += 3) {
      const a = binary.charCodeAt(i);
      const b = i + 1 < binary.length ? binary.charCodeAt(i + 1) : 0;
      const c = i + 2 < binary.length ? binary.charCodeAt(i + 2) : 0;
      if ((a | b | c) > 255) throw new TypeError("Cannot encode: the text holds characters above 255");
      out += ALPHABET[a >> 2] + ALPHABET[(a & 3) << 4 | b >> 4] +
        (i + 1 < binary.length ? ALPHABET[(b & 15) << 2 | c >> 6] : "=") +
        (i + 2 < binary.length ? ALPHABET[c & 63] : "=");
    }
    return out;
  };
  globalThis.atob = function atob(value) {
    let encoded = String(value).replace(/[\t\n\f\r ]+/g, "");
    if (encoded.length % 4 === 0) encoded = encoded.replace(/==?$/, "");
    const refused = () => new TypeError("Cannot decode: the text is not base64");
    if (encoded.length % 4 === 1) throw refused();
    let out = "";
    let bits = 0;
    let count = 0;
    for (let i = 0; i < encoded.length; i++) {
      const code = encoded.charCodeAt(i);
      const digit = code < 128 ? VALUES[code] : 255;
      if (digit === 255) throw refused();
      bits = (bits << 6 | digit) & 0xffff;
      count += 6;
      if (count >= 8) {
        count -= 8;
        out += String.fromCharCode(bits >> count & 255);
      }
    }
    return out;
  };

  // ---- console
  function shown(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.name + ": " + value.message;
    if (typeof value === "object" && value !== null) {
      try {
        return JSON.stringify(value) ?? String(value);
      } catch {
        return Object.prototype.toString.call(value);
      }
    }
    return String(value);
  }
  function log(...values) {
    native.log(values.map(shown).join(" ").toWellFormed().replaceAll("\0", "\ufffd"));
  }
  globalThis.console = { log, debug: log, info: log, warn: log, error: log, trace: log };

  // ---- enclave
  function fileName(path, what) {
    const name = text(path, what + " a file");
    if (name.includes("\0") || !name.isWellFormed()) throw new Error("Cannot " + what + " a file: its path is not well-formed");
    return name;
  }
  const SIGNATURE_ROOM = 4096;
  function withRoom(bytes, run) {
    room(bytes);
    return incoming(run());
  }
  const enclave = {
    get checksum() { return withRoom(32, () => native.checksum()); },
    tee: native.tee,
    kid: native.kid,
    certificateKey: Object.freeze({ kty: "RSA", n: native.n, e: "AQAB" }),
    now() { return native.now(); },
    sha256(bytes) {
      const message = outgoing(wanted(bytes, "hash"));
      return withRoom(32, () => native.sha256(message));
    },
    verifyEd25519(publicKey, message, signature) {
      return native.verifyEd25519(
        outgoing(wanted(publicKey, "verify")),
        outgoing(wanted(message, "verify")),
        outgoing(wanted(signature, "verify")),
      );
    },
    isEd25519Key(publicKey) {
      return native.isEd25519Key(outgoing(wanted(publicKey, "look at a key")));
    },
    signCertificate(bytes) {
      const message = outgoing(wanted(bytes, "sign"));
      return withRoom(SIGNATURE_ROOM, () => native.signCertificate(message));
    },
    replyTo(publicKey) {
      const key = wanted(publicKey, "reply");
      if (key.length !== 32) throw new TypeError("Cannot reply: the key has " + key.length + " bytes; 32 are wanted");
      native.replyTo(outgoing(key));
    },
    signWithPem(pem, bytes) {
      const key = text(pem, "sign");
      const message = outgoing(wanted(bytes, "sign"));
      return withRoom(SIGNATURE_ROOM, () => native.signWithPem(key, message));
    },
    readFile(path) {
      const name = text(path, "read");
      const bytes = name.includes("\0") ? -1 : native.fileBytes(name);
      if (bytes < 0) throw new Error('Cannot read "' + name + '": there is no such file');
      return withRoom(bytes, () => native.readFile(name));
    },
    hasFile(path) {
      const name = text(path, "look for a file");
      return !name.includes("\0") && native.fileBytes(name) >= 0;
    },
    writeFile(path, bytes) {
      const name = fileName(path, "write");
      const content = typeof bytes === "string" ? encode(bytes) : wanted(bytes, "write");
      const fault = native.writeFile(name, outgoing(content));
      if (fault !== null) throw new Error('Cannot write "' + name + '": ' + fault);
    },
    removeFile(path) {
      const name = fileName(path, "remove");
      const fault = native.removeFile(name);
      if (fault !== null) throw new Error('Cannot remove "' + name + '": ' + fault);
    },
    listFiles() {
      return JSON.parse(decode(withRoom(0, () => native.listFiles())));
    },
  };
  Object.defineProperty(globalThis, "enclave", { value: Object.freeze(enclave), enumerable: true });

  // ---- the host's two ways in
  function output(value) {
    const isText = typeof value === "string";
    if (!isText && !(ArrayBuffer.isView(value) && value instanceof BytesArray)) {
      const kind = value === null ? "null" : Array.isArray(value) ? "an array" : "a value of type " + typeof value;
      throw new Error("cape_handler returned " + kind + "; a Uint8Array or a text is wanted");
    }
    if (value.length > outputBytes) return native.refuseOutput();
    const bytes = isText ? encode(value) : value;
    return bytes.length > outputBytes ? native.refuseOutput() : outgoing(bytes);
  }
  return {
    room,
    invoke: async (handler, buffer) => output(await handler(incoming(buffer))),
    describe(thrown) {
      if (!(thrown instanceof Error)) return "the function threw " + shown(thrown).slice(0, 1000);
      const message = String(thrown.message || thrown.name).slice(0, 1000);
      if (thrown.name === "Error") return message;
      const place = /([\w./-]+\.(?:ts|js|mjs|json):\d+(?::\d+)?)\)?$/m.exec(String(thrown.stack));
      return thrown.name + ": " + message + (place ? " (" + place[1] + ")" : "");
    },
  };
})
`;
