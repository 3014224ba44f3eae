import type { DiskStatus } from "@runtime/core/ports.ts";
import { assert } from "@runtime/core/assert.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import type { Region } from "./superblock.ts";

/** Blocks that are made zeros ahead of need, so that few appends wait for it. */
const ZEROS_AHEAD = 16;

/**
 * Appends to a log so that a cut at any write leaves a whole batch or a head of it in front of the
 * end, and nothing but the rest of that batch behind it.
 *
 * Blocks behind the tail block are made zeros, then written, each with a flush; the tail block comes
 * last, and that one write makes the batch a part of the log. The block behind the tail block is
 * always zeros, so that records of an older generation never follow.
 *
 * Source: `docs/state_format.md`, "Appending".
 */
export class LogWriter {
  readonly #disk: JournalDisk;
  readonly #region: Region;
  #end: number;
  /** The block in which the log ends; zeros from the end on. */
  #tail = new Uint8Array(BLOCK_SIZE);
  /** Blocks behind the tail block and before this one are zeros, and safe. */
  #zerosEnd: number;

  /** @param log Bytes of the log from its region's head to its end. */
  constructor(disk: JournalDisk, region: Region, log: Uint8Array) {
    this.#disk = disk;
    this.#region = region;
    this.#end = log.length;
    this.#tail.set(log.subarray(blockAt(log.length) * BLOCK_SIZE));
    this.#zerosEnd = blockAt(log.length) + 2;
  }

  /** Bytes of the log so far. */
  get end(): number {
    return this.#end;
  }

  /** Most bytes of the log. */
  get capacity(): number {
    return this.#region.blockCount * BLOCK_SIZE;
  }

  /** Puts zeros where a cut left something behind the end. */
  settle(): Promise<DiskStatus> {
    this.#zerosEnd = 0;
    return this.append(new Uint8Array(0));
  }

  /**
   * Appends a batch and waits until it is safe.
   *
   * @returns `no_space`: nothing was appended, and the log is as before. `io_error`: nobody knows
   *   what lies on the disk; only a replay tells, and nothing may be appended before it.
   */
  async append(batch: Uint8Array): Promise<DiskStatus> {
    assert(this.#end + batch.length <= this.capacity, "a batch fits its region");
    const first = blockAt(this.#end);
    const last = blockAt(this.#end + batch.length);
    const blocks = new Uint8Array((last - first + 1) * BLOCK_SIZE);
    blocks.set(this.#tail);
    blocks.set(batch, this.#end % BLOCK_SIZE);
    const behind = await this.#writeBehind(blocks.subarray(BLOCK_SIZE), first + 1);
    if (behind !== "ok") return behind;
    const head = await this.#writeSafely(blocks.subarray(0, BLOCK_SIZE), first);
    // The tail block may have changed before the flush was refused.
    if (head !== "ok") return "io_error";
    this.#end += batch.length;
    this.#tail = blocks.slice((last - first) * BLOCK_SIZE);
    return "ok";
  }

  /** Zeros first: what a cut leaves of the blocks must not reach older records. */
  async #writeBehind(blocks: Uint8Array, at: number): Promise<DiskStatus> {
    const zerosEnd = Math.min(at + blocks.length / BLOCK_SIZE + 1, this.#region.blockCount);
    if (zerosEnd > this.#zerosEnd) {
      const zeros = await this.#writeZeros(at, zerosEnd);
      if (zeros !== "ok") return zeros;
    }
    if (blocks.length === 0) return "ok";
    const known = this.#zerosEnd;
    this.#zerosEnd = 0;
    const status = await this.#writeSafely(blocks, at);
    if (status === "ok") this.#zerosEnd = known;
    return status;
  }

  /** @param needed Blocks before this one must be zeros; some behind it are made so while at it. */
  async #writeZeros(at: number, needed: number): Promise<DiskStatus> {
    const wanted = Math.min(needed + ZEROS_AHEAD, this.#region.blockCount);
    const zeros = new Uint8Array(BLOCK_SIZE);
    let block = at;
    for (; block < wanted; block++) {
      const status = await this.#disk.write(this.#region.firstBlock + block, zeros);
      if (status === "no_space" && block >= needed) break;
      if (status !== "ok") return status;
    }
    if (await this.#disk.flush() !== "ok") return "io_error";
    this.#zerosEnd = block;
    return "ok";
  }

  async #writeSafely(blocks: Uint8Array, at: number): Promise<DiskStatus> {
    const { firstBlock, blockCount } = this.#region;
    const count = Math.min(blocks.length / BLOCK_SIZE, blockCount - at);
    for (let index = 0; index < count; index++) {
      const bytes = blocks.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE);
      const status = await this.#disk.write(firstBlock + at + index, bytes);
      if (status !== "ok") return status;
    }
    const flushed = await this.#disk.flush();
    return flushed === "ok" ? "ok" : "io_error";
  }
}

function blockAt(offset: number): number {
  return Math.floor(offset / BLOCK_SIZE);
}
