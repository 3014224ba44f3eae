import { assert } from "../core/assert.ts";
import { atomicExchange, atomicLoad, atomicStore } from "../core/atomic.ts";

/** Bytes of a ring's contents: a power of two. */
export const RING_LENGTH = 512 << 10;
/** Bytes of a ring with its cells. */
export const RING_MEMORY_LENGTH = RING_LENGTH + 16;

/** Cells in front of the contents: bytes written and read so far, modulo 2^32, and the sleeper's flag. */
const WRITTEN = 0;
const READ = 1;
const ASLEEP = 2;
const HEADER_CELLS = 4;

const MASK = RING_LENGTH - 1;
/** A record is its head, one word of kind and length, and its bytes, up to a whole word. */
const HEAD_LENGTH = 4;
const KIND_SHIFT = 24;
const LENGTH_MASK = (1 << KIND_SHIFT) - 1;
/** Room that only empty records may use: there is always a place to say that something comes otherwise. */
const RESERVE = 4096;

/** One record, as it was read. */
export interface RingRecord {
  readonly kind: number;
  /** The reader's own copy. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A byte ring between two isolates: one writes, the other reads, and both hold nothing of each other's
 * but this memory. A writer learns whether the reader sleeps and must be woken.
 */
export class Ring {
  readonly #cells: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  /** @param memory {@linkcode RING_MEMORY_LENGTH} bytes, zero at first. */
  constructor(memory: SharedArrayBuffer) {
    assert(memory.byteLength === RING_MEMORY_LENGTH, "a ring has its one size");
    this.#cells = new Int32Array(memory, 0, HEADER_CELLS);
    this.#bytes = new Uint8Array(memory, 16);
    this.#words = new Int32Array(memory, 16);
  }

  /**
   * Appends a record.
   *
   * @param kind 0..127.
   * @param parts Its bytes, one part behind the other.
   * @returns false when there is no room.
   */
  write(kind: number, parts: readonly Uint8Array[]): boolean {
    let length = 0;
    for (const part of parts) length += part.length;
    const written = atomicLoad(this.#cells, WRITTEN);
    const used = (written - atomicLoad(this.#cells, READ)) >>> 0;
    const reserve = length === 0 ? 0 : RESERVE;
    if (used + HEAD_LENGTH + whole(length) + reserve > RING_LENGTH) return false;
    this.#words[(written & MASK) >>> 2] = (kind << KIND_SHIFT) | length;
    let at = written + HEAD_LENGTH;
    for (const part of parts) {
      this.#put(part, at & MASK);
      at += part.length;
    }
    atomicStore(this.#cells, WRITTEN, (written + HEAD_LENGTH + whole(length)) | 0);
    return true;
  }

  /** @returns whether the reader slept: whoever asks has to wake it. */
  wake(): boolean {
    return atomicLoad(this.#cells, ASLEEP) === 1 && atomicExchange(this.#cells, ASLEEP, 0) === 1;
  }

  /**
   * Takes the next record.
   *
   * @returns `undefined` when there is none, `"broken"` when the writer is no kernel of ours.
   */
  read(): RingRecord | "broken" | undefined {
    const read = atomicLoad(this.#cells, READ);
    const used = (atomicLoad(this.#cells, WRITTEN) - read) >>> 0;
    if (used === 0) return undefined;
    const head = this.#words[(read & MASK) >>> 2] ?? 0;
    const length = head & LENGTH_MASK;
    if ((read & 3) !== 0 || used > RING_LENGTH || HEAD_LENGTH + whole(length) > used) {
      return "broken";
    }
    const bytes = this.#take((read + HEAD_LENGTH) & MASK, length);
    atomicStore(this.#cells, READ, (read + HEAD_LENGTH + whole(length)) | 0);
    return { kind: head >>> KIND_SHIFT, bytes };
  }

  /** The reader goes to sleep. @returns false when something has come meanwhile. */
  sleep(): boolean {
    atomicStore(this.#cells, ASLEEP, 1);
    if (atomicLoad(this.#cells, WRITTEN) === atomicLoad(this.#cells, READ)) return true;
    atomicStore(this.#cells, ASLEEP, 0);
    return false;
  }

  #put(bytes: Uint8Array, at: number): void {
    const first = Math.min(bytes.length, RING_LENGTH - at);
    if (first === bytes.length) return this.#bytes.set(bytes, at);
    this.#bytes.set(bytes.subarray(0, first), at);
    this.#bytes.set(bytes.subarray(first), 0);
  }

  #take(at: number, length: number): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(length);
    const first = Math.min(length, RING_LENGTH - at);
    taken.set(this.#bytes.subarray(at, at + first));
    if (first < length) taken.set(this.#bytes.subarray(0, length - first), first);
    return taken;
  }
}

/** Whole words. */
function whole(length: number): number {
  return (length + 3) & ~3;
}
