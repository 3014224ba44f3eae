import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { RAM_DISK_ID, RamDisk } from "./ram_disk.ts";

const PAGE_SECTORS = 128;

async function readBack(disk: RamDisk, sector: number, count: number): Promise<Uint8Array> {
  const into = new Uint8Array(count * 512).fill(0xee);
  equal(await disk.read(sector, into), "ok");
  return into;
}

test("RamDisk reads zeros where nothing was written, and else what was, across pages", async () => {
  const disk = new RamDisk(3 * PAGE_SECTORS);
  deepEqual([disk.id, disk.readOnly, disk.sectorCount], [RAM_DISK_ID, false, 384]);
  const bytes = Uint8Array.from({ length: 4 * 512 }, (_, index) => index % 251 + 1);
  equal(await disk.write(PAGE_SECTORS - 2, bytes), "ok");
  bytes[0] = 0;
  const read = await readBack(disk, PAGE_SECTORS - 3, 6);
  deepEqual(read.subarray(0, 512), new Uint8Array(512));
  equal(read[512], 1);
  deepEqual(read.subarray(513, 5 * 512), bytes.subarray(1));
  deepEqual(read.subarray(5 * 512), new Uint8Array(512));
  equal(await disk.flush(), "ok");
});

test("RamDisk forgets what is discarded or zeroed, and nothing beside it", async () => {
  const disk = new RamDisk(3 * PAGE_SECTORS);
  await disk.write(0, new Uint8Array(3 * PAGE_SECTORS * 512).fill(7));
  equal(await disk.discard(PAGE_SECTORS - 1, PAGE_SECTORS + 2), "ok");
  equal(await disk.writeZeroes(0, 1), "ok");
  const all = await readBack(disk, 0, 3 * PAGE_SECTORS);
  const zeros = Array.from({ length: 3 * PAGE_SECTORS }, (_, sector) => sector)
    .filter((sector) => all[sector * 512] === 0);
  const expected = Array.from({ length: PAGE_SECTORS + 2 }, (_, index) => PAGE_SECTORS - 1 + index);
  deepEqual(zeros, [0, ...expected]);
});
