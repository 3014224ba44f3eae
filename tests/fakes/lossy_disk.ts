/** What becomes of a write that no flush had made safe when the power went. */
export type Fate = "kept" | "lost" | "torn";

type Status = "ok" | "io_error" | "no_space";

const BLOCK_SIZE = 512;

/** One block of a write: each has its own fate. */
interface UnsyncedWrite {
  readonly block: number;
  readonly bytes: Uint8Array;
}

/**
 * What goes wrong with a disk. Operations are counted from 0, reads left out: each block of a write
 * is one, and each flush.
 */
export interface DiskFaults {
  /** From this operation on, nothing answers: the power is gone. */
  readonly cutAt?: number;
  /** This one operation is refused, and with it the write that it is a part of. */
  readonly failAt?: number;
  /** Whether the blocks behind a refused one of the same write are written all the same. */
  readonly writesOn?: boolean;
  /** This one read is refused. */
  readonly failReadAt?: number;
  /** Blocks from here on take no writes: the host has no room for them. */
  readonly fullFrom?: number;
  /** Flushes say `ok` and do nothing. */
  readonly liesAboutFlush?: boolean;
  /** Changes what a read gives, once it is known which block. */
  readonly onRead?: (block: number, bytes: Uint8Array) => void;
}

/** A disk of 512-byte blocks that may lose whatever was not flushed. */
export class LossyDisk {
  readonly blockSize = BLOCK_SIZE;
  readonly blockCount: number;
  readonly #safe: Uint8Array;
  readonly #seen: Uint8Array;
  readonly #faults: DiskFaults;
  #unsynced: UnsyncedWrite[] = [];
  #operations = 0;
  #reads = 0;
  flushes = 0;

  /** @param image Whole blocks; copied. */
  constructor(image: Uint8Array, faults: DiskFaults = {}) {
    this.blockCount = image.length / BLOCK_SIZE;
    this.#safe = image.slice();
    this.#seen = image.slice();
    this.#faults = faults;
  }

  /** Writes and flushes so far. */
  get operations(): number {
    return this.#operations;
  }

  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  /** What a read sees now. */
  get image(): Uint8Array {
    return this.#seen.slice();
  }

  async read(block: number, into: Uint8Array): Promise<Status> {
    await Promise.resolve();
    this.#checkRange(block, into.length);
    if (this.#reads++ === this.#faults.failReadAt) return "io_error";
    into.set(this.#seen.subarray(block * BLOCK_SIZE, block * BLOCK_SIZE + into.length));
    for (let at = 0; at < into.length; at += BLOCK_SIZE) {
      this.#faults.onRead?.(block + at / BLOCK_SIZE, into.subarray(at, at + BLOCK_SIZE));
    }
    return "ok";
  }

  async write(block: number, bytes: Uint8Array): Promise<Status> {
    await Promise.resolve();
    this.#checkRange(block, bytes.length);
    let status: Status = "ok";
    for (let at = 0; at < bytes.length; at += BLOCK_SIZE) {
      const one = this.#writeBlock(block + at / BLOCK_SIZE, bytes.slice(at, at + BLOCK_SIZE));
      if (one !== "ok") status = one;
      if (one === "io_error" && !this.#faults.writesOn) break;
    }
    return status;
  }

  async flush(): Promise<Status> {
    await Promise.resolve();
    const status = this.#status();
    if (status !== "ok") return status;
    this.flushes++;
    if (this.#faults.liesAboutFlush) return "ok";
    for (const { block, bytes } of this.#unsynced) this.#safe.set(bytes, block * BLOCK_SIZE);
    this.#unsynced = [];
    return "ok";
  }

  /**
   * What the disk holds after the power went.
   *
   * @param fate Of each unsynced block, oldest first; a write to a block that a later one also wrote
   *   may well be the one that stays. `torn`: the first `tornAt` bytes of the sector are new.
   */
  afterCut(fate: (index: number) => Fate, tornAt = 256): Uint8Array {
    const image = this.#safe.slice();
    this.#unsynced.forEach(({ block, bytes }, index) => {
      const fated = fate(index);
      if (fated === "kept") image.set(bytes, block * BLOCK_SIZE);
      if (fated === "torn") image.set(bytes.subarray(0, tornAt), block * BLOCK_SIZE);
    });
    return image;
  }

  #writeBlock(block: number, bytes: Uint8Array): Status {
    const status = this.#status();
    if (status !== "ok") return status;
    if (block >= (this.#faults.fullFrom ?? Infinity)) return "no_space";
    this.#unsynced.push({ block, bytes });
    this.#seen.set(bytes, block * BLOCK_SIZE);
    return "ok";
  }

  #checkRange(block: number, length: number): void {
    const whole = Number.isInteger(block) && length > 0 && length % BLOCK_SIZE === 0;
    if (whole && block >= 0 && block + length / BLOCK_SIZE <= this.blockCount) return;
    throw new RangeError(`block ${block} of ${length} bytes`);
  }

  #status(): Status {
    const operation = this.#operations++;
    if (operation >= (this.#faults.cutAt ?? Infinity)) return "io_error";
    return operation === this.#faults.failAt ? "io_error" : "ok";
  }
}
