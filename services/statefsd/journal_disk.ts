import type { DiskStatus } from "@runtime/core/ports.ts";

/**
 * What the journal needs of a disk: single blocks of 512 bytes. What was written is safe once a later
 * `flush` says `ok`; before, any of it may be lost, in any order. `no_space`: the block kept what it
 * held.
 */
export interface JournalDisk {
  readonly blockCount: number;
  readonly blockSize: 512;
  /** @param into 512 bytes, overwritten when the status is `ok`. */
  read(block: number, into: Uint8Array): Promise<DiskStatus>;
  /** @param bytes 512 bytes, not kept. */
  write(block: number, bytes: Uint8Array): Promise<DiskStatus>;
  flush(): Promise<DiskStatus>;
}
