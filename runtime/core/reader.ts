import { assert } from "./assert.ts";
import { WireError } from "./error.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a frame from front to back. Every method checks its bound; integers are little-endian
 * unless the name ends in `Be`.
 *
 * @throws {WireError} `truncated` from any method that runs past the end of the frame.
 */
export class Reader {
  readonly #frame: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  }

  /** Bytes consumed so far: the offset of the next field. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not consumed yet. */
  get remaining(): number {
    return this.#frame.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  u16Be(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32Be(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64Be(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** The next `length` bytes, as a view into the frame (valid as long as the frame is). */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#frame.subarray(start, start + length);
  }

  /**
   * The next `length` bytes as text.
   *
   * @throws {WireError} `not_utf8` at the first byte of the text.
   */
  text(length: number): string {
    const start = this.#take(length);
    try {
      return UTF8.decode(this.#frame.slice(start, start + length));
    } catch {
      throw new WireError("not_utf8", start);
    }
  }

  /**
   * Everything that is left, as a view into the frame (valid as long as the frame is).
   *
   * @param lengthMax Most bytes accepted.
   * @throws {WireError} `length_out_of_range` when more are left.
   */
  rest(lengthMax: number): Uint8Array {
    if (this.remaining > lengthMax) throw new WireError("length_out_of_range", this.#offset);
    return this.bytes(this.remaining);
  }

  /** @throws {WireError} `trailing_bytes` when the frame holds more than was read. */
  end(): void {
    if (this.remaining > 0) throw new WireError("trailing_bytes", this.#offset);
  }

  #take(length: number): number {
    assert(length >= 0, "a field has a length of 0 or more");
    const start = this.#offset;
    if (start + length > this.#frame.length) throw new WireError("truncated", start);
    this.#offset = start + length;
    return start;
  }
}
