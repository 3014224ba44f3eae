/**
 * The device's side of a split virtqueue. The driver is hostile: every field that it wrote is read
 * once, checked and only then used; what breaks a rule is a {@linkcode QueueError}, raised before
 * anything is written.
 *
 * Source: VIRTIO 1.2, "Split Virtqueues".
 *
 * @module
 */

import {
  AVAILABLE_ALIGN,
  AVAILABLE_ENTRY_SIZE,
  AVAILABLE_NO_INTERRUPT,
  availableLength,
  availEventOffset,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_SIZE,
  DESCRIPTOR_TABLE_ALIGN,
  DESCRIPTOR_WRITE,
  descriptorTableLength,
  eventPassed,
  queueSizeValid,
  RING_ENTRIES,
  RING_INDEX,
  USED_ALIGN,
  USED_ENTRY_SIZE,
  USED_NO_NOTIFY,
  usedEventOffset,
  usedLength,
} from "../virtio/ring.ts";
import type { GuestMemory, RamRegion } from "../bus/memory.ts";
import { Chain, QueueError } from "./chain.ts";

/** Most descriptors of an indirect table that a chain may use; a longer chain is refused. */
export const INDIRECT_COUNT_MAX = 1024;

/** A 64-bit guest-physical address in the two words in which a driver writes it. */
export interface GuestAddress {
  readonly low: number;
  readonly high: number;
}

/** What the registers of a queue say when its driver declares it ready. */
export interface QueueConfig {
  readonly memory: GuestMemory;
  readonly size: number;
  readonly sizeMax: number;
  readonly descriptors: GuestAddress;
  readonly available: GuestAddress;
  readonly used: GuestAddress;
  /** Negotiated EVENT_IDX. */
  readonly eventIndex: boolean;
  /** Negotiated INDIRECT_DESC. */
  readonly indirect: boolean;
}

/** One of the three areas: the region it lies in and its offset there. */
interface Area {
  readonly region: RamRegion;
  readonly offset: number;
}

interface Table {
  readonly region: RamRegion;
  readonly offset: number;
  readonly count: number;
}

/** A live queue: its place in memory was checked and can no longer change. */
export class SplitQueue {
  readonly size: number;
  readonly #memory: GuestMemory;
  readonly #mask: number;
  readonly #eventIndex: boolean;
  readonly #indirect: boolean;
  readonly #table: Table;
  readonly #available: Area;
  readonly #used: Area;
  readonly #availableIndex: number;
  readonly #usedIndex: number;
  readonly #usedEvent: number;
  readonly #chain = new Chain();
  #next = 0;
  #staged = 0;
  #published = 0;
  #stopped = false;

  /**
   * @throws {QueueError} `bad_size`; `misaligned` and `outside_memory` when one of the three areas is
   *   not where it may be.
   */
  constructor(config: QueueConfig) {
    const { memory, size } = config;
    if (!queueSizeValid(size, config.sizeMax)) throw new QueueError("bad_size", size);
    const place = (at: GuestAddress, shape: { length: number; align: number }): Area => {
      if (at.low % shape.align !== 0) throw new QueueError("misaligned", at.low);
      const region = memory.find(at.low, at.high, shape.length);
      if (region === undefined) throw new QueueError("outside_memory", at.low);
      return { region, offset: region.offsetOf(at.low, at.high) };
    };
    const descriptors = { length: descriptorTableLength(size), align: DESCRIPTOR_TABLE_ALIGN };
    this.#table = { ...place(config.descriptors, descriptors), count: size };
    this.#available = place(config.available, {
      length: availableLength(size),
      align: AVAILABLE_ALIGN,
    });
    this.#used = place(config.used, { length: usedLength(size), align: USED_ALIGN });
    this.size = size;
    this.#memory = memory;
    this.#mask = size - 1;
    this.#eventIndex = config.eventIndex;
    this.#indirect = config.indirect;
    this.#availableIndex = (this.#available.offset + RING_INDEX) >>> 1;
    this.#usedIndex = (this.#used.offset + RING_INDEX) >>> 1;
    this.#usedEvent = (this.#available.offset + usedEventOffset(size)) >>> 1;
  }

  /** Ends the queue: whatever still holds it writes nothing into guest memory any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether it was stopped, by its driver, a reset or an error. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Takes the next chain of buffers that the driver has offered.
   *
   * @returns the queue's one {@linkcode Chain}, valid until the next call; `undefined` when nothing
   *   is offered or the queue was stopped.
   * @throws {QueueError} any code but `bad_size`, `misaligned` and `too_short`.
   */
  pop(): Chain | undefined {
    if (this.#stopped) return undefined;
    const offered = this.#offered();
    if (offered === 0) return undefined;
    const { region, offset } = this.#available;
    const entry = RING_ENTRIES + AVAILABLE_ENTRY_SIZE * (this.#next & this.#mask);
    const head = region.view.getUint16(offset + entry, true);
    if (head >= this.size) throw new QueueError("head_out_of_range", head);
    this.#walk(head);
    this.#next = (this.#next + 1) & 0xffff;
    return this.#chain;
  }

  /** Puts the chain that was just taken back: the next {@linkcode pop} takes it again. */
  unpop(): void {
    this.#next = (this.#next - 1) & 0xffff;
  }

  /**
   * Stages a used element; {@linkcode publish} makes all staged ones visible at once.
   *
   * @param written Bytes that the device has written, from the chain's first writable byte on.
   */
  complete(head: number, written: number): void {
    if (this.#stopped) return;
    const { region, offset } = this.#used;
    const at = offset + RING_ENTRIES + USED_ENTRY_SIZE * (this.#staged & this.#mask);
    region.view.setUint32(at, head, true);
    region.view.setUint32(at + 4, written, true);
    this.#staged = (this.#staged + 1) & 0xffff;
  }

  /** Publishes what is staged. @returns whether the driver wants an interrupt for it. */
  publish(): boolean {
    if (this.#stopped || this.#staged === this.#published) return false;
    const before = this.#published;
    const after = this.#staged;
    Atomics.store(this.#used.region.halves, this.#usedIndex, after);
    this.#published = after;
    const { halves } = this.#available.region;
    if (this.#eventIndex) {
      return eventPassed(Atomics.load(halves, this.#usedEvent), { before, after });
    }
    const flags = Atomics.load(halves, this.#availableIndex - 1);
    return (flags & AVAILABLE_NO_INTERRUPT) === 0;
  }

  /**
   * Asks for a kick when a buffer comes.
   *
   * @returns whether one has come already, for which no kick may follow.
   */
  wantKick(): boolean {
    if (this.#stopped) return false;
    const { region, offset } = this.#used;
    if (this.#eventIndex) {
      Atomics.store(region.halves, (offset + availEventOffset(this.size)) >>> 1, this.#next);
    } else {
      Atomics.store(region.halves, this.#usedIndex - 1, 0);
    }
    return this.#offered() > 0;
  }

  /** Says that kicks are not needed now. With EVENT_IDX the stale event says so already. */
  muteKick(): void {
    if (this.#stopped || this.#eventIndex) return;
    Atomics.store(this.#used.region.halves, this.#usedIndex - 1, USED_NO_NOTIFY);
  }

  /** Chains that wait. @throws {QueueError} `index_jump`. */
  #offered(): number {
    const index = Atomics.load(this.#available.region.halves, this.#availableIndex);
    const offered = (index - this.#next) & 0xffff;
    if (offered > this.size) throw new QueueError("index_jump", index);
    return offered;
  }

  // Counting the steps, not marking the visited, is what ends a loop: no memory, no trust.
  #walk(head: number): void {
    const chain = this.#chain;
    chain.begin(head);
    let table = this.#table;
    let index = head;
    for (let steps = 1;; steps++) {
      if (steps > table.count) throw new QueueError("chain_too_long", head);
      const at = table.offset + DESCRIPTOR_SIZE * index;
      const { view } = table.region;
      const low = view.getUint32(at, true);
      const high = view.getUint32(at + 4, true);
      const length = view.getUint32(at + 8, true);
      const tail = view.getUint32(at + 12, true);
      if ((tail & DESCRIPTOR_INDIRECT) !== 0) {
        if (table !== this.#table) throw new QueueError("indirect_nested", index);
        if ((tail & DESCRIPTOR_NEXT) !== 0) throw new QueueError("indirect_with_next", index);
        table = this.#indirectTable({ low, high }, length);
        index = 0;
        steps = 0;
        continue;
      }
      chain.admit(length, (tail & DESCRIPTOR_WRITE) !== 0);
      if (length > 0) this.#place(low, high, length);
      if ((tail & DESCRIPTOR_NEXT) === 0) return;
      index = tail >>> 16;
      if (index >= table.count) throw new QueueError("next_out_of_range", index);
    }
  }

  #place(low: number, high: number, length: number): void {
    const region = this.#memory.find(low, high, length);
    if (region === undefined) throw new QueueError("outside_memory", low);
    this.#chain.add(region, region.offsetOf(low, high), length);
  }

  #indirectTable(at: GuestAddress, length: number): Table {
    if (!this.#indirect) throw new QueueError("indirect_not_negotiated", length);
    if (length === 0 || length % DESCRIPTOR_SIZE !== 0) {
      throw new QueueError("indirect_bad_length", length);
    }
    const region = this.#memory.find(at.low, at.high, length);
    if (region === undefined) throw new QueueError("outside_memory", at.low);
    const count = Math.min(length / DESCRIPTOR_SIZE, INDIRECT_COUNT_MAX);
    return { region, offset: region.offsetOf(at.low, at.high), count };
  }
}
