import { assert } from "@runtime/core/assert.ts";
import { copyRun } from "../wire/octets.ts";
import { type BufferPool, POOLED_SIZE } from "./buffer_pool.ts";

const NOTHING = new Uint8Array(0);

/**
 * A queue of bytes in one buffer that grows by doubling up to a bound and never shrinks but by
 * {@linkcode release}. The first buffer comes from a pool and goes back to it. Bytes may be placed
 * ahead of the ring's end and join it later.
 */
export class ByteRing {
  readonly #sizeMax: number;
  readonly #pool: BufferPool;
  #bytes: Uint8Array = NOTHING;
  #head = 0;
  #length = 0;

  /** @param sizeMax Most bytes held; a power of two, at least {@linkcode POOLED_SIZE}. */
  constructor(sizeMax: number, pool: BufferPool) {
    const valid = sizeMax >= POOLED_SIZE && (sizeMax & (sizeMax - 1)) === 0;
    assert(valid, "a ring's size is a power of two, and no smaller than its first buffer");
    this.#sizeMax = sizeMax;
    this.#pool = pool;
  }

  /** Bytes held. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that can still be taken. */
  get free(): number {
    return this.#sizeMax - this.#length;
  }

  get sizeMax(): number {
    return this.#sizeMax;
  }

  /** Appends what fits. Returns how many bytes that was. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.free);
    this.place(0, bytes, 0, count);
    this.#length += count;
    return count;
  }

  /** Puts `source[start..end)` `ahead` bytes behind the ring's end, without making it longer. */
  place(ahead: number, source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    assert(ahead + count <= this.free, "bytes are placed within the ring's bound");
    if (count === 0) return;
    this.#fit(this.#length + ahead + count);
    const size = this.#bytes.length;
    const at = (this.#head + this.#length + ahead) & (size - 1);
    const first = Math.min(count, size - at);
    copyRun(source, { start, end: start + first }, this.#bytes, at);
    if (first < count) copyRun(source, { start: start + first, end }, this.#bytes, 0);
  }

  /** Makes `count` bytes that were placed right behind the end part of the ring. */
  extend(count: number): void {
    assert(this.#length + count <= this.#bytes.length, "only placed bytes join the ring");
    this.#length += count;
  }

  /** Copies `count` bytes from `offset` bytes behind the front to `into[at..]`. */
  copy(offset: number, into: Uint8Array, at: number, count: number): void {
    assert(offset + count <= this.#length, "only held bytes are copied");
    if (count === 0) return;
    const size = this.#bytes.length;
    const start = (this.#head + offset) & (size - 1);
    const first = Math.min(count, size - start);
    copyRun(this.#bytes, { start, end: start + first }, into, at);
    if (first < count) copyRun(this.#bytes, { start: 0, end: count - first }, into, at + first);
  }

  /** Bytes from the front that lie together, as a view: valid until the next call. */
  peek(): Uint8Array {
    const end = Math.min(this.#head + this.#length, this.#bytes.length);
    return this.#bytes.subarray(this.#head, end);
  }

  /** Drops `count` bytes from the front. */
  consume(count: number): void {
    assert(count >= 0 && count <= this.#length, "only held bytes are consumed");
    this.#length -= count;
    this.#head = (this.#head + count) & (this.#bytes.length - 1);
  }

  /** Drops everything and gives the buffer back: no view of it may be used any more. */
  release(): void {
    this.#replace(NOTHING);
    this.#length = 0;
  }

  /** Grows the buffer to hold `needed` bytes, and keeps what was placed ahead too. */
  #fit(needed: number): void {
    const size = this.#bytes.length;
    if (needed <= size) return;
    if (size === 0 && needed <= POOLED_SIZE) {
      this.#bytes = this.#pool.take();
      return;
    }
    let grownSize = Math.max(size, POOLED_SIZE);
    while (grownSize < needed) grownSize *= 2;
    const grown = new Uint8Array(grownSize);
    grown.set(this.#bytes.subarray(this.#head));
    grown.set(this.#bytes.subarray(0, this.#head), size - this.#head);
    this.#replace(grown);
  }

  #replace(bytes: Uint8Array): void {
    if (this.#bytes.length === POOLED_SIZE) this.#pool.give(this.#bytes);
    this.#bytes = bytes;
    this.#head = 0;
  }
}
