import { assert } from "./assert.ts";

const UTF8 = new TextEncoder();

/**
 * Builds a frame from front to back in one buffer that grows up to a bound. Integers are
 * little-endian unless the name ends in `Be`; a value outside its width is a bug, not bad input.
 */
export class Writer {
  readonly #lengthMax: number;
  #frame: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param lengthMax Most bytes the frame may reach; one more is an `InvariantError`. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
    this.#frame = new Uint8Array(Math.min(lengthMax, 128));
    this.#view = new DataView(this.#frame.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    assert(inRange(value, 0xff), "a u8 is 0..255");
    // The view is named after the growth, which may replace it.
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    assert(inRange(value, 0xffff), "a u16 is 0..65535");
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    assert(inRange(value, 0xffffffff), "a u32 is 0..2^32-1");
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    assert(value >= 0n && value < 1n << 64n, "a u64 is 0..2^64-1");
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  u16Be(value: number): this {
    assert(inRange(value, 0xffff), "a u16 is 0..65535");
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32Be(value: number): this {
    assert(inRange(value, 0xffffffff), "a u32 is 0..2^32-1");
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }

  u64Be(value: bigint): this {
    assert(value >= 0n && value < 1n << 64n, "a u64 is 0..2^64-1");
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#frame.set(bytes, at);
    return this;
  }

  text(text: string): this {
    return this.bytes(UTF8.encode(text));
  }

  /** The frame built so far, as a view: valid until the next write. */
  finish(): Uint8Array {
    return this.#frame.subarray(0, this.#length);
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    assert(needed <= this.#lengthMax, "a frame stays within its bound");
    if (needed > this.#frame.length) {
      const grown = new Uint8Array(Math.min(this.#lengthMax, Math.max(needed, at * 2)));
      grown.set(this.#frame.subarray(0, at));
      this.#frame = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }
}

function inRange(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
