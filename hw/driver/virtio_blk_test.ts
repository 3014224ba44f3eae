/** The driver with the device of this machine behind it. */

import { openVirtioBlk } from "./virtio_blk.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { deepEqual, equal, rejects, throws } from "@tests/fakes/assert.ts";
import { blkMachine } from "@tests/fakes/blk_machine.ts";
import { fakeDisk, type FakeDiskParts } from "@tests/fakes/disk.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";

function setUp(parts: FakeDiskParts = {}) {
  const disk = fakeDisk(parts);
  return { disk, ...blkMachine(disk) };
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >>> 9)) & 0xff);
}

test("openVirtioBlk finds size, id and whether it may write", async () => {
  const { blk } = setUp({ sectorCount: 100, id: "twenty letters of it" });
  deepEqual([blk.sectorCount, blk.readOnly], [100, false]);
  deepEqual(await blk.id(), { status: "ok", value: "twenty letters of it" });
  const sealed = setUp({ readOnly: true, id: "" }).blk;
  equal(sealed.readOnly, true);
  deepEqual(await sealed.id(), { status: "ok", value: "" });
});

test("VirtioBlkDriver reads back what it wrote, in the place where it wrote", async () => {
  const { blk, disk } = setUp({ sectorCount: 8192 });
  for (const [sector, count] of [[0, 1], [5, 3], [100, 256], [1000, 257], [3000, 4000]] as const) {
    const bytes = pattern(512 * count);
    equal(await blk.write(sector, bytes), "ok");
    deepEqual(disk.bytes.subarray(512 * sector, 512 * (sector + count)), bytes);
    deepEqual(await blk.read(sector, count), { status: "ok", value: bytes });
  }
  deepEqual(await blk.read(8192, 0), { status: "ok", value: new Uint8Array(0) });
});

test("VirtioBlkDriver cuts at 128 KiB, has eight requests under way and no more", async () => {
  const { blk, disk, machine } = setUp({ sectorCount: 4096 });
  disk.hold = true;
  const writing = blk.write(0, pattern(20 * 0x2_0000 / 2));
  deepEqual(disk.calls, [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `write ${256 * n} 256`));
  const reading = blk.read(0, 1);
  await settle();
  equal(machine.blk?.inFlight, 8);
  disk.hold = false;
  disk.release();
  equal(await writing, "ok");
  equal((await reading).status, "ok");
  equal(disk.calls.length, 11);
});

test("VirtioBlkDriver flushes: what ended before is durable", async () => {
  const { blk, disk } = setUp();
  await blk.write(3, pattern(512));
  equal(disk.durable[3 * 512 + 1], 0);
  equal(await blk.flush(), "ok");
  equal(disk.durable[3 * 512 + 1], 7);
});

test("VirtioBlkDriver discards and zeroes, in as many requests as it takes", async () => {
  const { blk, disk } = setUp({ sectorCount: 8192 });
  disk.bytes.fill(1);
  equal(await blk.discard(1, 5000), "ok");
  equal(await blk.writeZeroes(10, 5000), "ok");
  deepEqual(disk.calls, [
    "discard 1 5000",
    "zeroes 10 2048",
    "zeroes 2058 2048",
    "zeroes 4106 904",
  ]);
  deepEqual([disk.bytes.indexOf(0), disk.bytes.lastIndexOf(0)], [5120, 512 * 5010 - 1]);
});

test("VirtioBlkDriver says what the disk could not do, and goes on", async () => {
  const { blk, disk } = setUp();
  disk.statuses.push("io_error", "no_space", "io_error", "no_space", "io_error");
  deepEqual(await blk.read(0, 1), { status: "io_error" });
  equal(await blk.write(0, pattern(512)), "io_error");
  equal(await blk.flush(), "io_error");
  equal(await blk.writeZeroes(0, 1), "io_error");
  equal(await blk.discard(0, 1), "io_error");
  equal(await blk.write(0, pattern(512)), "ok");
});

test("VirtioBlkDriver on a read-only device is told so, and writes nothing", async () => {
  const { blk, disk } = setUp({ readOnly: true });
  equal(await blk.write(0, pattern(512)), "io_error");
  equal(await blk.discard(0, 1), "unsupported");
  equal(await blk.writeZeroes(0, 1), "unsupported");
  deepEqual(disk.calls, []);
});

test("VirtioBlkDriver takes whole sectors of the device; anything else is a bug of the caller", async () => {
  const { blk, disk } = setUp();
  for (const [sector, count] of [[64, 1], [63, 2], [-1, 1], [0, -1], [0.5, 1], [0, 65], [0, NaN]]) {
    await rejects(blk.read(sector ?? 0, count ?? 0), InvariantError);
    throws(() => blk.discard(sector ?? 0, count ?? 0), InvariantError);
    throws(() => blk.writeZeroes(sector ?? 0, count ?? 0), InvariantError);
  }
  for (const length of [1, 511, 513]) throws(() => blk.write(0, pattern(length)), InvariantError);
  throws(() => blk.write(63, pattern(1024)), InvariantError);
  deepEqual(disk.calls, []);
});

test("VirtioBlkDriver's calls end when their time is up, and later ones go on", async () => {
  const { blk, disk } = setUp({ sectorCount: 4096 });
  const expiry = Promise.withResolvers<void>();
  disk.hold = true;
  const calls = [
    blk.write(0, pattern(16 * 0x2_0000), expiry.promise),
    blk.flush(expiry.promise),
    blk.discard(0, 1, expiry.promise),
  ];
  const reading = blk.read(0, 1, expiry.promise);
  await settle();
  expiry.resolve();
  deepEqual(await Promise.all(calls), ["expired", "expired", "expired"]);
  deepEqual(await reading, { status: "expired" });
  equal(disk.calls.length, 8);
  disk.hold = false;
  disk.release();
  await settle();
  equal(disk.calls.length, 8);
  equal((await blk.read(0, 1)).status, "ok");
});

test("VirtioBlkDriver ends all that wait, and all after them, when its pump hits a bug", async () => {
  const { device, disk } = setUp({ sectorCount: 4096 });
  disk.hold = true;
  const bug = new TypeError("a bug below the driver");
  const trap = Promise.withResolvers<void>();
  const waits = [trap.promise];
  const wait = () => waits.shift() ?? new Promise<void>(() => {});
  const blk = openVirtioBlk({ ...device, irq: { wait, complete() {} } });
  const under = [blk.read(0, 1), blk.write(0, pattern(20 * 0x2_0000 / 2)), blk.flush(), blk.id()];
  await settle();
  trap.reject(bug);
  for (const { status, reason } of await Promise.allSettled<unknown>(under).then(rejections)) {
    deepEqual([status, reason === bug], ["rejected", true]);
  }
  await rejects(blk.read(0, 1), TypeError);
  await rejects(blk.flush(), TypeError);
});

/** What each promise ended with; a promise that was kept has no reason. */
function rejections(ends: readonly PromiseSettledResult<unknown>[]) {
  return ends.map((end) => ({
    status: end.status,
    reason: end.status === "rejected" ? end.reason : undefined,
  }));
}
