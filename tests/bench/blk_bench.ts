/**
 * A durable write of 4 KiB through driver, device and disk file, against the same on the bare file.
 *
 *     deno run -A tests/bench/blk_bench.ts [FOLDER]        medians, and their ratio, in one run
 *
 * Both go to the same places of the same file, turn by turn, so that both meet the same host. The bare
 * file is used with calls that wait, its fastest way; the disk's flush goes over a thread.
 *
 * @module
 */

import { openDiskFile } from "@hw/host/disk_file.ts";
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

async function timed(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return 1000 * (performance.now() - start);
}

interface Sides {
  readonly blk: BlockDevice;
  readonly file: Deno.FsFile;
}

async function compare({ blk, file }: Sides, flushes: boolean): Promise<string> {
  const bytes = new Uint8Array(WRITE_LENGTH).fill(0x5a);
  const through: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < ROUNDS + ROUNDS_WARM; round++) {
    const sector = (round * STEP * WRITE_SECTORS) % SECTORS;
    const one = await timed(async () => {
      assert(await blk.write(sector, bytes) === "ok", "a write succeeds");
      if (flushes) assert(await blk.flush() === "ok", "a flush succeeds");
    });
    const other = await timed(() => {
      file.seekSync(sector * 512, Deno.SeekMode.Start);
      file.writeSync(bytes);
      if (flushes) file.syncDataSync();
    });
    if (round < ROUNDS_WARM) continue;
    through.push(one);
    plain.push(other);
  }
  const [device, bare] = [median(through), median(plain)];
  const what = flushes ? "4 KiB and flush" : "4 KiB          ";
  const ratio = (device / bare).toFixed(2);
  return `${what}  device ${device.toFixed(1)} us  file ${bare.toFixed(1)} us  ratio ${ratio}`;
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync({ dir: Deno.args[0] ?? "/tmp", prefix: "nx-blk-bench-" });
  const path = `${folder}/disk.img`;
  const disk = openDiskFile({ path, sectorCount: SECTORS, id: "bench" });
  const file = Deno.openSync(path, { read: true, write: true });
  const sides = { blk: blkMachine(disk).blk, file };
  console.log(await compare(sides, true));
  console.log(await compare(sides, false));
  file.close();
  await disk.close();
  Deno.removeSync(folder, { recursive: true });
}
