import type { DiskStatus } from "@runtime/core/ports.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { BLOCK_SIZE } from "./limits.ts";

/** A disk over an image in memory, which may lose its power. */
export class MemoryDisk implements JournalDisk {
  readonly blockSize = BLOCK_SIZE;
  readonly blockCount: number;
  readonly image: Uint8Array;
  #writesLeft: number;

  /** @param writesMax Writes after which nothing more is written, and nothing succeeds. */
  constructor(image: Uint8Array, writesMax = Infinity) {
    this.image = image;
    this.blockCount = Math.floor(image.length / BLOCK_SIZE);
    this.#writesLeft = writesMax;
  }

  read(block: number, into: Uint8Array): Promise<DiskStatus> {
    into.set(this.image.subarray(block * BLOCK_SIZE, block * BLOCK_SIZE + into.length));
    return Promise.resolve("ok");
  }

  write(block: number, bytes: Uint8Array): Promise<DiskStatus> {
    if (this.#writesLeft <= 0) return Promise.resolve("io_error");
    this.#writesLeft -= 1;
    this.image.set(bytes, block * BLOCK_SIZE);
    return Promise.resolve("ok");
  }

  flush(): Promise<DiskStatus> {
    return Promise.resolve(this.#writesLeft <= 0 ? "io_error" : "ok");
  }
}
