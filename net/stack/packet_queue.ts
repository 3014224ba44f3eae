import { assert } from "@runtime/core/assert.ts";

/** Where a packet of the queue lies, and where it goes. */
interface QueuedPacket {
  start: number;
  length: number;
  nextHop: number;
}

/**
 * IP packets that wait to be sent, first in, first out, in one buffer that is made once.
 *
 * A packet lies in one piece: when it does not fit before the buffer's end, it starts at the front.
 */
export class PacketQueue {
  readonly #sizeMax: number;
  readonly #countMax: number;
  #bytes: Uint8Array | undefined;
  readonly #packets: QueuedPacket[] = [];
  #first = 0;
  #count = 0;
  /** Where the next packet would start. */
  #end = 0;

  constructor(limits: { readonly sizeMax: number; readonly countMax: number }) {
    this.#sizeMax = limits.sizeMax;
    this.#countMax = limits.countMax;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Makes room for a packet of `length` bytes at the queue's end.
   *
   * @returns where to write it, as a view valid until the next call; `undefined` when the queue is
   *   full.
   */
  push(length: number, nextHop: number): Uint8Array | undefined {
    const start = this.#count < this.#countMax ? this.#place(length) : undefined;
    if (start === undefined) return undefined;
    const slot = (this.#first + this.#count) % this.#countMax;
    const packet = this.#packets[slot];
    if (packet === undefined) this.#packets[slot] = { start, length, nextHop };
    else Object.assign(packet, { start, length, nextHop });
    this.#count++;
    this.#end = start + length;
    this.#bytes ??= new Uint8Array(this.#sizeMax);
    return this.#bytes.subarray(start, start + length);
  }

  /** The oldest packet and its next hop, valid until the next call; `undefined` when empty. */
  front(): { readonly bytes: Uint8Array; readonly nextHop: number } | undefined {
    const packet = this.#count === 0 ? undefined : this.#packets[this.#first];
    if (packet === undefined || this.#bytes === undefined) return undefined;
    const { start, length, nextHop } = packet;
    return { bytes: this.#bytes.subarray(start, start + length), nextHop };
  }

  /** Drops the oldest packet. */
  shift(): void {
    assert(this.#count > 0, "only a packet that is there is dropped");
    this.#first = (this.#first + 1) % this.#countMax;
    this.#count--;
  }

  #place(length: number): number | undefined {
    const oldest = this.#count === 0 ? undefined : this.#packets[this.#first];
    if (oldest === undefined) return length <= this.#sizeMax ? 0 : undefined;
    if (oldest.start < this.#end) {
      if (this.#end + length <= this.#sizeMax) return this.#end;
      return length <= oldest.start ? 0 : undefined;
    }
    return this.#end + length <= oldest.start ? this.#end : undefined;
  }
}
