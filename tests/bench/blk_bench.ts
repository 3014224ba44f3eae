/**
 * A durable write of 4 KiB through driver, device and disk file, against the same on the bare file.
 *
 *     deno run -A tests/bench/blk_bench.ts [FOLDER]        medians, and their ratio, in one run
 *
 * Both go to the same places of the same file, turn by turn, so that both meet the same host. The bare
 * file is used with calls that wait, its fastest way; its flush also over a thread, as the disk's.
 *
 * @module
 */

import { hostClock } from "@hw/host/clock.ts";
import { openDiskFile } from "@hw/host/disk_file.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { assert } from "@runtime/core/assert.ts";
import type { BlockDevice } from "@runtime/core/block_device.ts";
import { blkMachine } from "../fakes/blk_machine.ts";

const SECTORS = 131_072;
const WRITE_LENGTH = 4096;
const WRITE_SECTORS = WRITE_LENGTH / 512;
const ROUNDS = 1000;
const ROUNDS_WARM = 100;
/** Prime: the writes wander over the whole file. */
const STEP = 7919;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return 1000 * (performance.now() - start);
}

function overwrite(file: Deno.FsFile, sector: number, bytes: Uint8Array): void {
  file.seekSync(sector * 512, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

function syncNow(file: Deno.FsFile): void {
  file.syncDataSync();
}

interface Sides {
  readonly blk: BlockDevice;
  readonly file: Deno.FsFile;
}

/** Whether both flush, and whether the bare file's flush waits or goes over a thread as the disk's. */
type Flush = "none" | "waits" | "thread";

async function compare({ blk, file }: Sides, flush: Flush): Promise<string> {
  const bytes = new Uint8Array(WRITE_LENGTH).fill(0x5a);
  const through: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS + ROUNDS_WARM; round++) {
    const sector = (round * STEP * WRITE_SECTORS) % SECTORS;
    const one = await timed(async () => {
      assert(await blk.write(sector, bytes) === "ok", "a write succeeds");
      if (flush !== "none") assert(await blk.flush() === "ok", "a flush succeeds");
    });
    const other = await timed(async () => {
      overwrite(file, sector, bytes);
      if (flush === "waits") syncNow(file);
      if (flush === "thread") await file.syncData();
    });
    if (round < ROUNDS_WARM) continue;
    through.push(one);
    plain.push(other);
  }
  const [device, bare] = [median(through), median(plain)];
  const what = `4 KiB, flush ${flush}`.padEnd(20);
  const ratio = (device / bare).toFixed(2);
  return `${what}  device ${device.toFixed(1)} us  file ${bare.toFixed(1)} us  ratio ${ratio}`;
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync({ dir: Deno.args[0] ?? "/tmp", prefix: "nx-blk-bench-" });
  const path = `${folder}/disk.img`;
  const disk = openDiskFile({ path, sectorCount: SECTORS, id: "bench" });
  const file = Deno.openSync(path, { read: true, write: true });
  const sides = { blk: blkMachine(disk, hostTurns(hostClock()).later).blk, file };
  for (const flush of ["waits", "thread", "none"] as const) {
    console.log(await compare(sides, flush));
  }
  file.close();
  await disk.close();
  Deno.removeSync(folder, { recursive: true });
}
