import { DriverError } from "@hw/driver/error.ts";
import type { BlockDevice, BlockStatus } from "@runtime/core/block_device.ts";
import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { blockDisk, DISK_TIMEOUT_MS, type Within } from "./block_disk.ts";

/** A device of 8 sectors that ends everything in one way. */
function device(status: BlockStatus, broken?: Error): BlockDevice {
  const end = <T>(value: T): Promise<T> =>
    broken === undefined ? Promise.resolve(value) : Promise.reject(broken);
  const value = new Uint8Array(1024).fill(7);
  return {
    sectorCount: 8,
    readOnly: false,
    id: () => end({ status: "ok", value: "x" }),
    read: () => end(status === "ok" ? { status, value } : { status }),
    write: () => end(status),
    flush: () => end(status),
    discard: () => end(status),
    writeZeroes: () => end(status),
  };
}

const limits: number[] = [];
const within: Within = (limitMs, work) => {
  limits.push(limitMs);
  return work(Promise.resolve());
};

test("blockDisk reads, writes and flushes whole blocks, each within its time", async () => {
  const disk = blockDisk(device("ok"), within);
  deepEqual([disk.blockCount, disk.blockSize], [8, 512]);
  const into = new Uint8Array(1024);
  limits.length = 0;
  equal(await disk.read(2, into), "ok");
  deepEqual(into, new Uint8Array(1024).fill(7));
  deepEqual([await disk.write(0, into), await disk.flush()], ["ok", "ok"]);
  deepEqual(limits, [DISK_TIMEOUT_MS, DISK_TIMEOUT_MS, DISK_TIMEOUT_MS]);
});

test("blockDisk says io_error of a device that fails, is late, or broke the rules", async () => {
  const ends = [
    ...(["io_error", "unsupported", "expired"] as const).map((status) => device(status)),
    device("ok", new DriverError("bad_status", 9)),
  ];
  for (const each of ends) {
    const disk = blockDisk(each, within);
    const into = new Uint8Array(512);
    const told = [await disk.read(0, into), await disk.write(0, into), await disk.flush()];
    deepEqual(told, ["io_error", "io_error", "io_error"]);
    deepEqual(into, new Uint8Array(512));
  }
  const bug = blockDisk(device("ok", new TypeError("a bug")), within);
  await rejects(() => bug.flush(), TypeError);
});
