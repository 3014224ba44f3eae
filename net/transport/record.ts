import { assert } from "@runtime/core/assert.ts";
import { WireError } from "@runtime/core/error.ts";

/** Length of the prefix in front of each record, in bytes: u32, big-endian. */
export const RECORD_PREFIX_LENGTH = 4;

/** Longest record, in bytes: a Noise message holds no more. */
export const RECORD_LENGTH_MAX = 65535;

/** First size of the buffer for a record that comes in parts, in bytes. */
const BUFFER_LENGTH_MIN = 1024;

/**
 * Writes the prefix of a record of `length` bytes to `out` at `offset`; the record belongs behind it.
 *
 * @param length 1..{@linkcode RECORD_LENGTH_MAX}.
 * @returns the offset behind the prefix.
 *
 * Source: session-wire, "Socket framing".
 */
export function writeRecordPrefix(length: number, out: Uint8Array, offset = 0): number {
  assert(length >= 1 && length <= RECORD_LENGTH_MAX, "a record has 1 to 65535 bytes");
  assert(offset + RECORD_PREFIX_LENGTH <= out.length, "a record's prefix fits its buffer");
  out[offset] = 0;
  out[offset + 1] = 0;
  out[offset + 2] = length >>> 8;
  out[offset + 3] = length;
  return offset + RECORD_PREFIX_LENGTH;
}

/**
 * Cuts a byte stream into records, whatever the segments.
 *
 * A record that lies in one chunk is handed out as a view into it; only what a chunk leaves
 * unfinished is kept, so at most one record and its prefix are ever held.
 */
export class RecordDecoder {
  /** Longest record accepted from here on; a session lowers it until its peer has proved itself. */
  lengthMax: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The record in parts: prefix and body, `#held` bytes of it. */
  #partial = new Uint8Array(0);
  #held = 0;
  #error: WireError | undefined;

  constructor(lengthMax: number = RECORD_LENGTH_MAX) {
    assert(lengthMax >= 1 && lengthMax <= RECORD_LENGTH_MAX, "a record has 1 to 65535 bytes");
    this.lengthMax = lengthMax;
  }

  /** Bytes kept of a record that is not whole yet: 0..{@linkcode RECORD_LENGTH_MAX} + 3. */
  get held(): number {
    return this.#held;
  }

  /**
   * Offers the next bytes of the stream. They must stay as they are until {@linkcode next} has
   * returned `undefined`; only then may more be offered.
   */
  push(chunk: Uint8Array): void {
    assert(this.#at === this.#chunk.length, "a chunk is used up before the next comes");
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next whole record, without its prefix, or `undefined` when more bytes are needed.
   *
   * @returns a view, valid until the next call of `next` or `push`.
   * @throws {WireError} `length_out_of_range`: a length of 0. `limit_exceeded`: more than
   *   {@linkcode lengthMax}. The stream is lost: every later call throws the same.
   */
  next(): Uint8Array | undefined {
    if (this.#error !== undefined) throw this.#error;
    return this.#held === 0 ? this.#nextWhole() : this.#nextPartial();
  }

  #nextWhole(): Uint8Array | undefined {
    const chunk = this.#chunk;
    const left = chunk.length - this.#at;
    if (left >= RECORD_PREFIX_LENGTH) {
      const start = this.#at + RECORD_PREFIX_LENGTH;
      const end = start + this.#length(chunk, this.#at);
      if (end <= chunk.length) {
        this.#at = end;
        return chunk.subarray(start, end);
      }
    }
    if (left > 0) this.#keep(left);
    return undefined;
  }

  /** First the prefix, then the body: nothing is kept for a length that is refused. */
  #nextPartial(): Uint8Array | undefined {
    if (this.#held < RECORD_PREFIX_LENGTH && !this.#fill(RECORD_PREFIX_LENGTH)) return undefined;
    const end = RECORD_PREFIX_LENGTH + this.#length(this.#partial, 0);
    if (!this.#fill(end)) return undefined;
    this.#held = 0;
    return this.#partial.subarray(RECORD_PREFIX_LENGTH, end);
  }

  /** Takes from the chunk until `target` bytes are held. */
  #fill(target: number): boolean {
    this.#keep(Math.min(target - this.#held, this.#chunk.length - this.#at));
    return this.#held === target;
  }

  #keep(count: number): void {
    const needed = this.#held + count;
    if (needed > this.#partial.length) {
      const doubled = Math.max(needed, this.#partial.length * 2, BUFFER_LENGTH_MIN);
      const grown = new Uint8Array(Math.min(doubled, RECORD_PREFIX_LENGTH + RECORD_LENGTH_MAX));
      grown.set(this.#partial.subarray(0, this.#held));
      this.#partial = grown;
    }
    this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#held);
    this.#held = needed;
    this.#at += count;
  }

  #length(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] ?? 0) << 24 | (bytes[at + 1] ?? 0) << 16 |
      (bytes[at + 2] ?? 0) << 8 | (bytes[at + 3] ?? 0)) >>> 0;
    if (length === 0) throw this.#refuse("length_out_of_range");
    if (length > this.lengthMax) throw this.#refuse("limit_exceeded");
    return length;
  }

  #refuse(code: "length_out_of_range" | "limit_exceeded"): WireError {
    this.#partial = new Uint8Array(0);
    this.#held = 0;
    this.#error = new WireError(code, 0);
    return this.#error;
  }
}
