/**
 * A generation's beginning: written to the region that is not in use, read back, and only then named
 * by block 0.
 *
 * Source: Open Nexus OS, statefs journal v2, "compaction"; `docs/state_format.md`, "Compaction".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { equalBytes } from "@runtime/core/bytes.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import type { LogEnd } from "./log_writer.ts";
import { sortedPaths } from "./path.ts";
import { encodeRecord } from "./record.ts";
import { encodeSuperblock, type Region, type RegionName, regionOf } from "./superblock.ts";
import type { ValueIndex } from "./value_index.ts";

/** Bytes of CHECKPOINT and SYNC around the values. */
export const SNAPSHOT_OVERHEAD = 23 + 15;

/** Bytes that are encoded, written or read back in one go: others get their turn in between. */
const PIECE_LENGTH = 64 * 1024;

/** `lost`: block 0 may name either region. Otherwise the log in use is as before. */
export type SnapshotFault = "io_error" | "no_space" | "verify_failed" | "lost";

/** What a generation begins with. */
export interface Snapshot {
  readonly generation: number;
  /** In order of their bytes. */
  readonly paths: readonly string[];
  readonly index: ValueIndex;
  /** Bytes of its log: `SNAPSHOT_OVERHEAD` and a PUT for each value. */
  readonly length: number;
}

/** A snapshot of values, which must stay as they are until it is written. */
export function snapshotOf(generation: number, index: ValueIndex): Snapshot {
  const length = SNAPSHOT_OVERHEAD + index.liveBytes;
  return { generation, paths: sortedPaths(index.paths()), index, length };
}

/**
 * Writes a snapshot and makes it the log in use. Until the last step the old log is untouched.
 *
 * @returns Where the new log ends, or why it is none.
 */
export async function beginGeneration(
  disk: JournalDisk,
  active: RegionName,
  snapshot: Snapshot,
): Promise<LogEnd | SnapshotFault> {
  const written = await writeSnapshot(disk, regionOf(active, disk.blockCount), snapshot);
  if (typeof written === "string") return written;
  const { generation, paths } = snapshot;
  const superblock = encodeSuperblock({ active, generation, entries: paths.length });
  const flipped = await disk.write(0, superblock);
  if (flipped === "no_space") return "no_space";
  if (flipped !== "ok" || await disk.flush() !== "ok") return "lost";
  return await holdsBytes(disk, 0, superblock) ? written : "lost";
}

async function writeSnapshot(
  disk: JournalDisk,
  region: Region,
  snapshot: Snapshot,
): Promise<LogEnd | SnapshotFault> {
  if (snapshot.length > region.blockCount * BLOCK_SIZE) return "no_space";
  const pieces: Uint8Array[] = [];
  let block = region.firstBlock;
  for (const piece of piecesOf(snapshot, region)) {
    pieces.push(piece);
    const status = await disk.write(block, piece);
    if (status !== "ok") return status;
    block += piece.length / BLOCK_SIZE;
  }
  if (await disk.flush() !== "ok") return "io_error";
  block = region.firstBlock;
  for (const piece of pieces) {
    if (!await holdsBytes(disk, block, piece)) return "verify_failed";
    block += piece.length / BLOCK_SIZE;
  }
  return { end: snapshot.length, tail: tailOf(pieces, snapshot.length) };
}

/** The log in whole blocks: its records, and a block of zeros where the region has room for one. */
function* piecesOf(snapshot: Snapshot, region: Region): Generator<Uint8Array> {
  const wanted = Math.floor(snapshot.length / BLOCK_SIZE) + 2;
  let left = Math.min(wanted, region.blockCount) * BLOCK_SIZE;
  let piece = new Uint8Array(Math.min(left, PIECE_LENGTH));
  let filled = 0;
  for (const record of recordsOf(snapshot)) {
    for (let at = 0; at < record.length;) {
      const part = record.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < piece.length) continue;
      yield piece;
      left -= piece.length;
      piece = new Uint8Array(Math.min(left, PIECE_LENGTH));
      filled = 0;
    }
  }
  for (; left > 0; left -= PIECE_LENGTH) {
    yield piece;
    piece = new Uint8Array(Math.max(left - PIECE_LENGTH, 0));
  }
}

/** CHECKPOINT, a PUT for each value, SYNC. */
function* recordsOf({ generation, paths, index }: Snapshot): Generator<Uint8Array> {
  yield encodeRecord({ op: "checkpoint", generation, entries: paths.length });
  for (const key of paths) {
    const kept = index.get(key);
    assert(kept !== undefined, "a value stays until its snapshot is written");
    // The newer value that shows it to be old is not written again: it must not open any more.
    const value = kept.fault === "rollback" ? new Uint8Array(kept.stored.length) : kept.stored;
    yield encodeRecord({ op: "put", key, value });
  }
  yield encodeRecord({ op: "sync" });
}

/** The bytes of the block in which a log of this length ends. */
function tailOf(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const start = Math.floor(length / BLOCK_SIZE) * BLOCK_SIZE;
  const piece = pieces[Math.floor(start / PIECE_LENGTH)] ?? new Uint8Array(0);
  return piece.slice(start % PIECE_LENGTH, start % PIECE_LENGTH + length - start);
}

/** Whether the disk gives back what was written. */
async function holdsBytes(disk: JournalDisk, block: number, bytes: Uint8Array): Promise<boolean> {
  const read = new Uint8Array(bytes.length);
  return await disk.read(block, read) === "ok" && equalBytes(read, bytes);
}
