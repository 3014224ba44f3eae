const WORD_LENGTH = 8;

/**
 * A private copy of frames that lie in shared memory.
 *
 * The other side of shared memory may change a frame after its checksum was verified, so nothing is
 * parsed there. It is also the faster way: between shared and plain memory the engine copies whole
 * words only when both ends lie alike within a word, and bytes otherwise, eight times slower. The
 * mirror lies like the frame; every further copy is between plain buffers. Frames in plain memory
 * are used where they are.
 */
export class FrameMirror {
  readonly #lengthMax: number;
  readonly #bytes: ArrayBuffer;
  /** Views as long as the longest frame, one for each place within a word; made when needed. */
  readonly #places: (Uint8Array | undefined)[] = [];

  /** @param lengthMax Longest frame, in bytes. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
    this.#bytes = new ArrayBuffer(lengthMax + WORD_LENGTH);
  }

  /** The frame in plain memory; `undefined` when it is longer than the longest. */
  taken(frame: Uint8Array): Uint8Array | undefined {
    if (frame.length > this.#lengthMax) return undefined;
    if (!shared(frame)) return frame;
    const copy = this.#view(frame, frame.length);
    copy.set(frame);
    return copy;
  }

  /** Where to write a frame meant for `into`. */
  place(into: Uint8Array): Uint8Array {
    return shared(into) ? this.#view(into, Math.min(into.length, this.#lengthMax)) : into;
  }

  /** Brings the first `length` bytes written at {@linkcode place} to `into`. */
  give(into: Uint8Array, length: number): void {
    if (shared(into)) into.set(this.#view(into, length));
  }

  #view(like: Uint8Array, length: number): Uint8Array {
    const offset = like.byteOffset & (WORD_LENGTH - 1);
    const place = this.#places[offset] ??= new Uint8Array(this.#bytes, offset, this.#lengthMax);
    return length === this.#lengthMax ? place : place.subarray(0, length);
  }
}

function shared(frame: Uint8Array): boolean {
  return frame.buffer instanceof SharedArrayBuffer;
}
