/**
 * Sealing: AES-256-GCM around every datagram and stream frame, with a key that the whole cluster shares. It keeps strangers from
 * reading gossip and from costing more than one cheap check; who speaks is proven by the signature inside, not by this key.
 *
 * | bytes | what |
 * |---|---|
 * | 1 | 0xf5 for a datagram, 0xf6 for a stream frame; no unsealed frame begins so |
 * | 4 | id of the cluster key |
 * | 16 | salt: random, drawn by the sender when it starts |
 * | 4 | counter of the sender under this salt, big-endian |
 * | n + 16 | ciphertext and tag |
 *
 * The key in use is HKDF-SHA256(cluster key, salt), so each sender has a key of its own for each of its lives and a counter may start at
 * zero without a nonce ever being used twice with one key. Associated data are the cluster's name and the header.
 *
 * A datagram that was opened already is dropped, as far back as the window reaches (as in RFC 4303, section 3.4.3). Older ones, and those
 * from a life whose salt this node has forgotten, still open: against them the protocol above stands on its nonces and incarnations.
 */
import { concat, hex, utf8 } from "../base/bytes.ts";
import {
  AES_KEY_BYTES,
  AES_NONCE_BYTES,
  AES_TAG_BYTES,
  hkdfSha256,
  openAesGcm,
  sealAesGcm,
} from "../crypto/aes_gcm.ts";
import { type Dropped, dropped } from "./envelope.ts";
import { KEY_ID_BYTES, type Keyring } from "./keyring.ts";

/** What is sealed: datagrams come in any order and at most once, frames have a stream that sees to that. */
export type Channel = "datagram" | "frame";

const MARKS = { datagram: 0xf5, frame: 0xf6 } as const satisfies Record<Channel, number>;
const SALT_BYTES = 16;
const COUNTER_BYTES = 4;
const SALT_AT = 1 + KEY_ID_BYTES;
const COUNTER_AT = SALT_AT + SALT_BYTES;
const HEADER_BYTES = COUNTER_AT + COUNTER_BYTES;
/** After so many frames a sender draws a new salt. */
const COUNTER_MAX = 2 ** 32 - 1;

/** What sealing adds to a frame. */
export const SEALED_EXTRA_BYTES = HEADER_BYTES + AES_TAG_BYTES;

/** Senders whose keys and windows are remembered: as many as a view has members. Some 400 bytes each. */
export const SENDERS_MAX = 4096;

/** How far behind the newest datagram of a sender an unseen one may be; at a datagram each millisecond that is a second. */
const WINDOW_BITS = 1024;

/** Opens and seals for one node. */
export interface Sealer {
  seal(channel: Channel, frame: Uint8Array): Uint8Array;
  /** The frame, or why it was dropped. Never throws. */
  open(channel: Channel, sealed: Uint8Array): Uint8Array | Dropped;
  /** Why these bytes cannot be opened, if the first of them tell it. */
  glanceAt(channel: Channel, sealed: Uint8Array): Dropped | undefined;
  /** From now on these keys count. */
  setKeyring(keyring: Keyring): void;
  /** Senders remembered. */
  senders(): number;
}

/** Whether a frame of unknown origin is sealed, by its first byte. */
export function isSealed(frame: Uint8Array): boolean {
  return frame[0] === MARKS.datagram || frame[0] === MARKS.frame;
}

/** A sealer that starts a new life: its salt is drawn here. `randomSalt` is replaced in tests only. */
export function createSealer(
  cluster: string,
  keyring: Keyring,
  randomSalt: () => Uint8Array = () => crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
): Sealer {
  const context = utf8(`fumata-seal-v1\0${cluster}\0`);
  let keys = keyring;
  let own = createOwnKey(keys, randomSalt());
  const senders = new Map<string, SenderKey>();

  function openAs(sender: SenderKey, channel: Channel, sealed: Uint8Array): Uint8Array | Dropped {
    const header = sealed.subarray(0, HEADER_BYTES);
    const counter = view(header).getUint32(COUNTER_AT);
    if (channel === "datagram" && sender.window.has(counter)) return dropped("replay");
    const associated = concat(context, header);
    const frame = openAesGcm(
      sender.key,
      nonceOf(counter),
      associated,
      sealed.subarray(HEADER_BYTES),
    );
    if (!frame) return dropped("seal");
    if (channel === "datagram") sender.window.add(counter);
    return frame;
  }

  function glanceAt(channel: Channel, sealed: Uint8Array): Dropped | undefined {
    if (sealed[0] !== MARKS[channel]) return dropped(isSealed(sealed) ? "malformed" : "unsealed");
    if (sealed.length < SEALED_EXTRA_BYTES) return dropped("malformed");
    const id = hex(sealed.subarray(1, SALT_AT));
    return keys.some((key) => key.id === id) ? undefined : dropped("unknown-key");
  }

  return {
    seal(channel, frame) {
      if (own.counter > COUNTER_MAX) own = createOwnKey(keys, randomSalt());
      const counter = own.counter++;
      const header = own.header.slice();
      header[0] = MARKS[channel];
      view(header).setUint32(COUNTER_AT, counter);
      const associated = concat(context, header);
      return concat(header, sealAesGcm(own.key, nonceOf(counter), associated, frame));
    },
    glanceAt,
    open(channel, sealed) {
      const foreign = glanceAt(channel, sealed);
      if (foreign) return foreign;
      const name = hex(sealed.subarray(1, COUNTER_AT));
      const known = senders.get(name);
      if (known) return openAs(known, channel, sealed);
      const id = name.slice(0, 2 * KEY_ID_BYTES);
      const key = keys.find((key) => key.id === id)!;
      const sender = {
        key: deriveKey(key.secret, sealed.slice(SALT_AT, COUNTER_AT)),
        window: createWindow(),
      };
      const frame = openAs(sender, channel, sealed);
      // Only what is genuine is remembered, so that a flood of made-up salts throws nobody out.
      if (frame instanceof Uint8Array) {
        if (senders.size >= SENDERS_MAX) senders.delete(senders.keys().next().value!);
        senders.set(name, sender);
      }
      return frame;
    },
    setKeyring(keyring) {
      const changesPrimary = keyring[0].id !== keys[0].id;
      keys = keyring;
      if (changesPrimary) own = createOwnKey(keys, randomSalt());
      for (const name of senders.keys()) {
        const id = name.slice(0, 2 * KEY_ID_BYTES);
        if (!keys.some((key) => key.id === id)) senders.delete(name);
      }
    },
    senders: () => senders.size,
  };
}

interface SenderKey {
  readonly key: Uint8Array;
  readonly window: Window;
}

function createOwnKey([primary]: Keyring, salt: Uint8Array) {
  const header = new Uint8Array(HEADER_BYTES);
  for (let i = 0; i < KEY_ID_BYTES; i++) {
    header[1 + i] = parseInt(primary.id.slice(2 * i, 2 * i + 2), 16);
  }
  header.set(salt, SALT_AT);
  return { key: deriveKey(primary.secret, salt), header, counter: 0 };
}

function deriveKey(secret: Uint8Array, salt: Uint8Array): Uint8Array {
  return hkdfSha256(secret, salt, utf8("fumata-seal-key-v1"), AES_KEY_BYTES);
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(AES_NONCE_BYTES);
  view(nonce).setUint32(AES_NONCE_BYTES - COUNTER_BYTES, counter);
  return nonce;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Counters that were seen: a ring of bits behind the greatest. */
interface Window {
  has(counter: number): boolean;
  add(counter: number): void;
}

function createWindow(): Window {
  const bits = new Uint32Array(WINDOW_BITS / 32);
  let greatest = -1;
  return {
    has(counter) {
      if (counter > greatest) return false;
      if (counter <= greatest - WINDOW_BITS) return true;
      const at = counter % WINDOW_BITS;
      return (bits[at >>> 5] & (1 << (at & 31))) !== 0;
    },
    add(counter) {
      if (counter - greatest >= WINDOW_BITS) bits.fill(0);
      else {
        for (let passed = greatest + 1; passed < counter; passed++) {
          const at = passed % WINDOW_BITS;
          bits[at >>> 5] &= ~(1 << (at & 31));
        }
      }
      greatest = Math.max(greatest, counter);
      const at = counter % WINDOW_BITS;
      bits[at >>> 5] |= 1 << (at & 31);
    },
  };
}
