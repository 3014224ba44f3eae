/**
 * The driver's side of a split virtqueue in which every request is one buffer with one descriptor:
 * buffer i is descriptor i, for the queue's whole life. The device is not trusted: what it returns
 * must be in flight, and no longer than the buffer it was given.
 *
 * Source: VIRTIO 1.2, "Split Virtqueues".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import type { DmaRegion } from "@runtime/core/ports.ts";
import { DESCRIPTOR_SIZE, DESCRIPTOR_WRITE } from "../virtio/ring.ts";
import { DriverError } from "./error.ts";
import { alignUp, DriverRings, RINGS_ALIGN, ringsLength } from "./rings.ts";
import type { QueuePlace } from "./transport.ts";

/** Alignment of every buffer: a cache line. */
export const BUFFER_ALIGN = RINGS_ALIGN;

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

/** The queue itself: rings, then buffers. */
export class DriverQueue {
  readonly #rings: DriverRings;
  readonly #view: DataView;
  readonly #flags: number;
  readonly #descriptors: number;
  readonly #buffers: number;
  readonly #stride: number;
  readonly #inFlight: Uint8Array;
  readonly #lengths: Uint32Array;
  #takenLength = 0;

  /**
   * @param dma Memory that holds at least `offset` + {@linkcode queueFootprint} bytes.
   */
  constructor(dma: DmaRegion, layout: DriverQueueLayout) {
    const { offset, size, bufferShift } = layout;
    const bufferSpace = layout.bufferLength + bufferShift;
    const end = offset + queueFootprint(size, bufferSpace);
    assert(end <= dma.bytes.length, "a queue lies in its region");
    this.#rings = new DriverRings(dma, layout);
    this.#flags = layout.writable ? DESCRIPTOR_WRITE : 0;
    this.#descriptors = offset;
    this.#buffers = offset + ringsLength(size) + bufferShift;
    this.#stride = bufferStride(bufferSpace);
    this.#view = new DataView(dma.bytes.buffer);
    this.#inFlight = new Uint8Array(size);
    this.#lengths = new Uint32Array(size);
    this.#writeAddresses(dma.base);
  }

  get size(): number {
    return this.#rings.size;
  }

  /** Guest-physical addresses for the device. */
  get place(): QueuePlace {
    return this.#rings.place;
  }

  /** Offset of a buffer in the region. */
  bufferOffset(id: number): number {
    return this.#buffers + id * this.#stride;
  }

  /** Buffers that the device holds. */
  get inFlight(): number {
    return this.#rings.inFlight;
  }

  /** Gives `length` bytes of a buffer to the device, once {@linkcode publish} says so. */
  offer(id: number, length: number): void {
    assert(this.#inFlight[id] === 0, "a buffer is offered once");
    this.#inFlight[id] = 1;
    this.#lengths[id] = length;
    const descriptor = this.#descriptors + DESCRIPTOR_SIZE * id;
    this.#view.setUint32(descriptor + 8, length, true);
    this.#view.setUint32(descriptor + 12, this.#flags, true);
    this.#rings.offer(id);
  }

  /** Makes all offered buffers visible at once. @returns whether the device wants a kick. */
  publish(): boolean {
    return this.#rings.publish();
  }

  /**
   * Takes back the next buffer that the device has used.
   *
   * @returns its id, or -1 when there is none; {@linkcode takenLength} says what was written.
   * @throws {DriverError} `used_index_jump`, `used_id_not_in_flight`, `used_length_out_of_range`.
   */
  take(): number {
    if (!this.#rings.ready()) return -1;
    const entry = this.#rings.usedEntry;
    const id = this.#view.getUint32(entry, true);
    const length = this.#view.getUint32(entry + 4, true);
    if (this.#inFlight[id] !== 1) throw new DriverError("used_id_not_in_flight", entry);
    const writable = this.#flags === DESCRIPTOR_WRITE ? this.#lengths[id] ?? 0 : 0;
    if (length > writable) throw new DriverError("used_length_out_of_range", entry + 4);
    this.#inFlight[id] = 0;
    this.#rings.pass();
    this.#takenLength = length;
    return id;
  }

  /** Bytes that the device has written into the buffer taken last. */
  get takenLength(): number {
    return this.#takenLength;
  }

  /** Whether the device has used a buffer. @throws {DriverError} `used_index_jump`. */
  ready(): boolean {
    return this.#rings.ready();
  }

  /** Asks for an interrupt at the next used buffer. @returns whether one is there already. */
  wantInterrupt(): boolean {
    return this.#rings.wantInterrupt();
  }

  /** Asks for no interrupt. */
  muteInterrupt(): void {
    this.#rings.muteInterrupt();
  }

  #writeAddresses(base: number): void {
    for (let id = 0; id < this.size; id++) {
      const address = base + this.bufferOffset(id);
      const descriptor = this.#descriptors + DESCRIPTOR_SIZE * id;
      this.#view.setUint32(descriptor, address % WORD, true);
      this.#view.setUint32(descriptor + 4, Math.floor(address / WORD), true);
    }
  }
}
