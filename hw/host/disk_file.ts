import { assert } from "@runtime/core/assert.ts";
import type { Disk, DiskStatus } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { HeldDisk } from "@runtime/core/state_ports.ts";
import { createImage, type ImageFile, type OpenImage } from "./disk_image.ts";
import { lockedElsewhere } from "./file_lock.ts";
import { fileErrorOf } from "./files.ts";
import { openPrivate } from "./private_file.ts";

const SECTOR_SIZE = 512;
const ZEROES = new Uint8Array(0x1_0000);

/** Which file, and as what. */
export interface DiskFileOptions {
  readonly path: string;
  /** Sectors of a file that is not there yet; unless said it must be there. */
  readonly sectorCount?: number;
  readonly readOnly?: boolean;
  /** At most 20 letters of ASCII. */
  readonly id: string;
  readonly open?: OpenImage;
}

/** A disk in a file of the host. */
export interface DiskFile extends HeldDisk {
  /** Waits for a flush under way and lets go of the file. Every later call answers `io_error`. */
  close(): Promise<void>;
}

/**
 * Opens an image file of this user alone, after making it when it is absent and may be written. One
 * writer, or any number of readers, has it at a time.
 *
 * @throws {FileFailure} `busy`: somebody else has it. `bad_length`: no whole sectors, or none.
 *   `wrong_kind`, `not_private`, `replaced`, `not_found`, `no_space` and others of the host.
 */
export function openDiskFile(options: DiskFileOptions): DiskFile {
  const { path, sectorCount, readOnly = false, open = openPrivate } = options;
  const length = sectorCount === undefined ? undefined : lengthOf(sectorCount);
  const files: ImageFile[] = [];
  try {
    if (!readOnly && length !== undefined) createImage(path, { length, open });
    const file = open(path, { read: true, write: !readOnly });
    files.push(file);
    if (lockedElsewhere(file, !readOnly)) throw new FileFailure("busy", path);
    const { size, dev, ino } = file.statSync();
    if (size === 0 || size % SECTOR_SIZE !== 0) throw new FileFailure("bad_length", path);
    const syncing = open(path, { read: true, write: !readOnly });
    files.push(syncing);
    const again = syncing.statSync();
    if (again.dev !== dev || again.ino !== ino) throw new FileFailure("replaced", path);
    const shape = { sectorCount: size / SECTOR_SIZE, readOnly, id: options.id };
    return new HostDiskFile({ file, syncing }, shape);
  } catch (error) {
    for (const file of files) file.close();
    if (error instanceof FileFailure) throw error;
    throw new FileFailure(fileErrorOf(error), path, { cause: error });
  }
}

/** Bytes of so many sectors. */
export function lengthOf(sectorCount: number): number {
  assert(Number.isSafeInteger(sectorCount) && sectorCount > 0, "a disk has sectors");
  return sectorCount * SECTOR_SIZE;
}

/**
 * Reads and writes are calls that wait: between the program and the host's page cache 4 KiB take
 * 2 to 24 us and 128 KiB 5 to 47 us, where the detour over a thread takes 80 to 104 us. A flush goes
 * over a thread: it takes 140 us when all is well, but was seen to take 27 ms, and the network would
 * stand still meanwhile. It has a descriptor of its own, so that no other call finds the file busy.
 */
class HostDiskFile implements DiskFile {
  readonly sectorCount: number;
  readonly readOnly: boolean;
  readonly id: string;
  readonly #file: ImageFile;
  readonly #syncing: ImageFile;
  #closed = false;
  /**
   * A flush failed. The host forgets then which bytes it has not written: a later flush would succeed
   * without them.
   */
  #lost = false;
  #flushing: Promise<DiskStatus> = Promise.resolve("ok");
  /** The flush that starts when the one under way ends, for all who asked meanwhile. */
  #next: Promise<DiskStatus> | undefined;

  constructor(
    files: { readonly file: ImageFile; readonly syncing: ImageFile },
    shape: Pick<Disk, "sectorCount" | "readOnly" | "id">,
  ) {
    this.#file = files.file;
    this.#syncing = files.syncing;
    this.sectorCount = shape.sectorCount;
    this.readOnly = shape.readOnly;
    this.id = shape.id;
  }

  read(sector: number, into: Uint8Array): Promise<DiskStatus> {
    return this.#attempt({ sector, count: into.length / SECTOR_SIZE }, () => {
      for (let done = 0; done < into.length;) {
        const count = this.#file.readSync(into.subarray(done)) ?? 0;
        // Somebody cut the file.
        if (count === 0) return "io_error";
        done += count;
      }
      return "ok";
    });
  }

  write(sector: number, bytes: Uint8Array): Promise<DiskStatus> {
    return this.#change({ sector, count: bytes.length / SECTOR_SIZE }, () => this.#writeAll(bytes));
  }

  flush(): Promise<DiskStatus> {
    if (this.#lost) return Promise.resolve("io_error");
    if (this.readOnly) return Promise.resolve("ok");
    this.#next ??= this.#flushing.then(() => {
      this.#next = undefined;
      this.#flushing = this.#sync();
      return this.#flushing;
    });
    return this.#next;
  }

  /** Nothing is given back: a hole would have to be filled again, when the host may have no room. */
  discard(sector: number, count: number): Promise<DiskStatus> {
    return this.#change({ sector, count }, () => "ok");
  }

  writeZeroes(sector: number, count: number): Promise<DiskStatus> {
    return this.#change({ sector, count }, () => {
      for (let left = count * SECTOR_SIZE; left > 0; left -= ZEROES.length) {
        const status = this.#writeAll(ZEROES.subarray(0, Math.min(left, ZEROES.length)));
        if (status !== "ok") return status;
      }
      return "ok";
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await (this.#next ?? this.#flushing);
    this.#syncing.close();
    this.#file.close();
  }

  #change(
    range: { readonly sector: number; readonly count: number },
    work: () => DiskStatus,
  ): Promise<DiskStatus> {
    assert(!this.readOnly, "nothing is written to a disk that is read-only");
    return this.#lost ? Promise.resolve("io_error") : this.#attempt(range, work);
  }

  /** Does `work` with the file at its sector, and makes a status of what the host throws. */
  #attempt(
    { sector, count }: { readonly sector: number; readonly count: number },
    work: () => DiskStatus,
  ): Promise<DiskStatus> {
    const whole = Number.isInteger(sector) && Number.isInteger(count) && sector >= 0 && count >= 0;
    assert(whole && count <= this.sectorCount - sector, "a range is whole sectors of the disk");
    try {
      this.#file.seekSync(sector * SECTOR_SIZE, Deno.SeekMode.Start);
      return Promise.resolve(work());
    } catch (error) {
      return Promise.resolve(diskStatusOf(error));
    }
  }

  #writeAll(bytes: Uint8Array): DiskStatus {
    for (let done = 0; done < bytes.length;) {
      const count = this.#file.writeSync(bytes.subarray(done));
      if (count === 0) return "io_error";
      done += count;
    }
    return "ok";
  }

  async #sync(): Promise<DiskStatus> {
    if (this.#lost) return "io_error";
    try {
      await this.#syncing.syncData();
      return "ok";
    } catch (error) {
      this.#lost = true;
      return diskStatusOf(error);
    }
  }
}

function diskStatusOf(error: unknown): DiskStatus {
  return fileErrorOf(error) === "no_space" ? "no_space" : "io_error";
}
