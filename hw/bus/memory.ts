import { assert } from "@runtime/core/assert.ts";
import type { DmaRegion } from "@runtime/core/ports.ts";

/** Alignment and granule of a region's base and length, in bytes. */
export const PAGE_SIZE = 4096;

/** Largest region, in bytes: offsets inside one stay small integers. */
export const REGION_LENGTH_MAX = 2 ** 30;

/** Regions that one device's memory may have. */
export const REGION_COUNT_MAX = 16;

const WORD = 2 ** 32;

/**
 * One stretch of guest RAM in a SharedArrayBuffer of its own: whoever holds a view of it can reach
 * all of it and nothing else.
 */
export class RamRegion implements DmaRegion {
  readonly base: number;
  readonly bytes: Uint8Array;
  /** The same bytes, for fields of any alignment. */
  readonly view: DataView;
  /** The same bytes in 16-bit units, for `Atomics`. */
  readonly halves: Uint16Array;

  /**
   * @param base Guest-physical address, a multiple of {@linkcode PAGE_SIZE} below 2^53.
   * @param length Bytes, a multiple of {@linkcode PAGE_SIZE} up to {@linkcode REGION_LENGTH_MAX}.
   */
  constructor(base: number, length: number) {
    assert(Number.isSafeInteger(base) && base >= 0 && base % PAGE_SIZE === 0, "a base is a page");
    assert(length > 0 && length % PAGE_SIZE === 0, "a region is made of pages");
    assert(length <= REGION_LENGTH_MAX, "a region stays below its bound");
    assert(new Uint8Array(Uint16Array.of(1).buffer)[0] === 1, "the host is little-endian");
    const buffer = new SharedArrayBuffer(length);
    this.base = base;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.halves = new Uint16Array(buffer);
  }

  /** Offset of an address that {@linkcode GuestMemory.find} has placed in this region. */
  offsetOf(low: number, high: number): number {
    return high * WORD + low - this.base;
  }
}

/**
 * The RAM that one device can reach, as a table of disjoint regions. A range that crosses a region's
 * end is refused like one outside RAM, and so is one that lies in another device's region: nothing
 * that a driver writes into a descriptor can name memory which that driver was not given.
 */
export class GuestMemory {
  readonly #regions: readonly RamRegion[];

  constructor(regions: readonly RamRegion[]) {
    assert(regions.length <= REGION_COUNT_MAX, "a memory has few regions");
    const sorted = [...regions].sort((left, right) => left.base - right.base);
    let free = 0;
    for (const region of sorted) {
      assert(region.base >= free, "regions are disjoint");
      free = region.base + region.bytes.length;
    }
    assert(Number.isSafeInteger(free), "regions lie where a double is exact");
    this.#regions = sorted;
  }

  /**
   * The region in which `length` bytes from a 64-bit address lie wholly, or `undefined`. The sum of
   * address and length is never formed, so it cannot wrap.
   *
   * @param low Bits 0..31 of the address.
   * @param high Bits 32..63 of the address.
   * @param length Bytes, 0..2^32-1.
   */
  find(low: number, high: number, length: number): RamRegion | undefined {
    // From 2^53 on the sum is rounded, but stays at or above 2^53, and every region ends below.
    const address = high * WORD + low;
    for (const region of this.#regions) {
      const offset = address - region.base;
      if (offset >= 0 && offset <= region.bytes.length && length <= region.bytes.length - offset) {
        return region;
      }
    }
    return undefined;
  }
}
