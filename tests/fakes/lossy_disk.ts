/** What becomes of a write that no flush had made safe when the power went. */
export type Fate = "kept" | "lost" | "torn";

type Status = "ok" | "io_error" | "no_space";

const BLOCK_SIZE = 512;

interface UnsyncedWrite {
  readonly block: number;
  readonly bytes: Uint8Array;
}

/** What goes wrong with a disk. Operations are counted from 0, reads left out. */
export interface DiskFaults {
  /** From this operation on, nothing answers: the power is gone. */
  readonly cutAt?: number;
  /** This one operation is refused. */
  readonly failAt?: number;
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
    if (this.#reads++ === this.#faults.failReadAt) return "io_error";
    into.set(this.#seen.subarray(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE));
    this.#faults.onRead?.(block, into);
    return "ok";
  }

  async write(block: number, bytes: Uint8Array): Promise<Status> {
    await Promise.resolve();
    const status = this.#status();
    if (status !== "ok") return status;
    if (bytes.length !== BLOCK_SIZE || block < 0 || block >= this.blockCount) {
      throw new RangeError(`block ${block} of ${bytes.length} bytes`);
    }
    if (block >= (this.#faults.fullFrom ?? Infinity)) return "no_space";
    this.#unsynced.push({ block, bytes: bytes.slice() });
    this.#seen.set(bytes, block * BLOCK_SIZE);
    return "ok";
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
   * @param fate Of each unsynced write, oldest first; a write to a block that a later one also wrote
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

  #status(): Status {
    const operation = this.#operations++;
    if (operation >= (this.#faults.cutAt ?? Infinity)) return "io_error";
    return operation === this.#faults.failAt ? "io_error" : "ok";
  }
}
