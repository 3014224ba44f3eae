import type { Disk } from "@runtime/core/ports.ts";
import type { JournalDisk } from "./journal_disk.ts";

/** A disk of the host as the journal uses one: a range of it is whole blocks, as many as are asked. */
export function journalOver(disk: Disk): JournalDisk {
  return {
    blockCount: disk.sectorCount,
    blockSize: 512,
    read: (block, into) => disk.read(block, into),
    write: (block, bytes) => disk.write(block, bytes),
    flush: () => disk.flush(),
  };
}
