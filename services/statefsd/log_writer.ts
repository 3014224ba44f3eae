import type { DiskStatus } from "@runtime/core/ports.ts";
import { assert } from "@runtime/core/assert.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import type { Region } from "./superblock.ts";

/**
 * Blocks that are made zeros ahead of need: 64 KiB, a write for each 170 puts of 256 bytes. Of a
 * small region no more than its eighth.
 */
const ZEROS_AHEAD_MAX = 128;
const ZEROS_AHEAD_SHARE = 8;
/** Never written to. */
const ZEROS = new Uint8Array(ZEROS_AHEAD_MAX * BLOCK_SIZE);

/**
 * Appends to a log so that a cut at any write leaves a whole batch or a head of it in front of the
 * end, and nothing but parts of that batch behind it.
 *
 * A batch goes only where zeros are safe on the disk, with one block of zeros to spare behind it: so
 * one write and one flush are enough, whichever of its blocks a cut leaves, and records of an older
 * generation never follow. The zeros for later batches are written ahead, under the same flush.
 *
 * Source: `docs/state_format.md`, "Appending".
 */
export class LogWriter {
  readonly #disk: JournalDisk;
  readonly #region: Region;
  readonly #ahead: number;
  #end: number;
  /** The block in which the log ends; zeros from the end on. */
  #tail = new Uint8Array(BLOCK_SIZE);
  /** Blocks behind the tail block and before this one are zeros, and safe. */
  #zerosEnd: number;

  constructor(disk: JournalDisk, region: Region, log: LogEnd) {
    this.#disk = disk;
    this.#region = region;
    this.#ahead = Math.min(ZEROS_AHEAD_MAX, Math.ceil(region.blockCount / ZEROS_AHEAD_SHARE));
    this.#end = log.end;
    this.#tail.set(log.tail);
    this.#zerosEnd = Math.min(blockAt(log.end) + 2, region.blockCount);
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
    const zeros = await this.#needZeros(first + 1, last + 2);
    if (zeros !== "ok") return zeros;
    const blocks = new Uint8Array((last - first + 1) * BLOCK_SIZE);
    blocks.set(this.#tail);
    blocks.set(batch, this.#end % BLOCK_SIZE);
    // A write that was refused may have changed the tail block, also one for want of room.
    if (await this.#write(first, blocks) !== "ok") return "io_error";
    const zerosEnd = await this.#writeAhead(last);
    if (zerosEnd === undefined || await this.#disk.flush() !== "ok") return "io_error";
    this.#zerosEnd = zerosEnd;
    this.#end += batch.length;
    this.#tail = blocks.slice((last - first) * BLOCK_SIZE);
    return "ok";
  }

  /** Makes sure of zeros between two blocks before a batch goes there. */
  async #needZeros(from: number, to: number): Promise<DiskStatus> {
    const start = Math.max(from, this.#zerosEnd);
    const end = Math.min(to, this.#region.blockCount);
    if (start >= end) return "ok";
    const status = await this.#writeZeros(start, end);
    if (status !== "ok") return status;
    if (await this.#disk.flush() !== "ok") return "io_error";
    this.#zerosEnd = end;
    return "ok";
  }

  /**
   * Writes zeros for later batches when few are left. No harm is done when there is no room for them
   * yet.
   *
   * @returns Where zeros will end with the next flush; `undefined` after a failure.
   */
  async #writeAhead(last: number): Promise<number | undefined> {
    const known = this.#zerosEnd;
    const wanted = Math.min(last + 2 + this.#ahead, this.#region.blockCount);
    if (known >= wanted || known - last > this.#ahead / 2) return known;
    const status = await this.#writeZeros(known, wanted);
    if (status === "no_space") return known;
    return status === "ok" ? wanted : undefined;
  }

  async #writeZeros(start: number, end: number): Promise<DiskStatus> {
    const most = ZEROS.length / BLOCK_SIZE;
    for (let block = start; block < end; block += most) {
      const length = Math.min(end - block, most) * BLOCK_SIZE;
      const status = await this.#write(block, ZEROS.subarray(0, length));
      if (status !== "ok") return status;
    }
    return "ok";
  }

  /** Writes what lies inside the region: a log that fills it ends behind its last block. */
  async #write(at: number, blocks: Uint8Array): Promise<DiskStatus> {
    const { firstBlock, blockCount } = this.#region;
    const inside = blocks.subarray(0, (blockCount - at) * BLOCK_SIZE);
    return inside.length === 0 ? "ok" : await this.#disk.write(firstBlock + at, inside);
  }
}

/** Where a log ends. */
export interface LogEnd {
  /** Bytes from its region's head. */
  readonly end: number;
  /** Those in its last block. */
  readonly tail: Uint8Array;
}

/** @param log Bytes of a log from its region's head to its end. */
export function logEndOf(log: Uint8Array): LogEnd {
  return { end: log.length, tail: log.slice(blockAt(log.length) * BLOCK_SIZE) };
}

function blockAt(offset: number): number {
  return Math.floor(offset / BLOCK_SIZE);
}
