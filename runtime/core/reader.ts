import { readAscii } from "./ascii.ts";
import { assert } from "./assert.ts";
import { WireError } from "./error.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Values below this are whole as numbers, which become a bigint faster than two halves do. */
const SAFE_HIGH = 1 << 21;

/**
 * Reads a frame from front to back. Every method checks its bound; integers are little-endian
 * unless the name ends in `Be`.
 *
 * @throws {WireError} `truncated` from any method that runs past the end of the frame.
 */
export class Reader {
  readonly #frame: Uint8Array;
  #offset = 0;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
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
    return this.#at(this.#take(1));
  }

  u16(): number {
    const at = this.#take(2);
    return this.#at(at) | this.#at(at + 1) << 8;
  }

  u32(): number {
    return this.#u32At(this.#take(4));
  }

  u64(): bigint {
    const at = this.#take(8);
    return u64Of(this.#u32At(at + 4), this.#u32At(at));
  }

  u16Be(): number {
    const at = this.#take(2);
    return this.#at(at) << 8 | this.#at(at + 1);
  }

  u32Be(): number {
    return this.#u32BeAt(this.#take(4));
  }

  u64Be(): bigint {
    const at = this.#take(8);
    return u64Of(this.#u32BeAt(at), this.#u32BeAt(at + 4));
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
    const ascii = readAscii(this.#frame, start, length);
    if (ascii !== undefined) return ascii;
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

  /** A byte within the bound that `#take` has checked. */
  #at(offset: number): number {
    return this.#frame[offset] ?? 0;
  }

  #u32At(at: number): number {
    const high = this.#at(at + 2) << 16 | this.#at(at + 3) << 24;
    return (this.#at(at) | this.#at(at + 1) << 8 | high) >>> 0;
  }

  #u32BeAt(at: number): number {
    const high = this.#at(at) << 24 | this.#at(at + 1) << 16;
    return (high | this.#at(at + 2) << 8 | this.#at(at + 3)) >>> 0;
  }

  #take(length: number): number {
    assert(length >= 0, "a field has a length of 0 or more");
    const start = this.#offset;
    if (start + length > this.#frame.length) throw new WireError("truncated", start);
    this.#offset = start + length;
    return start;
  }
}

function u64Of(high: number, low: number): bigint {
  return high < SAFE_HIGH ? BigInt(high * 0x1_0000_0000 + low) : BigInt(high) << 32n | BigInt(low);
}
