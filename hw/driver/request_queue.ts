/**
 * The driver's side of a split virtqueue of block requests. A slot holds one request: header, data,
 * status, in memory and descriptors of its own for the queue's whole life. The device is not trusted:
 * what it returns must be in flight, and no longer than what it was given to write.
 *
 * Source: VIRTIO 1.2, "Split Virtqueues" and "Block Device", "Device Operation".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import type { DmaRegion } from "@runtime/core/ports.ts";
import {
  BLK_HEADER_SECTOR,
  BLK_HEADER_SIZE,
  BLK_HEADER_TYPE,
  BLK_STATUS_SIZE,
  writeSector,
} from "../virtio/block.ts";
import { DESCRIPTOR_NEXT, DESCRIPTOR_SIZE, DESCRIPTOR_WRITE } from "../virtio/ring.ts";
import { DriverError } from "./error.ts";
import { alignUp, DriverRings, RINGS_ALIGN, ringsLength } from "./rings.ts";
import type { QueuePlace } from "./transport.ts";

/** Descriptors of a request besides those of its data: header and status. */
export const DESCRIPTORS_BESIDES = 2;

/** What the status byte holds until the device writes it: no status at all. */
const STATUS_NONE = 0xff;

const WORD = 2 ** 32;

/** A queue's shape, from the start of its region on. */
export interface RequestQueueLayout {
  /** Number of descriptors: a power of two. */
  readonly size: number;
  /** Requests at once. */
  readonly slotCount: number;
  /** Most bytes of data in a request. */
  readonly dataLength: number;
  /** Most bytes of data in one descriptor. */
  readonly segmentLength: number;
  /** Negotiated EVENT_IDX. */
  readonly eventIndex: boolean;
}

/** A request's fixed parts. */
export interface RequestShape {
  readonly type: number;
  readonly sector: number;
  /** Bytes of data. */
  readonly length: number;
  /** Whether the device writes the data. */
  readonly writable: boolean;
}

/** Descriptors that a request with so much data may take. */
export function descriptorCount(dataLength: number, segmentLength: number): number {
  return Math.ceil(dataLength / segmentLength) + DESCRIPTORS_BESIDES;
}

/** Bytes of one slot: header and status share a cache line, and the data has its own. */
function slotLength(dataLength: number): number {
  return RINGS_ALIGN + alignUp(dataLength, RINGS_ALIGN);
}

/** Bytes of data that each slot can have in `room` bytes; 0 or less when even the rings do not fit. */
export function dataRoom(
  room: number,
  shape: { readonly size: number; readonly slotCount: number },
): number {
  const each = Math.floor((room - ringsLength(shape.size)) / shape.slotCount);
  return Math.floor(each / RINGS_ALIGN) * RINGS_ALIGN - RINGS_ALIGN;
}

/** The queue itself: rings, then slots. */
export class RequestQueue {
  readonly slotCount: number;
  readonly dataLength: number;
  readonly #rings: DriverRings;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  readonly #slots: number;
  readonly #segmentLength: number;
  readonly #descriptors: number;
  /** Bytes that the device may write, by slot; 0 for a slot that it does not hold. */
  readonly #writable: Uint32Array;
  #takenLength = 0;

  /** @param dma Memory that starts with the queue, `dataRoom` large enough. */
  constructor(dma: DmaRegion, layout: RequestQueueLayout) {
    const { size, slotCount, dataLength, segmentLength } = layout;
    this.#descriptors = descriptorCount(dataLength, segmentLength);
    assert(slotCount * this.#descriptors <= size, "a queue has descriptors for its slots");
    this.#rings = new DriverRings(dma, { offset: 0, size, eventIndex: layout.eventIndex });
    this.#slots = ringsLength(size);
    const end = this.#slots + slotCount * slotLength(dataLength);
    assert(end <= dma.bytes.length, "a queue lies in its region");
    this.slotCount = slotCount;
    this.dataLength = dataLength;
    this.#segmentLength = segmentLength;
    this.#bytes = dma.bytes;
    this.#view = new DataView(dma.bytes.buffer);
    this.#base = dma.base;
    this.#writable = new Uint32Array(slotCount);
  }

  /** Guest-physical addresses for the device. */
  get place(): QueuePlace {
    return this.#rings.place;
  }

  /** Requests that the device holds. */
  get inFlight(): number {
    return this.#rings.inFlight;
  }

  /** The first bytes of a slot's data. */
  data(slot: number, length: number): Uint8Array {
    const start = this.#slotOffset(slot) + RINGS_ALIGN;
    return this.#bytes.subarray(start, start + length);
  }

  /** Gives a request, whose readable data is in place, to the device once published. */
  offer(slot: number, shape: RequestShape): void {
    assert(this.#writable[slot] === 0, "a slot is offered once");
    assert(shape.length <= this.dataLength, "a request's data fits its slot");
    this.#writable[slot] = (shape.writable ? shape.length : 0) + BLK_STATUS_SIZE;
    const header = this.#slotOffset(slot);
    const head = slot * this.#descriptors;
    this.#view.setUint32(header + BLK_HEADER_TYPE, shape.type, true);
    this.#view.setUint32(header + BLK_HEADER_TYPE + 4, 0, true);
    writeSector(this.#view, header + BLK_HEADER_SECTOR, shape.sector);
    this.#view.setUint8(header + BLK_HEADER_SIZE, STATUS_NONE);
    const flags = shape.writable ? DESCRIPTOR_WRITE : 0;
    let index = head;
    this.#describe(index++, { at: header, length: BLK_HEADER_SIZE, flags: DESCRIPTOR_NEXT });
    for (let done = 0; done < shape.length; done += this.#segmentLength) {
      const length = Math.min(this.#segmentLength, shape.length - done);
      const at = header + RINGS_ALIGN + done;
      this.#describe(index++, { at, length, flags: flags | DESCRIPTOR_NEXT });
    }
    const at = header + BLK_HEADER_SIZE;
    this.#describe(index, { at, length: BLK_STATUS_SIZE, flags: DESCRIPTOR_WRITE });
    this.#rings.offer(head);
  }

  /** Makes all offered requests visible at once. @returns whether the device wants a kick. */
  publish(): boolean {
    return this.#rings.publish();
  }

  /**
   * Takes back the next request that the device has ended.
   *
   * @returns its slot, or -1 when there is none; {@linkcode end} then says how it went.
   * @throws {DriverError} `used_index_jump`, `used_id_not_in_flight`, `used_length_out_of_range`.
   */
  take(): number {
    if (!this.#rings.ready()) return -1;
    const entry = this.#rings.usedEntry;
    const slot = this.#view.getUint32(entry, true) / this.#descriptors;
    const length = this.#view.getUint32(entry + 4, true);
    // A head between two slots is a fraction, and no slot has that index.
    const writable = this.#writable[slot] ?? 0;
    if (writable === 0) throw new DriverError("used_id_not_in_flight", entry);
    if (length > writable) throw new DriverError("used_length_out_of_range", entry + 4);
    this.#takenLength = length;
    this.#rings.pass();
    return slot;
  }

  /**
   * Ends the request taken last. A success must have written every byte that it could.
   *
   * @returns the status byte, whatever it is.
   * @throws {DriverError} `used_length_out_of_range`.
   */
  end(slot: number, success: number): number {
    const at = this.#slotOffset(slot) + BLK_HEADER_SIZE;
    const status = this.#view.getUint8(at);
    const whole = this.#takenLength === this.#writable[slot];
    this.#writable[slot] = 0;
    if (status === success && !whole) throw new DriverError("used_length_out_of_range", at);
    return status;
  }

  /** Asks for an interrupt at the next ended request. @returns whether one is there already. */
  wantInterrupt(): boolean {
    return this.#rings.wantInterrupt();
  }

  #slotOffset(slot: number): number {
    return this.#slots + slot * slotLength(this.dataLength);
  }

  #describe(
    index: number,
    part: { readonly at: number; readonly length: number; readonly flags: number },
  ): void {
    const at = DESCRIPTOR_SIZE * index;
    const address = this.#base + part.at;
    this.#view.setUint32(at, address % WORD, true);
    this.#view.setUint32(at + 4, Math.floor(address / WORD), true);
    this.#view.setUint32(at + 8, part.length, true);
    this.#view.setUint16(at + 12, part.flags, true);
    this.#view.setUint16(at + 14, (part.flags & DESCRIPTOR_NEXT) === 0 ? 0 : index + 1, true);
  }
}
