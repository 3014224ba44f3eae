import { assert } from "@runtime/core/assert.ts";

/** Size of a pooled buffer: a handshake fits, and most connections of a burst see no more. */
export const POOLED_SIZE = 1024;
/** Buffers that a pool keeps; those beyond are left to the garbage collector. */
export const POOLED_COUNT_MAX = 128;

/**
 * First buffers of rings, used again: making one costs more than all that a short connection copies.
 *
 * A buffer is zeroed when it comes back, so that no bytes of one connection wait in the memory of
 * another, whatever mistake might one day show them.
 */
export class BufferPool {
  readonly #free: Uint8Array[] = [];

  /** Buffers that wait to be used again. */
  get count(): number {
    return this.#free.length;
  }

  /** A buffer of {@linkcode POOLED_SIZE} zeros. */
  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(POOLED_SIZE);
  }

  /** Gives a buffer back; its owner holds no view of it any more. */
  give(buffer: Uint8Array): void {
    assert(buffer.length === POOLED_SIZE, "only buffers of the pool's size come back");
    if (this.#free.length === POOLED_COUNT_MAX) return;
    buffer.fill(0);
    this.#free.push(buffer);
  }
}
