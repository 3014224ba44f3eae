import type { DiskStatus } from "@runtime/core/ports.ts";

/**
 * What the journal needs of a disk: ranges of whole blocks of 512 bytes, inside the disk and never
 * empty. What was written is safe once a later `flush` says `ok`; before, any block of it may be
 * lost, in any order. After a write that is refused, each of its blocks holds what it held or what
 * was to be written.
 */
export interface JournalDisk {
  readonly blockCount: number;
  readonly blockSize: 512;
  /** @param into Filled from `block` on when the status is `ok`. */
  read(block: number, into: Uint8Array): Promise<DiskStatus>;
  /** @param bytes Left alone until the promise resolves, and not kept. */
  write(block: number, bytes: Uint8Array): Promise<DiskStatus>;
  flush(): Promise<DiskStatus>;
}
