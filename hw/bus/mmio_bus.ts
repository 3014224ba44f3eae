import { assert } from "@runtime/core/assert.ts";
import type { MmioWindow } from "@runtime/core/ports.ts";

/** Bytes of one access. */
export type AccessWidth = 1 | 2 | 4;

/** What answers at a range of addresses. Offsets are in bytes, aligned to the width. */
export interface MmioDevice {
  /** @returns an unsigned value of `width` bytes. */
  read(offset: number, width: AccessWidth): number;
  /** @param value Unsigned, of `width` bytes. */
  write(offset: number, width: AccessWidth, value: number): void;
}

/** A device's place on the bus. */
export interface MmioMapping {
  readonly name: string;
  /** Guest-physical address of offset 0. */
  readonly base: number;
  /** Bytes. */
  readonly length: number;
  readonly device: MmioDevice;
}

/** Devices that one bus may have. */
export const MAPPING_COUNT_MAX = 64;

/** Largest value of each width. */
const VALUE_MASK = { 1: 0xff, 2: 0xffff, 4: 0xffffffff } as const;

/**
 * Decodes addresses. An access that no device answers, or that is not aligned to its width, reads 0
 * and writes nothing; both are counted, because both are errors of the guest's software.
 */
export class MmioBus {
  readonly #mappings: readonly MmioMapping[];
  /** Accesses outside every device. */
  unmapped = 0;
  /** Accesses that were not aligned to their width. */
  misaligned = 0;

  constructor(mappings: readonly MmioMapping[]) {
    assert(mappings.length <= MAPPING_COUNT_MAX, "a bus has few devices");
    const sorted = [...mappings].sort((left, right) => left.base - right.base);
    let free = 0;
    for (const mapping of sorted) {
      assert(mapping.base >= free && mapping.length > 0, "devices are disjoint");
      free = mapping.base + mapping.length;
    }
    this.#mappings = sorted;
  }

  read(address: number, width: AccessWidth): number {
    const mapping = this.#decode(address, width);
    if (mapping === undefined) return 0;
    return mapping.device.read(address - mapping.base, width);
  }

  write(address: number, width: AccessWidth, value: number): void {
    const mapping = this.#decode(address, width);
    if (mapping === undefined) return;
    mapping.device.write(address - mapping.base, width, (value & VALUE_MASK[width]) >>> 0);
  }

  /**
   * A window over exactly `length` bytes from `base`. An access that leaves it is a bug of the
   * driver that holds it (where there is a hart: a page fault), and reaches no device.
   */
  window(base: number, length: number): MmioWindow {
    return new BusWindow(this, { base, length });
  }

  #decode(address: number, width: AccessWidth): MmioMapping | undefined {
    if (address % width !== 0) {
      this.misaligned++;
      return undefined;
    }
    for (const mapping of this.#mappings) {
      const offset = address - mapping.base;
      if (offset >= 0 && offset + width <= mapping.length) return mapping;
    }
    this.unmapped++;
    return undefined;
  }
}

class BusWindow implements MmioWindow {
  readonly length: number;
  readonly #bus: MmioBus;
  readonly #base: number;

  constructor(bus: MmioBus, place: { readonly base: number; readonly length: number }) {
    this.length = place.length;
    this.#bus = bus;
    this.#base = place.base;
  }

  read8(offset: number): number {
    return this.#bus.read(this.#address(offset, 1), 1);
  }

  read16(offset: number): number {
    return this.#bus.read(this.#address(offset, 2), 2);
  }

  read32(offset: number): number {
    return this.#bus.read(this.#address(offset, 4), 4);
  }

  write8(offset: number, value: number): void {
    this.#bus.write(this.#address(offset, 1), 1, value);
  }

  write16(offset: number, value: number): void {
    this.#bus.write(this.#address(offset, 2), 2, value);
  }

  write32(offset: number, value: number): void {
    this.#bus.write(this.#address(offset, 4), 4, value);
  }

  #address(offset: number, width: AccessWidth): number {
    const inside = Number.isInteger(offset) && offset >= 0 && offset + width <= this.length;
    assert(inside, "an access stays inside its register window");
    return this.#base + offset;
  }
}
