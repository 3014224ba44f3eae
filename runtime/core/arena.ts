/** Bytes of one chunk. */
const CHUNK_LENGTH = 8192;
/** Longer pieces are allocated by themselves: a chunk holds several pieces, or saves nothing. */
const PIECE_LENGTH_MAX = 1024;
/** Pieces start at a whole word. */
const ALIGNMENT = 8;

const NOTHING = new Uint8Array(0);

/**
 * Hands out small byte arrays as views of larger ones. No byte is handed out twice, and each is zero.
 *
 * An array of its own costs V8 half a microsecond, three calls of the allocator and a finalizer,
 * however short it is; a view costs a tenth of that. A view shows its whole chunk to whoever holds
 * it, and keeps the chunk alive: an arena belongs to one owner, and serves what is soon forgotten.
 */
export class Arena {
  #chunk: Uint8Array<ArrayBuffer> = NOTHING;
  #used = 0;

  /** `length` zero bytes. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > PIECE_LENGTH_MAX) return new Uint8Array(length);
    if (this.#used + length > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK_LENGTH);
      this.#used = 0;
    }
    const piece = this.#chunk.subarray(this.#used, this.#used + length);
    this.#used += (length + ALIGNMENT - 1) & -ALIGNMENT;
    return piece;
  }

  /**
   * The first `length` bytes of a piece; the others, which nobody has written to, may be handed out
   * again if it is the last piece.
   */
  trim(piece: Uint8Array, length: number): Uint8Array {
    const end = piece.byteOffset + ((piece.length + ALIGNMENT - 1) & -ALIGNMENT);
    if (piece.buffer === this.#chunk.buffer && end === this.#used) {
      this.#used = piece.byteOffset + ((length + ALIGNMENT - 1) & -ALIGNMENT);
    }
    return piece.subarray(0, length);
  }

  /** A copy of `bytes`. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const piece = this.take(bytes.length);
    piece.set(bytes);
    return piece;
  }
}
