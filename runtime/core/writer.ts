import type { Arena } from "./arena.ts";
import { isAscii, writeAscii } from "./ascii.ts";
import { assert } from "./assert.ts";

const UTF8 = new TextEncoder();
const U64_MAX = (1n << 64n) - 1n;
const LOW_32 = 0xffffffffn;

/** First size of the buffer, in bytes: most frames fit. */
const BUFFER_LENGTH_MIN = 128;
/** Longest text that is written letter by letter: from here on the platform's encoder is faster. */
const LETTERS_MAX = 256;

/**
 * Builds a frame from front to back in one buffer that grows up to a bound. Integers are
 * little-endian unless the name ends in `Be`; a value outside its width is a bug, not bad input.
 */
export class Writer {
  readonly #lengthMax: number;
  readonly #arena: Arena | undefined;
  #frame: Uint8Array;
  #length = 0;

  /**
   * @param lengthMax Most bytes the frame may reach; one more is an `InvariantError`.
   * @param arena Where a short frame lies; an array of its own when left out.
   * @param length Bytes to begin with.
   */
  constructor(lengthMax: number, arena?: Arena, length = BUFFER_LENGTH_MIN) {
    this.#lengthMax = lengthMax;
    this.#arena = arena;
    this.#frame = this.#room(Math.min(lengthMax, length));
  }

  /** A frame whose length is known: its buffer never grows. @param length In bytes. */
  static exactly(length: number): Writer {
    return new Writer(length, undefined, length);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    assert(inRange(value, 0xff), "a u8 is 0..255");
    // The buffer is named after the growth, which may replace it.
    const at = this.#grow(1);
    this.#frame[at] = value;
    return this;
  }

  u16(value: number): this {
    assert(inRange(value, 0xffff), "a u16 is 0..65535");
    const at = this.#grow(2);
    const frame = this.#frame;
    frame[at] = value;
    frame[at + 1] = value >>> 8;
    return this;
  }

  /** Replaces an integer of `size` bytes that was written at `at`: a length known only behind it. */
  patch(at: number, size: 1 | 2 | 4, value: number): void {
    assert(inRange(value, 2 ** (8 * size) - 1), "an integer fits its width");
    assert(at + size <= this.#length, "only bytes that were written are replaced");
    for (let index = 0; index < size; index++) this.#frame[at + index] = value >>> (8 * index);
  }

  u32(value: number): this {
    assert(inRange(value, 0xffffffff), "a u32 is 0..2^32-1");
    const at = this.#grow(4);
    this.#put32(at, value);
    return this;
  }

  u64(value: bigint): this {
    assert(value >= 0n && value <= U64_MAX, "a u64 is 0..2^64-1");
    const at = this.#grow(8);
    this.#put32(at, Number(value & LOW_32));
    this.#put32(at + 4, Number(value >> 32n));
    return this;
  }

  u16Be(value: number): this {
    assert(inRange(value, 0xffff), "a u16 is 0..65535");
    const at = this.#grow(2);
    const frame = this.#frame;
    frame[at] = value >>> 8;
    frame[at + 1] = value;
    return this;
  }

  u32Be(value: number): this {
    assert(inRange(value, 0xffffffff), "a u32 is 0..2^32-1");
    const at = this.#grow(4);
    this.#put32Be(at, value);
    return this;
  }

  u64Be(value: bigint): this {
    assert(value >= 0n && value <= U64_MAX, "a u64 is 0..2^64-1");
    const at = this.#grow(8);
    this.#put32Be(at, Number(value >> 32n));
    this.#put32Be(at + 4, Number(value & LOW_32));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#frame.set(bytes, at);
    return this;
  }

  /** A text as UTF-8, without its length. */
  text(text: string): this {
    if (!isAscii(text, LETTERS_MAX)) return this.bytes(UTF8.encode(text));
    const at = this.#grow(text.length);
    writeAscii(text, this.#frame, at);
    return this;
  }

  /** The frame built so far, valid until the next write. */
  finish(): Uint8Array {
    // What is written later goes elsewhere: the rest of the piece may be somebody else's by then.
    this.#frame = this.#arena?.trim(this.#frame, this.#length) ??
      this.#frame.subarray(0, this.#length);
    return this.#frame;
  }

  #put32(at: number, value: number): void {
    const frame = this.#frame;
    frame[at] = value;
    frame[at + 1] = value >>> 8;
    frame[at + 2] = value >>> 16;
    frame[at + 3] = value >>> 24;
  }

  #put32Be(at: number, value: number): void {
    const frame = this.#frame;
    frame[at] = value >>> 24;
    frame[at + 1] = value >>> 16;
    frame[at + 2] = value >>> 8;
    frame[at + 3] = value;
  }

  #room(length: number): Uint8Array {
    return this.#arena?.take(length) ?? new Uint8Array(length);
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    assert(needed <= this.#lengthMax, "a frame stays within its bound");
    if (needed > this.#frame.length) {
      const doubled = Math.max(needed, this.#frame.length * 2);
      const grown = this.#room(Math.min(this.#lengthMax, doubled));
      grown.set(this.#frame);
      this.#frame = grown;
    }
    this.#length = needed;
    return at;
  }
}

function inRange(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
