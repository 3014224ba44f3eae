/**
 * Which part of a disk holds the log.
 *
 * Source: `docs/state_format.md`, "Regions".
 *
 * @module
 */

import { allZero } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import {
  decodeSuperblock,
  otherRegion,
  type Region,
  type RegionName,
  regionOf,
  type Superblock,
} from "./superblock.ts";
import { LogWalk, recordAt, type WalkedLog } from "./walk.ts";

/** Bytes that are read in one go. */
const PIECE_LENGTH = 128 * 1024;

/** The log in use. */
export interface LocatedLog {
  /** `undefined`: upstream's first layout, records from block 0 on. */
  readonly active: RegionName | undefined;
  readonly region: Region;
  readonly generation: number;
  readonly walked: WalkedLog;
  /** What was wrong with block 0; the two regions told what belongs there. */
  readonly superblock: "good" | "rebuilt" | "none";
}

export type Located =
  | { readonly status: "ok"; readonly log: LocatedLog }
  | { readonly status: "blank" | "damaged" | "io_error" };

/** A read that the disk refused. */
class ReadFailure {}

/** Finds the log. Nothing is guessed: an image that shows no log is `damaged` unless it is blank. */
export async function locateLog(disk: JournalDisk): Promise<Located> {
  try {
    return await located(disk);
  } catch (error) {
    if (error instanceof ReadFailure) return { status: "io_error" };
    throw error;
  }
}

async function located(disk: JournalDisk): Promise<Located> {
  if (disk.blockCount === 0) return { status: "damaged" };
  const block = await blockOf(disk, 0);
  const superblock = superblockOf(block);
  if (superblock !== undefined) return await bySuperblock(disk, superblock);
  // A record longer than a block is there when its header is.
  const first = recordAt(block, 0);
  if (typeof first !== "string" || first === "truncated") return await legacy(disk);
  return await byRegions(disk, allZero(block));
}

/** Upstream's first layout. */
async function legacy(disk: JournalDisk): Promise<Located> {
  const region = { firstBlock: 0, blockCount: disk.blockCount };
  const walked = await walkRegion(disk, region);
  if (walked.records.length === 0) return { status: "damaged" };
  const log = { active: undefined, region, generation: 0, walked, superblock: "none" } as const;
  return { status: "ok", log };
}

async function bySuperblock(disk: JournalDisk, superblock: Superblock): Promise<Located> {
  const snapshot = await snapshotOf(disk, superblock.active);
  if (snapshot?.generation !== superblock.generation || snapshot.entries !== superblock.entries) {
    return { status: "damaged" };
  }
  return { status: "ok", log: { ...snapshot, superblock: "good" } };
}

/**
 * Without block 0: the later of two whole snapshots is the log, for one that was not yet in use holds
 * the same values. When the other region holds something that is no snapshot, it may have been the
 * log: nobody can tell.
 */
async function byRegions(disk: JournalDisk, zeros: boolean): Promise<Located> {
  const [a, b] = [await snapshotOf(disk, "a"), await snapshotOf(disk, "b")];
  if (a === undefined && b === undefined) {
    return { status: zeros && await blankBut(disk, 1) ? "blank" : "damaged" };
  }
  const latest = a !== undefined && (b === undefined || a.generation > b.generation) ? a : b;
  const other = latest === a ? b : a;
  if (latest?.active === undefined || latest.generation === other?.generation) {
    return { status: "damaged" };
  }
  if (other === undefined) {
    const head = await blockOf(
      disk,
      regionOf(otherRegion(latest.active), disk.blockCount).firstBlock,
    );
    if (!allZero(head)) return { status: "damaged" };
  }
  return { status: "ok", log: { ...latest, superblock: "rebuilt" } };
}

type Snapshot = Omit<LocatedLog, "superblock"> & { readonly entries: number };

/** The log of a region that begins with a whole snapshot. */
async function snapshotOf(disk: JournalDisk, active: RegionName): Promise<Snapshot | undefined> {
  const region = regionOf(active, disk.blockCount);
  const walked = await walkRegion(disk, region);
  const [first] = walked.records;
  if (first?.op !== "checkpoint") return undefined;
  const { generation, entries } = first;
  const snapshot = walked.records.slice(1, 1 + entries);
  if (snapshot.length < entries || snapshot.some(({ op }) => op !== "put")) return undefined;
  return { active, region, generation, entries, walked };
}

function superblockOf(block: Uint8Array): Superblock | undefined {
  try {
    return decodeSuperblock(block);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Whether every block is zeros but one, in which the first write of all may have been cut short. */
async function blankBut(disk: JournalDisk, spared: number): Promise<boolean> {
  const length = disk.blockCount * BLOCK_SIZE;
  for (let start = 0; start < length; start += PIECE_LENGTH) {
    const piece = new Uint8Array(Math.min(PIECE_LENGTH, length - start));
    await fill(disk, start / BLOCK_SIZE, piece);
    const at = spared * BLOCK_SIZE - start;
    if (at >= 0 && at < piece.length) piece.fill(0, at, at + BLOCK_SIZE);
    if (!allZero(piece)) return false;
  }
  return true;
}

/**
 * Reads a log piece by piece, up to the one in which a block of zeros follows its end. What no piece
 * reaches of the array's memory is never touched.
 */
async function walkRegion(disk: JournalDisk, region: Region): Promise<WalkedLog> {
  const walk = new LogWalk();
  const log = new Uint8Array(region.blockCount * BLOCK_SIZE);
  for (let start = 0; start < log.length; start += PIECE_LENGTH) {
    const end = Math.min(start + PIECE_LENGTH, log.length);
    await fill(disk, region.firstBlock + start / BLOCK_SIZE, log.subarray(start, end));
    if (walk.advance(log.subarray(0, end))) return walk.finish(log.subarray(0, end));
  }
  return walk.finish(log);
}

async function blockOf(disk: JournalDisk, block: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(BLOCK_SIZE);
  await fill(disk, block, bytes);
  return bytes;
}

async function fill(disk: JournalDisk, block: number, into: Uint8Array): Promise<void> {
  if (await disk.read(block, into) !== "ok") throw new ReadFailure();
}
