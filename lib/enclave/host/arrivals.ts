/**
 * What the network has brought of frames that are not whole yet. The library of WebSockets keeps these bytes where nobody can look, so they are
 * counted on their way in: what arrives is added, what became a frame is taken off again.
 */

/** What a piece from the network costs beside its bytes: a sender of single bytes fills memory with little else. */
const PIECE_OVERHEAD_BYTES = 256;

/** Head of a frame from a client: two bytes and the mask, and the longer forms of its length (RFC 6455, section 5.2). */
function headBytes(payloadBytes: number): number {
  return 6 + (payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8);
}

/** The counts of one connection. */
export class FrameArrivals {
  /** Told after bytes have arrived. */
  onArrival: () => void = () => {};
  #broughtBytes = 0;
  #restBytes = 0;
  #pieces = 0;
  #lastPieceBytes = 0;

  /** All bytes so far but those of control frames: what does not grow brings no frame. */
  get broughtBytes(): number {
    return this.#broughtBytes;
  }

  /** Memory that frames take which are not whole yet; too high rather than too low, by one piece from the network at most. */
  get partialBytes(): number {
    return this.#restBytes + this.#pieces * PIECE_OVERHEAD_BYTES;
  }

  /** Counts a piece from the network, before anything is made of it. */
  arrived(bytes: number): void {
    this.#broughtBytes += bytes;
    this.#restBytes += bytes;
    this.#pieces++;
    this.#lastPieceBytes = bytes;
    this.onArrival();
  }

  /** Takes off a frame that is whole: behind it there can only be the rest of the last piece. */
  completed(payloadBytes: number): void {
    this.#takeOff(payloadBytes);
    this.#restBytes = Math.min(this.#restBytes, this.#lastPieceBytes);
    this.#pieces = this.#restBytes > 0 ? 1 : 0;
  }

  /** Takes off a ping or pong, which may come between the parts of a frame. */
  controlled(payloadBytes: number): void {
    this.#broughtBytes -= payloadBytes + headBytes(payloadBytes);
    this.#takeOff(payloadBytes);
    if (this.#restBytes === 0) this.#pieces = 0;
  }

  #takeOff(payloadBytes: number): void {
    const bytes = payloadBytes + headBytes(payloadBytes);
    this.#restBytes = Math.max(0, this.#restBytes - bytes);
  }
}
