import type { RamRegion } from "../bus/memory.ts";

/** What can be wrong with a virtqueue, one name per distinct cause. */
export type QueueErrorCode =
  | "bad_size"
  | "chain_too_long"
  | "head_out_of_range"
  | "index_jump"
  | "indirect_bad_length"
  | "indirect_nested"
  | "indirect_not_negotiated"
  | "indirect_with_next"
  | "length_overflow"
  | "misaligned"
  | "next_out_of_range"
  | "outside_memory"
  | "readable_after_writable"
  | "too_short";

/**
 * A virtqueue whose driver broke the rules. The device that meets one needs a reset; nothing was
 * written for the request in question.
 */
export class QueueError extends Error {
  override readonly name = "QueueError";
  readonly code: QueueErrorCode;
  /** The value at fault: a descriptor index, a ring index or a length, as the code says. */
  readonly offset: number;

  constructor(code: QueueErrorCode, offset: number) {
    super(`Broken virtqueue: ${code} at ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/** Longest chain in bytes: "Drivers MUST NOT add a descriptor chain longer than 2^32 bytes". */
const CHAIN_LENGTH_MAX = 0xffffffff;

/**
 * One request: buffers in chain order, each checked and copied out of guest memory once, so that
 * nothing a driver changes afterwards is looked at again. Readable parts come first. Empty buffers
 * are left out. A queue reuses one object: it is valid until the next chain is taken.
 */
export class Chain {
  /** Descriptor index that names the request in the used ring. */
  head = 0;
  /** Parts that the device may read or write. */
  count = 0;
  /** How many of them are readable: parts 0..`readableCount`-1. */
  readableCount = 0;
  /** Bytes of all readable parts. */
  readableLength = 0;
  /** Bytes of all writable parts. */
  writableLength = 0;
  #writableSeen = false;
  readonly #regions: (RamRegion | undefined)[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];

  begin(head: number): void {
    this.head = head;
    this.count = 0;
    this.readableCount = 0;
    this.readableLength = 0;
    this.writableLength = 0;
    this.#writableSeen = false;
  }

  /**
   * Counts the next buffer's length before its place is looked at.
   *
   * @throws {QueueError} `readable_after_writable`, `length_overflow`.
   */
  admit(length: number, writable: boolean): void {
    if (writable) {
      this.#writableSeen = true;
      this.writableLength += length;
    } else {
      if (this.#writableSeen) throw new QueueError("readable_after_writable", this.head);
      this.readableLength += length;
    }
    if (this.readableLength + this.writableLength > CHAIN_LENGTH_MAX) {
      throw new QueueError("length_overflow", this.head);
    }
  }

  /** A copy that stays what it is while the queue takes further chains. */
  copy(): Chain {
    const copy = new Chain();
    copy.begin(this.head);
    copy.count = this.count;
    copy.readableCount = this.readableCount;
    copy.readableLength = this.readableLength;
    copy.writableLength = this.writableLength;
    for (let part = 0; part < this.count; part++) {
      copy.#regions[part] = this.#regions[part];
      copy.#offsets[part] = this.offsetOf(part);
      copy.#lengths[part] = this.lengthOf(part);
    }
    return copy;
  }

  /** Adds a buffer of one byte or more that lies wholly in `region`. */
  add(region: RamRegion, offset: number, length: number): void {
    this.#regions[this.count] = region;
    this.#offsets[this.count] = offset;
    this.#lengths[this.count] = length;
    this.count++;
    if (!this.#writableSeen) this.readableCount++;
  }

  lengthOf(part: number): number {
    return this.#lengths[part] ?? 0;
  }

  offsetOf(part: number): number {
    return this.#offsets[part] ?? 0;
  }

  regionOf(part: number): RamRegion | undefined {
    return this.#regions[part];
  }

  /** A part's bytes from `skip` on, as a view of guest memory. */
  view(part: number, skip = 0): Uint8Array {
    const start = this.offsetOf(part);
    const bytes = this.#regions[part]?.bytes ?? EMPTY;
    return bytes.subarray(start + skip, start + this.lengthOf(part));
  }

  /**
   * Copies the readable bytes from `skip` on into `target`.
   *
   * @returns how many were copied: as many as there are, at most `target.length`.
   */
  gather(target: Uint8Array, skip = 0): number {
    let filled = 0;
    let passed = skip;
    for (let part = 0; part < this.readableCount && filled < target.length; part++) {
      const length = this.lengthOf(part);
      if (passed >= length) {
        passed -= length;
        continue;
      }
      const piece = this.view(part, passed);
      const take = Math.min(piece.length, target.length - filled);
      target.set(take === piece.length ? piece : piece.subarray(0, take), filled);
      filled += take;
      passed = 0;
    }
    return filled;
  }

  /**
   * Copies `source` into the writable bytes from `skip` on.
   *
   * @returns how many were copied: as many as fit.
   */
  scatter(source: Uint8Array, skip = 0): number {
    let taken = 0;
    let passed = skip;
    for (let part = this.readableCount; part < this.count && taken < source.length; part++) {
      const length = this.lengthOf(part);
      if (passed >= length) {
        passed -= length;
        continue;
      }
      const take = Math.min(length - passed, source.length - taken);
      const piece = source.subarray(taken, taken + take);
      this.#regions[part]?.bytes.set(piece, this.offsetOf(part) + passed);
      taken += take;
      passed = 0;
    }
    return taken;
  }
}

const EMPTY = new Uint8Array(0);
