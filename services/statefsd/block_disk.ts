import { DriverError } from "@hw/driver/error.ts";
import type { BlockDevice, BlockStatus } from "@runtime/core/block_device.ts";
import type { DiskStatus } from "@runtime/core/ports.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";

/** How long one operation of the disk may take: a host that writes much else may hold it up. */
export const DISK_TIMEOUT_MS = 30_000;

/** Runs work with a promise that resolves when its time is up. */
export type Within = <T>(
  limitMs: number,
  work: (expiry: Promise<void>) => Promise<T>,
) => Promise<T>;

/**
 * The journal's disk on a block device whose sectors are its blocks. A device that broke the rules, or
 * answers nothing, has failed.
 *
 * @param within Gives one operation at a time its limit: the journal asks for no more.
 */
export function blockDisk(device: BlockDevice, within: Within): JournalDisk {
  const bounded = async (
    work: (expiry: Promise<void>) => Promise<BlockStatus>,
  ): Promise<DiskStatus> => {
    try {
      return await within(DISK_TIMEOUT_MS, work) === "ok" ? "ok" : "io_error";
    } catch (error) {
      if (error instanceof DriverError) return "io_error";
      throw error;
    }
  };
  return {
    blockCount: device.sectorCount,
    blockSize: BLOCK_SIZE,
    read: (block, into) =>
      bounded(async (expiry) => {
        const answer = await device.read(block, into.length / BLOCK_SIZE, expiry);
        if (answer.status === "ok") into.set(answer.value);
        return answer.status;
      }),
    write: (block, bytes) => bounded((expiry) => device.write(block, bytes, expiry)),
    flush: () => bounded((expiry) => device.flush(expiry)),
  };
}
