/**
 * The driver's side of a split virtqueue in which every request is one buffer with one descriptor:
 * buffer i is descriptor i, for the queue's whole life. The device is not trusted: what it returns
 * must be in flight, and no longer than the buffer it was given.
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
  DESCRIPTOR_SIZE,
  DESCRIPTOR_TABLE_ALIGN,
  DESCRIPTOR_WRITE,
  descriptorTableLength,
  eventPassed,
  RING_ENTRIES,
  RING_INDEX,
  USED_ENTRY_SIZE,
  USED_NO_NOTIFY,
  usedEventOffset,
  usedLength,
} from "../virtio/ring.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import type { QueuePlace } from "./transport.ts";

/** Alignment of every buffer: a cache line. */
export const BUFFER_ALIGN = 64;

const WORD = 2 ** 32;

/** A queue's shape and where it lies in its region. */
export interface DriverQueueLayout {
  /** Offset of the queue's memory in the region, a multiple of {@linkcode BUFFER_ALIGN}. */
  readonly offset: number;
  /** Number of buffers: a power of two. */
  readonly size: number;
  /** Bytes of each buffer. */
  readonly bufferLength: number;
  /** Bytes by which each buffer starts behind a multiple of {@linkcode BUFFER_ALIGN}. */
  readonly bufferShift: number;
  /** Whether the device writes the buffers. */
  readonly writable: boolean;
  /** Negotiated EVENT_IDX. */
  readonly eventIndex: boolean;
}

/** Bytes from one buffer's start to the next one's. */
export function bufferStride(bufferSpace: number): number {
  return alignUp(bufferSpace, BUFFER_ALIGN);
}

/**
 * Bytes that a queue with its buffers takes, a multiple of {@linkcode BUFFER_ALIGN}.
 *
 * @param bufferSpace Bytes of each buffer and of the shift before it.
 */
export function queueFootprint(size: number, bufferSpace: number): number {
  return ringsLength(size) + size * bufferStride(bufferSpace);
}

function ringsLength(size: number): number {
  const available = alignUp(descriptorTableLength(size), DESCRIPTOR_TABLE_ALIGN);
  const used = alignUp(available + availableLength(size), BUFFER_ALIGN);
  return alignUp(used + usedLength(size), BUFFER_ALIGN);
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/** The queue itself: rings, then buffers. */
export class DriverQueue {
  readonly size: number;
  /** Guest-physical addresses for the device. */
  readonly place: QueuePlace;
  readonly #view: DataView;
  readonly #halves: Uint16Array;
  readonly #mask: number;
  readonly #eventIndex: boolean;
  readonly #flags: number;
  readonly #descriptors: number;
  readonly #available: number;
  readonly #used: number;
  readonly #buffers: number;
  readonly #stride: number;
  readonly #inFlight: Uint8Array;
  readonly #lengths: Uint32Array;
  #inFlightCount = 0;
  #offered = 0;
  #published = 0;
  #taken = 0;
  #takenLength = 0;

  /**
   * @param dma Memory that holds at least `offset` + {@linkcode queueFootprint} bytes.
   */
  constructor(dma: DmaRegion, layout: DriverQueueLayout) {
    const { offset, size, bufferShift } = layout;
    const bufferSpace = layout.bufferLength + bufferShift;
    assert(size >= 1 && (size & (size - 1)) === 0, "a queue's size is a power of two");
    const end = offset + queueFootprint(size, bufferSpace);
    assert(end <= dma.bytes.length, "a queue lies in its region");
    assert(offset % BUFFER_ALIGN === 0 && dma.bytes.byteOffset === 0, "a queue is aligned");
    this.size = size;
    this.#mask = size - 1;
    this.#eventIndex = layout.eventIndex;
    this.#flags = layout.writable ? DESCRIPTOR_WRITE : 0;
    this.#descriptors = offset;
    this.#available = offset + alignUp(descriptorTableLength(size), DESCRIPTOR_TABLE_ALIGN);
    this.#used = alignUp(this.#available + availableLength(size), BUFFER_ALIGN);
    this.#buffers = offset + ringsLength(size) + bufferShift;
    this.#stride = bufferStride(bufferSpace);
    this.#view = new DataView(dma.bytes.buffer);
    this.#halves = new Uint16Array(dma.bytes.buffer);
    this.#inFlight = new Uint8Array(size);
    this.#lengths = new Uint32Array(size);
    this.place = {
      size,
      descriptors: dma.base + this.#descriptors,
      available: dma.base + this.#available,
      used: dma.base + this.#used,
    };
    dma.bytes.fill(0, offset, this.#buffers);
    this.#writeAddresses(dma.base);
  }

  /** Offset of a buffer in the region. */
  bufferOffset(id: number): number {
    return this.#buffers + id * this.#stride;
  }

  /** Buffers that the device holds. */
  get inFlight(): number {
    return this.#inFlightCount;
  }

  /** Gives `length` bytes of a buffer to the device, once {@linkcode publish} says so. */
  offer(id: number, length: number): void {
    assert(this.#inFlight[id] === 0, "a buffer is offered once");
    this.#inFlight[id] = 1;
    this.#inFlightCount++;
    this.#lengths[id] = length;
    const descriptor = this.#descriptors + DESCRIPTOR_SIZE * id;
    this.#view.setUint32(descriptor + 8, length, true);
    this.#view.setUint32(descriptor + 12, this.#flags, true);
    const slot = this.#offered & this.#mask;
    const entry = this.#available + RING_ENTRIES + AVAILABLE_ENTRY_SIZE * slot;
    this.#view.setUint16(entry, id, true);
    this.#offered = (this.#offered + 1) & 0xffff;
  }

  /** Makes all offered buffers visible at once. @returns whether the device wants a kick. */
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

  /**
   * Takes back the next buffer that the device has used.
   *
   * @returns its id, or -1 when there is none; {@linkcode takenLength} says what was written.
   * @throws {DriverError} `used_index_jump`, `used_id_not_in_flight`, `used_length_out_of_range`.
   */
  take(): number {
    if (!this.ready()) return -1;
    const slot = this.#taken & this.#mask;
    const entry = this.#used + RING_ENTRIES + USED_ENTRY_SIZE * slot;
    const id = this.#view.getUint32(entry, true);
    const length = this.#view.getUint32(entry + 4, true);
    if (this.#inFlight[id] !== 1) this.#fail("used_id_not_in_flight", entry);
    const writable = this.#flags === DESCRIPTOR_WRITE ? this.#lengths[id] ?? 0 : 0;
    if (length > writable) this.#fail("used_length_out_of_range", entry + 4);
    this.#inFlight[id] = 0;
    this.#inFlightCount--;
    this.#taken = (this.#taken + 1) & 0xffff;
    this.#takenLength = length;
    return id;
  }

  /** Bytes that the device has written into the buffer taken last. */
  get takenLength(): number {
    return this.#takenLength;
  }

  /** Whether the device has used a buffer. @throws {DriverError} `used_index_jump`. */
  ready(): boolean {
    const index = atomicLoad(this.#halves, (this.#used + RING_INDEX) >>> 1);
    const used = (index - this.#taken) & 0xffff;
    if (used > this.#inFlightCount) this.#fail("used_index_jump", this.#used + RING_INDEX);
    return used > 0;
  }

  /** Asks for an interrupt at the next used buffer. @returns whether one is there already. */
  wantInterrupt(): boolean {
    if (this.#eventIndex) this.#setUsedEvent(this.#taken);
    else atomicStore(this.#halves, this.#available >>> 1, 0);
    return this.ready();
  }

  /** Asks for no interrupt. */
  muteInterrupt(): void {
    // The index just passed: it is 65535 used buffers away from being passed again.
    if (this.#eventIndex) this.#setUsedEvent((this.#taken - 1) & 0xffff);
    else atomicStore(this.#halves, this.#available >>> 1, AVAILABLE_NO_INTERRUPT);
  }

  #setUsedEvent(index: number): void {
    const at = (this.#available + usedEventOffset(this.size)) >>> 1;
    atomicStore(this.#halves, at, index);
  }

  #writeAddresses(base: number): void {
    for (let id = 0; id < this.size; id++) {
      const address = base + this.bufferOffset(id);
      const descriptor = this.#descriptors + DESCRIPTOR_SIZE * id;
      this.#view.setUint32(descriptor, address % WORD, true);
      this.#view.setUint32(descriptor + 4, Math.floor(address / WORD), true);
    }
  }

  #fail(code: DriverErrorCode, offset: number): never {
    throw new DriverError(code, offset);
  }
}
