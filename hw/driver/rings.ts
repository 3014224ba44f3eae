/**
 * The two rings of a split virtqueue as its driver sees them: heads go out, heads come back. The
 * device is not trusted: it cannot give back more than it was given.
 *
 * Source: VIRTIO 1.2, "Split Virtqueues".
 *
 * @module
 */

import { atomicLoad, atomicStore } from "@runtime/core/atomic.ts";
import { assert } from "@runtime/core/assert.ts";
import type { DmaRegion } from "@runtime/core/ports.ts";
import {
  AVAILABLE_ENTRY_SIZE,
  AVAILABLE_NO_INTERRUPT,
  availableLength,
  availEventOffset,
  DESCRIPTOR_TABLE_ALIGN,
  descriptorTableLength,
  eventPassed,
  RING_ENTRIES,
  RING_INDEX,
  USED_ENTRY_SIZE,
  USED_NO_NOTIFY,
  usedEventOffset,
  usedLength,
} from "../virtio/ring.ts";
import { DriverError } from "./error.ts";
import type { QueuePlace } from "./transport.ts";

/** Alignment of the rings and of what follows them: a cache line. */
export const RINGS_ALIGN = 64;

/** A queue's shape and where it lies in its region. */
export interface RingsLayout {
  /** Offset of the queue's memory in the region, a multiple of {@linkcode RINGS_ALIGN}. */
  readonly offset: number;
  /** Number of descriptors: a power of two. */
  readonly size: number;
  /** Negotiated EVENT_IDX. */
  readonly eventIndex: boolean;
}

/** The next multiple of `align`. */
export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/** Bytes that descriptor table and rings take, a multiple of {@linkcode RINGS_ALIGN}. */
export function ringsLength(size: number): number {
  return alignUp(usedOffset(size) + usedLength(size), RINGS_ALIGN);
}

function availableOffset(size: number): number {
  return alignUp(descriptorTableLength(size), DESCRIPTOR_TABLE_ALIGN);
}

function usedOffset(size: number): number {
  return alignUp(availableOffset(size) + availableLength(size), RINGS_ALIGN);
}

/** Both rings, cleared, with their descriptor table before them. */
export class DriverRings {
  readonly size: number;
  /** Guest-physical addresses for the device. */
  readonly place: QueuePlace;
  readonly #view: DataView;
  readonly #halves: Uint16Array;
  readonly #mask: number;
  readonly #eventIndex: boolean;
  readonly #available: number;
  readonly #used: number;
  #inFlight = 0;
  #offered = 0;
  #published = 0;
  #taken = 0;

  /** @param dma Memory that holds at least `offset` + {@linkcode ringsLength} bytes. */
  constructor(dma: DmaRegion, { offset, size, eventIndex }: RingsLayout) {
    assert(size >= 1 && (size & (size - 1)) === 0, "a queue's size is a power of two");
    const end = offset + ringsLength(size);
    assert(end <= dma.bytes.length, "a queue lies in its region");
    assert(offset % RINGS_ALIGN === 0 && dma.bytes.byteOffset === 0, "a queue is aligned");
    this.size = size;
    this.#mask = size - 1;
    this.#eventIndex = eventIndex;
    this.#available = offset + availableOffset(size);
    this.#used = offset + usedOffset(size);
    this.#view = new DataView(dma.bytes.buffer);
    this.#halves = new Uint16Array(dma.bytes.buffer);
    this.place = {
      size,
      descriptors: dma.base + offset,
      available: dma.base + this.#available,
      used: dma.base + this.#used,
    };
    dma.bytes.fill(0, offset, end);
  }

  /** Heads that the device holds. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Gives a head to the device, once {@linkcode publish} says so. */
  offer(head: number): void {
    const slot = this.#offered & this.#mask;
    const entry = this.#available + RING_ENTRIES + AVAILABLE_ENTRY_SIZE * slot;
    this.#view.setUint16(entry, head, true);
    this.#offered = (this.#offered + 1) & 0xffff;
    this.#inFlight++;
  }

  /** Makes all offered heads visible at once. @returns whether the device wants a kick. */
  publish(): boolean {
    const before = this.#published;
    const after = this.#offered;
    if (before === after) return false;
    atomicStore(this.#halves, (this.#available + RING_INDEX) >>> 1, after);
    this.#published = after;
    if (this.#eventIndex) {
      const event = (this.#used + availEventOffset(this.size)) >>> 1;
      return eventPassed(atomicLoad(this.#halves, event), { before, after });
    }
    return (atomicLoad(this.#halves, this.#used >>> 1) & USED_NO_NOTIFY) === 0;
  }

  /** Whether the device has used a head. @throws {DriverError} `used_index_jump`. */
  ready(): boolean {
    const index = atomicLoad(this.#halves, (this.#used + RING_INDEX) >>> 1);
    const used = (index - this.#taken) & 0xffff;
    if (used > this.#inFlight) {
      throw new DriverError("used_index_jump", this.#used + RING_INDEX);
    }
    return used > 0;
  }

  /** Offset in the region of the used element that comes next: id u32, length u32. */
  get usedEntry(): number {
    return this.#used + RING_ENTRIES + USED_ENTRY_SIZE * (this.#taken & this.#mask);
  }

  /** Goes on to the next used element. The one before was found true. */
  pass(): void {
    this.#inFlight--;
    this.#taken = (this.#taken + 1) & 0xffff;
  }

  /** Asks for an interrupt at the next used head. @returns whether one is there already. */
  wantInterrupt(): boolean {
    if (this.#eventIndex) this.#setUsedEvent(this.#taken);
    else atomicStore(this.#halves, this.#available >>> 1, 0);
    return this.ready();
  }

  /** Asks for no interrupt. */
  muteInterrupt(): void {
    // The index just passed: it is 65535 used heads away from being passed again.
    if (this.#eventIndex) this.#setUsedEvent((this.#taken - 1) & 0xffff);
    else atomicStore(this.#halves, this.#available >>> 1, AVAILABLE_NO_INTERRUPT);
  }

  #setUsedEvent(index: number): void {
    const at = (this.#available + usedEventOffset(this.size)) >>> 1;
    atomicStore(this.#halves, at, index);
  }
}
