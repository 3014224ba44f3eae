import type { DmaRegion } from "@runtime/core/ports.ts";

/** A register file as a guest reaches it. */
export interface Registers {
  read(offset: number, width: 1 | 2 | 4): number;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

/** One descriptor. Lengths and addresses may be lies. */
export interface Descriptor {
  readonly address: number | bigint;
  readonly length: number;
  /** 1 next, 2 write, 4 indirect. */
  readonly flags?: number;
  readonly next?: number;
}

/** Where a guest puts a queue in a region. */
export interface GuestPlace {
  readonly size: number;
  /** Offset of the descriptor table. */
  readonly offset: number;
  /** Offsets of the rings; without them they follow at the next pages. */
  readonly available?: number;
  readonly used?: number;
}

/**
 * A guest's split virtqueue, written byte by byte from the specification's tables and not with the
 * code under test, so that it can also say what no driver should.
 */
export class GuestQueue {
  readonly size: number;
  readonly base: number;
  readonly table: number;
  readonly available: number;
  readonly used: number;
  readonly #view: DataView;
  #index = 0;

  constructor(region: DmaRegion, place: GuestPlace) {
    const pages = (length: number) => Math.ceil(length / 4096) * 4096;
    this.size = place.size;
    this.base = region.base;
    this.table = place.offset;
    this.available = place.available ?? this.table + pages(16 * place.size);
    this.used = place.used ?? this.available + pages(6 + 2 * place.size);
    this.#view = new DataView(region.bytes.buffer);
  }

  /** Bytes that the three areas take, from `offset` on. */
  get length(): number {
    return this.used + Math.ceil((6 + 8 * this.size) / 4096) * 4096 - this.table;
  }

  /** Writes a descriptor of the table, or of another one at `table`. */
  describe(index: number, descriptor: Descriptor, table = this.table): void {
    const at = table + 16 * index;
    this.#view.setBigUint64(at, BigInt(descriptor.address), true);
    this.#view.setUint32(at + 8, descriptor.length, true);
    this.#view.setUint16(at + 12, descriptor.flags ?? 0, true);
    this.#view.setUint16(at + 14, descriptor.next ?? 0xdead, true);
  }

  /** Puts heads into the available ring and shows them. */
  offer(...heads: readonly number[]): void {
    for (const head of heads) {
      const slot = this.#index % this.size;
      this.#view.setUint16(this.available + 4 + 2 * slot, head, true);
      this.#index = (this.#index + 1) & 0xffff;
    }
    this.setIndex(this.#index);
  }

  /** Writes available.idx, true or not. */
  setIndex(index: number): void {
    this.#index = index & 0xffff;
    this.#view.setUint16(this.available + 2, index, true);
  }

  setFlags(flags: number): void {
    this.#view.setUint16(this.available, flags, true);
  }

  setUsedEvent(index: number): void {
    this.#view.setUint16(this.available + 4 + 2 * this.size, index, true);
  }

  get usedFlags(): number {
    return this.#view.getUint16(this.used, true);
  }

  get usedIndex(): number {
    return this.#view.getUint16(this.used + 2, true);
  }

  get availEvent(): number {
    return this.#view.getUint16(this.used + 4 + 8 * this.size, true);
  }

  /** Entry of the used ring: `{ id, length }`. */
  usedEntry(index: number): { readonly id: number; readonly length: number } {
    const at = this.used + 4 + 8 * (index % this.size);
    return { id: this.#view.getUint32(at, true), length: this.#view.getUint32(at + 4, true) };
  }
}

/** How a guest brings a device up. */
export interface BringUp {
  readonly queues: readonly GuestQueue[];
  /** Bits 0..31; VERSION_1 comes on top. */
  readonly features?: number;
}

/** Brings a device up in Linux's order. @returns the status that it reads at the end. */
export function bringUp(registers: Registers, guest: BringUp): number {
  const write = (offset: number, value: number) => registers.write(offset, 4, value);
  write(0x70, 0);
  write(0x70, 1);
  write(0x70, 3);
  write(0x24, 1);
  write(0x20, 1);
  write(0x24, 0);
  write(0x20, guest.features ?? 0);
  write(0x70, 0xb);
  guest.queues.forEach((queue, index) => readyQueue(registers, queue, index));
  write(0x70, 0xf);
  return registers.read(0x70, 4);
}

/** Writes a queue's place and declares it ready. @returns what QueueReady then reads. */
export function readyQueue(registers: Registers, queue: GuestQueue, index: number): number {
  const write = (offset: number, value: number) => registers.write(offset, 4, value);
  write(0x30, index);
  write(0x38, queue.size);
  write(0x80, queue.base + queue.table);
  write(0x84, 0);
  write(0x90, queue.base + queue.available);
  write(0x94, 0);
  write(0xa0, queue.base + queue.used);
  write(0xa4, 0);
  write(0x44, 1);
  return registers.read(0x44, 4);
}
