/**
 * From bytes to records: where a log ends, and why.
 *
 * Source: `docs/state_format.md`, "Where a log ends".
 *
 * @module
 */

import { allZero } from "@runtime/core/bytes.ts";
import { WireError, type WireErrorCode } from "@runtime/core/error.ts";
import { BLOCK_SIZE, RECORDS_MAX } from "./limits.ts";
import { IMAGE_ID_PATH } from "./path.ts";
import { decodeRecord, type StateRecord } from "./record.ts";

/** First byte of a record. */
const MAGIC_BYTE = 0x46;
/** Places behind the end that are tried as records; a log with more is called damaged. */
const TRIES_MAX = 65_536;

/**
 * What follows the last record. `clean`: nothing. `torn`: a write that was cut short. `damaged`:
 * records that were safe on the disk, which a damage before them hides. `endless`: more records
 * than a replay reads.
 */
export type Tail = "clean" | "torn" | "damaged" | "endless";

export interface WalkedLog {
  /** The bytes that were walked; values of the records are views into them. */
  readonly log: Uint8Array;
  readonly records: readonly StateRecord[];
  /** Offset behind the last record. */
  readonly end: number;
  readonly tail: Tail;
}

/** Reads records from the head of a log, which begins at a block, until one is none. */
export function walkLog(log: Uint8Array): WalkedLog {
  const walk = new LogWalk();
  walk.advance(log);
  return walk.finish(log);
}

/** A walk over a log of which more and more bytes are there. Each byte is looked at once or twice. */
export class LogWalk {
  readonly #records: StateRecord[] = [];
  #end = 0;
  #stop: WireErrorCode | undefined;
  /** Blocks before this offset, behind the block of the end, hold something. */
  #searched = 0;

  /**
   * Goes on over a log that begins as it did before; values are views into `log`.
   *
   * @returns Whether the log's end is known, and the first block of zeros behind it.
   */
  advance(log: Uint8Array): boolean {
    while (this.#stop === undefined || this.#stop === "truncated") {
      if (this.#records.length >= RECORDS_MAX) this.#stop = "limit_exceeded";
      else if (!this.#take(log)) break;
    }
    if (this.#stop === "truncated") return false;
    return this.#areaEnd(log) < log.length || this.#stop === "limit_exceeded";
  }

  /** What the walk found, when there are no more bytes. */
  finish(log: Uint8Array): WalkedLog {
    const found = { log, records: this.#records, end: this.#end };
    if (this.#stop === "limit_exceeded") return { ...found, tail: "endless" };
    const batched = batches(this.#records);
    return { ...found, tail: tailOf(log.subarray(0, this.#areaEnd(log)), this.#end, batched) };
  }

  #take(log: Uint8Array): boolean {
    const decoded = recordAt(log, this.#end);
    if (typeof decoded === "string") {
      this.#stop = decoded;
      return false;
    }
    this.#records.push(decoded.record);
    this.#end = decoded.next;
    return true;
  }

  /** The first block of zeros behind the block of the end: what follows is of an older generation. */
  #areaEnd(log: Uint8Array): number {
    let start = Math.max(this.#searched, (Math.floor(this.#end / BLOCK_SIZE) + 1) * BLOCK_SIZE);
    while (start < log.length && !allZero(log.subarray(start, start + BLOCK_SIZE))) {
      start += BLOCK_SIZE;
    }
    this.#searched = Math.min(start, log.length);
    return this.#searched;
  }
}

/** The record at an offset, or why there is none. */
export function recordAt(
  log: Uint8Array,
  offset: number,
): ReturnType<typeof decodeRecord> | WireErrorCode {
  try {
    return decodeRecord(log, offset);
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
}

/** Upstream, whose images name no id, writes record by record, with a SYNC where somebody asks. */
function batches(records: readonly StateRecord[]): boolean {
  return records.some(({ op }) => op === "sync") &&
    records.some((record) => record.op === "put" && record.key === IMAGE_ID_PATH);
}

/**
 * A batch ends with SYNC, and nothing of the next is written before it is safe. So what a cut leaves
 * behind the end is parts of one batch: a record behind a SYNC is one that was safe. In a log that is
 * not written in batches each later record was safe.
 */
function tailOf(log: Uint8Array, end: number, batched: boolean): Tail {
  if (allZero(log.subarray(end))) return "clean";
  let behindSync = !batched;
  let tries = 0;
  for (let at = log.indexOf(MAGIC_BYTE, end); at >= 0;) {
    const decoded = recordAt(log, at);
    if (typeof decoded !== "string") {
      if (behindSync) return "damaged";
      behindSync = decoded.record.op === "sync";
      at = decoded.next - 1;
    } else if (++tries > TRIES_MAX) return "damaged";
    at = log.indexOf(MAGIC_BYTE, at + 1);
  }
  return "torn";
}
