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
  /** Why the bytes at `end` are no record. */
  readonly stop: WireErrorCode;
  readonly tail: Tail;
}

/** Reads records from the head of a log, which begins at a block, until one is none. */
export function walkLog(log: Uint8Array): WalkedLog {
  const records: StateRecord[] = [];
  let end = 0;
  for (; records.length < RECORDS_MAX;) {
    const decoded = recordAt(log, end);
    if (typeof decoded === "string") {
      const synced = records.some(({ op }) => op === "sync");
      return { log, records, end, stop: decoded, tail: tailOf(log, end, synced) };
    }
    records.push(decoded.record);
    end = decoded.next;
  }
  return { log, records, end, stop: "limit_exceeded", tail: "endless" };
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

/**
 * A batch ends with SYNC, and only its last write makes it part of the log. So what a cut leaves
 * behind the end is at most one batch: a record behind a SYNC is one that was safe. A log without any
 * SYNC is upstream's, which writes record by record: there each later record was safe.
 */
function tailOf(log: Uint8Array, end: number, synced: boolean): Tail {
  const limit = areaEnd(log, end);
  if (allZero(log.subarray(end, limit))) return "clean";
  let behindSync = !synced;
  let tries = 0;
  for (let at = log.indexOf(MAGIC_BYTE, end); at >= 0 && at < limit;) {
    const decoded = recordAt(log.subarray(0, limit), at);
    if (typeof decoded !== "string") {
      if (behindSync) return "damaged";
      behindSync = decoded.record.op === "sync";
      at = decoded.next - 1;
    } else if (++tries > TRIES_MAX) return "damaged";
    at = log.indexOf(MAGIC_BYTE, at + 1);
  }
  return "torn";
}

/** The first block of zeros behind the block of the end: what follows is of an older generation. */
function areaEnd(log: Uint8Array, end: number): number {
  let start = (Math.floor(end / BLOCK_SIZE) + 1) * BLOCK_SIZE;
  while (start < log.length && !allZero(log.subarray(start, start + BLOCK_SIZE))) {
    start += BLOCK_SIZE;
  }
  return Math.min(start, log.length);
}
