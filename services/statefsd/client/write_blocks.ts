import type { DiskStatus } from "@runtime/core/ports.ts";
import type { HeldDisk } from "@runtime/core/state_ports.ts";
import { BLOCK_SIZE } from "../limits.ts";

/** Bytes of one write. */
const PIECE_LENGTH = 64 * 1024;

/** Writes whole blocks and makes them safe. */
export async function writeBlocks(
  disk: HeldDisk,
  block: number,
  bytes: Uint8Array,
): Promise<DiskStatus> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_LENGTH) {
    const piece = bytes.subarray(offset, offset + PIECE_LENGTH);
    const status = await disk.write(block + offset / BLOCK_SIZE, piece);
    if (status !== "ok") return status;
  }
  return await disk.flush();
}
