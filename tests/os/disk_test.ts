import { hostClock } from "@hw/host/clock.ts";
import { openDiskFile } from "@hw/host/disk_file.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { deepEqual, equal } from "../fakes/assert.ts";
import { blkMachine } from "../fakes/blk_machine.ts";
import { test } from "../fakes/test.ts";

test("VirtioBlkDriver finds again, in a new machine, what it flushed to a file of the host", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-blk-" });
  try {
    const path = `${folder}/disk.img`;
    const bytes = Uint8Array.from({ length: 512 * 3000 }, (_, at) => (at * 7) & 0xff);
    const { later } = hostTurns(hostClock());
    const disk = openDiskFile({ path, sectorCount: 4096, id: "NEXUS0001" });
    const { blk } = blkMachine(disk, later);
    deepEqual([await blk.write(7, bytes), await blk.flush()], ["ok", "ok"]);
    await disk.close();
    const again = openDiskFile({ path, sectorCount: 1, id: "NEXUS0001", readOnly: true });
    const found = blkMachine(again, later).blk;
    deepEqual(await found.read(7, 3000), { status: "ok", value: bytes });
    equal(await found.write(0, new Uint8Array(512)), "io_error");
    await again.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
