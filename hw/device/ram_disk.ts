import type { Disk, DiskStatus } from "@runtime/core/ports.ts";

const SECTOR_SIZE = 512;
/** Memory is taken in such pieces, when something is first written there. */
const PAGE_LENGTH = 0x1_0000;

/** What a {@linkcode RamDisk} calls itself. */
export const RAM_DISK_ID = "nexus-ram";

/** A disk in memory: full of zeros at first, and gone with the machine. */
export class RamDisk implements Disk {
  readonly sectorCount: number;
  readonly readOnly = false;
  readonly id = RAM_DISK_ID;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(sectorCount: number) {
    this.sectorCount = sectorCount;
  }

  read(sector: number, into: Uint8Array): Promise<DiskStatus> {
    for (const { page, at, offset, length } of pieces(sector * SECTOR_SIZE, into.length)) {
      const held = this.#pages.get(page);
      const target = into.subarray(offset, offset + length);
      if (held === undefined) target.fill(0);
      else target.set(held.subarray(at, at + length));
    }
    return Promise.resolve("ok");
  }

  write(sector: number, bytes: Uint8Array): Promise<DiskStatus> {
    for (const { page, at, offset, length } of pieces(sector * SECTOR_SIZE, bytes.length)) {
      this.#page(page).set(bytes.subarray(offset, offset + length), at);
    }
    return Promise.resolve("ok");
  }

  flush(): Promise<DiskStatus> {
    return Promise.resolve("ok");
  }

  discard(sector: number, count: number): Promise<DiskStatus> {
    return this.writeZeroes(sector, count);
  }

  writeZeroes(sector: number, count: number): Promise<DiskStatus> {
    for (const { page, at, length } of pieces(sector * SECTOR_SIZE, count * SECTOR_SIZE)) {
      if (length === PAGE_LENGTH) this.#pages.delete(page);
      else this.#pages.get(page)?.fill(0, at, at + length);
    }
    return Promise.resolve("ok");
  }

  #page(page: number): Uint8Array {
    const held = this.#pages.get(page) ?? new Uint8Array(PAGE_LENGTH);
    this.#pages.set(page, held);
    return held;
  }
}

/** A part of a range that lies in one page. */
interface Piece {
  readonly page: number;
  /** Offset in the page. */
  readonly at: number;
  /** Offset in the range. */
  readonly offset: number;
  readonly length: number;
}

function* pieces(start: number, total: number): Generator<Piece> {
  for (let offset = 0; offset < total;) {
    const at = (start + offset) % PAGE_LENGTH;
    const length = Math.min(PAGE_LENGTH - at, total - offset);
    yield { page: Math.floor((start + offset) / PAGE_LENGTH), at, offset, length };
    offset += length;
  }
}
