import type { Disk, DiskStatus } from "@runtime/core/ports.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A disk in memory that a test can hold up, break, and cut the power of. */
export interface FakeDisk extends Writable<Disk> {
  /** What a reader finds now. */
  readonly bytes: Uint8Array;
  /** What a power cut would leave. */
  readonly durable: Uint8Array;
  /** Every call, `name sector count`, in order. */
  readonly calls: string[];
  /** What the next calls answer, one each; `ok` when it is empty. */
  readonly statuses: DiskStatus[];
  /** While set, calls take effect at once but are answered only by {@linkcode FakeDisk.release}. */
  hold: boolean;
  /** Answers the calls that are held, those at `places` or all of them. */
  release(...places: readonly number[]): void;
}

/** What a disk is made of; 64 sectors by default. */
export interface FakeDiskParts {
  readonly sectorCount?: number;
  readonly readOnly?: boolean;
  readonly id?: string;
}

export function fakeDisk(parts: FakeDiskParts = {}): FakeDisk {
  const { sectorCount = 64, readOnly = false, id = "NEXUS0001" } = parts;
  const bytes = new Uint8Array(512 * sectorCount);
  const held: (() => void)[] = [];
  const answer = (call: string, effect: () => void): Promise<DiskStatus> => {
    disk.calls.push(call);
    const status = disk.statuses.shift() ?? "ok";
    if (status === "ok") effect();
    if (!disk.hold) return Promise.resolve(status);
    return new Promise((resolve) => held.push(() => resolve(status)));
  };
  const disk: FakeDisk = {
    sectorCount,
    readOnly,
    id,
    bytes,
    durable: new Uint8Array(bytes.length),
    calls: [],
    statuses: [],
    hold: false,
    release(...places) {
      const all = held.splice(0);
      if (places.length === 0) return all.forEach((resolve) => resolve());
      for (const place of places) all[place]?.();
      held.push(...all.filter((_, place) => !places.includes(place)));
    },
    read: (sector, into) =>
      answer(`read ${sector} ${into.length / 512}`, () => {
        into.set(bytes.subarray(512 * sector, 512 * sector + into.length));
      }),
    write: (sector, from) =>
      answer(`write ${sector} ${from.length / 512}`, () => bytes.set(from, 512 * sector)),
    flush: () => answer("flush", () => disk.durable.set(bytes)),
    discard: (sector, count) => answer(`discard ${sector} ${count}`, () => {}),
    writeZeroes: (sector, count) =>
      answer(`zeroes ${sector} ${count}`, () => {
        bytes.fill(0, 512 * sector, 512 * (sector + count));
      }),
  };
  return disk;
}
