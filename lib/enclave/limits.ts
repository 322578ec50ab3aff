/**
 * Everything that a stranger can fill or drag out on the enclave's wire, with its bound and the reason for it. Hosts and tests may
 * tighten or widen them through {@linkcode EnclaveLimits}.
 */

/** Bounds of one host. Sizes in bytes, times in ms. */
export interface EnclaveLimits {
  /** Sockets open at a time: what one process serves well; a node cluster needs one each. */
  readonly connectionsMax: number;
  /** From accepting a socket to the end of its HTTP head or answer: nobody needs longer, and slow senders hold a socket. */
  readonly handshakeMs: number;
  /** From the upgrade to the nonce: the client sends it at once. */
  readonly nonceMs: number;
  /** A connection without a frame or a running call is closed: the wire protocol says 60 s. */
  readonly idleMs: number;
  /** From the first wait for a frame to its last byte: clients give a package up by then, whatever its size. */
  readonly frameMs: number;
  /** HTTP head: a token and a few headers. */
  readonly headBytesMax: number;
  /** Body of an HTTP request: a token request is under 1 KiB. */
  readonly bodyBytesMax: number;
  /** One frame of a run session: inputs are JSON or a vote bundle; 16 MiB leaves room for files. */
  readonly inputBytesMax: number;
  /** Frames that wait in one session; then the socket is no longer read, nor when they hold as many bytes as one input may have. */
  readonly inputsWaitingMax: number;
  /** What all clients together may make the host hold: frames and bodies that are partly here, wait, or are worked on, and answers that they do not take. See `host/held_budget.ts`. */
  readonly heldBytesMax: number;
  /** Run sessions at a time: each holds an engine with its memory. */
  readonly sessionsMax: number;
  /** Of these, sessions of one token for a function: such tokens are given away, by pages to anybody, and must not take all. */
  readonly sessionsPerFunctionTokenMax: number;
  /** A package as it travels, compressed: it is held in memory while it is opened. */
  readonly packageBytesMax: number;
  /** Packages received at a time, to deploy or to test, because of that memory. */
  readonly deploysMax: number;
  /** Functions in one store: a bound on what a leaked token can do to the disk. */
  readonly functionsMax: number;
  /** Tokens that one host remembers. */
  readonly tokensMax: number;
  /** Requests and upgrades of one token: what a node cluster of hundreds does; beyond, they are refused (429). */
  readonly requestsPerSecond: number;
  /** Inputs of one token over all its sessions: more than a host can answer; beyond, they wait. */
  readonly inputsPerSecond: number;
}

/** The defaults. */
export const ENCLAVE_LIMITS: EnclaveLimits = {
  connectionsMax: 2048,
  handshakeMs: 10_000,
  nonceMs: 10_000,
  idleMs: 60_000,
  frameMs: 600_000,
  headBytesMax: 16 * 1024,
  bodyBytesMax: 64 * 1024,
  inputBytesMax: 16 * 1024 * 1024,
  inputsWaitingMax: 16,
  heldBytesMax: 1024 * 1024 * 1024,
  sessionsMax: 1024,
  sessionsPerFunctionTokenMax: 256,
  packageBytesMax: 256 * 1024 * 1024,
  deploysMax: 2,
  functionsMax: 10_000,
  tokensMax: 10_000,
  requestsPerSecond: 500,
  inputsPerSecond: 20_000,
};

/** Bytes of a nonce: the seeds' clients send 12 or 16; TEEs bind up to 64. */
export const NONCE_BYTES_MIN = 12;
/** See {@linkcode NONCE_BYTES_MIN}. */
export const NONCE_BYTES_MAX = 64;

/** The longest JSON frame of a client, in UTF-16 units: a nonce, or a name with everything escaped. It is parsed at one go. */
export const JSON_FRAME_CHARACTERS_MAX = 4096;

/** A frame from a host: the greatest output in base64 and its checksums. */
export const HOST_FRAME_BYTES_MAX = 32 * 1024 * 1024;

/** The longest name of a function or token in UTF-16 units: it is shown in lists. */
export const LABEL_CHARACTERS_MAX = 128;
