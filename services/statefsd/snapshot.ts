/**
 * A generation's beginning: written to the region that is not in use, read back, and only then named
 * by block 0.
 *
 * Source: Open Nexus OS, statefs journal v2, "compaction"; `docs/state_format.md`, "Compaction".
 *
 * @module
 */

import type { DiskStatus } from "@runtime/core/ports.ts";
import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { comparePaths } from "./path.ts";
import { encodeRecord } from "./record.ts";
import { encodeSuperblock, type Region, regionOf, type Superblock } from "./superblock.ts";
import type { StoredValue } from "./value_index.ts";

/** Bytes of CHECKPOINT and SYNC around the values. */
export const SNAPSHOT_OVERHEAD = 23 + 15;

/** `io_error`: the log in use is as before. `lost`: block 0 may name either region. */
export type SnapshotStatus = "ok" | "io_error" | "no_space" | "verify_failed" | "lost";

/** CHECKPOINT, a PUT for each value in order of its path, SYNC. */
export function encodeSnapshot(
  generation: number,
  values: Iterable<readonly [string, StoredValue]>,
): Uint8Array {
  const sorted = [...values].sort(([left], [right]) => comparePaths(left, right));
  return concatBytes(
    encodeRecord({ op: "checkpoint", generation, entries: sorted.length }),
    ...sorted.map(([key, { stored }]) => encodeRecord({ op: "put", key, value: stored })),
    encodeRecord({ op: "sync" }),
  );
}

/** Writes a snapshot and makes it the log in use. Until the last step the old log is untouched. */
export async function beginGeneration(
  disk: JournalDisk,
  superblock: Superblock,
  snapshot: Uint8Array,
): Promise<SnapshotStatus> {
  const region = regionOf(superblock.active, disk.blockCount);
  const written = await writeSnapshot(disk, region, snapshot);
  if (written !== "ok") return written;
  const flipped = await disk.write(0, encodeSuperblock(superblock));
  if (flipped === "no_space") return "no_space";
  if (flipped !== "ok" || await disk.flush() !== "ok") return "lost";
  const holds = await holdsBytes(disk, 0, encodeSuperblock(superblock));
  return holds ? "ok" : "lost";
}

async function writeSnapshot(
  disk: JournalDisk,
  region: Region,
  snapshot: Uint8Array,
): Promise<SnapshotStatus> {
  // The block in which the log ends and one of zeros, where the region has room for it.
  const wanted = Math.floor(snapshot.length / BLOCK_SIZE) + 2;
  const blocks = new Uint8Array(Math.min(wanted, region.blockCount) * BLOCK_SIZE);
  if (snapshot.length > blocks.length) return "no_space";
  blocks.set(snapshot);
  for (let offset = 0; offset < blocks.length; offset += BLOCK_SIZE) {
    const block = region.firstBlock + offset / BLOCK_SIZE;
    const status = await disk.write(block, blocks.subarray(offset, offset + BLOCK_SIZE));
    if (status !== "ok") return status;
  }
  const flushed: DiskStatus = await disk.flush();
  if (flushed !== "ok") return "io_error";
  return await holdsBytes(disk, region.firstBlock, blocks) ? "ok" : "verify_failed";
}

/** Whether the disk gives back what was written. */
async function holdsBytes(
  disk: JournalDisk,
  firstBlock: number,
  bytes: Uint8Array,
): Promise<boolean> {
  const block = new Uint8Array(BLOCK_SIZE);
  for (let offset = 0; offset < bytes.length; offset += BLOCK_SIZE) {
    if (await disk.read(firstBlock + offset / BLOCK_SIZE, block) !== "ok") return false;
    if (!equalBytes(block, bytes.subarray(offset, offset + BLOCK_SIZE))) return false;
  }
  return true;
}
