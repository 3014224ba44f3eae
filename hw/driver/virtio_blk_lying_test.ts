/** The driver with a device behind it that does not keep the rules. */

import type { BlockDevice } from "@runtime/core/block_device.ts";
import { deepEqual, equal, rejects, throws } from "@tests/fakes/assert.ts";
import { type LyingDevice, lyingDevice, type LyingParts } from "@tests/fakes/lying_device.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";
import { openVirtioBlk } from "./virtio_blk.ts";

const BLK = 2;
const FLUSH = 1 << 9;
const SIZE_MAX = 1 << 1;
const SEG_MAX = 1 << 2;
const DISCARD = 1 << 13;
const WRITE_ZEROES = 1 << 14;

/** 16 sectors; size_max, seg_max and the rest as given, by offset. */
function config(words: Readonly<Record<number, number>> = {}): Map<number, number> {
  const entries = Object.entries(words).map(([at, word]): [number, number] => [
    0x100 + Number(at),
    word,
  ]);
  return new Map([[0x100, 16], [0x104, 0], ...entries]);
}

/** A lying device whose configuration is read in words. */
function deviceOf(
  words: Readonly<Record<number, number>>,
  parts: Partial<LyingParts>,
  generation: () => number = () => 0,
) {
  const device = lyingDevice({ deviceId: BLK, features: [FLUSH, 1], ...parts });
  const values = config(words);
  const window = {
    ...device.window,
    read32: (offset: number) =>
      offset === 0xfc ? generation() : values.get(offset) ?? device.window.read32(offset),
  };
  const open = () => openVirtioBlk({ window, dma: device.dma, irq: device.irq });
  return { device, values, open };
}

function setUp(parts: Partial<LyingParts> = {}) {
  const made = deviceOf({}, parts);
  return { ...made, blk: made.open() };
}

function broken(code: DriverErrorCode) {
  return (error: unknown) => error instanceof DriverError && error.code === code;
}

/** The descriptors of the request offered last: header, data, status. */
function requested(device: LyingDevice, count: number) {
  const queue = device.queue(0);
  const head = queue.head(queue.offered - 1);
  return { head, parts: Array.from({ length: count }, (_, at) => queue.descriptor(head + at)) };
}

/** Ends the request offered last, which has `count` descriptors. */
function answer(device: LyingDevice, count: number, said: { status: number; length: number }) {
  const { head, parts } = requested(device, count);
  const status = parts.at(-1)?.address ?? 0;
  device.dma.bytes[status - device.dma.base] = said.status;
  device.queue(0).use(head, said.length);
  device.interrupt(1);
}

test("openVirtioBlk breaks on a device whose configuration cannot be", () => {
  const cases: readonly [DriverErrorCode, Readonly<Record<number, number>>, number][] = [
    ["capacity_out_of_range", { 0: 0 }, FLUSH],
    ["capacity_out_of_range", { 4: 2 ** 12 }, FLUSH],
    ["limit_out_of_range", { 8: 511 }, SIZE_MAX],
    ["limit_out_of_range", { 12: 0 }, SEG_MAX],
    ["limit_out_of_range", { 36: 0, 40: 1 }, DISCARD],
    ["limit_out_of_range", { 36: 1, 40: 0 }, DISCARD],
    ["limit_out_of_range", { 48: 0, 52: 1 }, WRITE_ZEROES],
    ["limit_out_of_range", { 48: 1, 52: 0 }, WRITE_ZEROES],
  ];
  for (const [code, words, feature] of cases) {
    const { open, device } = deviceOf(words, { features: [feature, 1] });
    throws(open, broken(code));
    equal((device.registers.get(0x70) ?? 0) & 0x80, 0x80);
  }
});

test("openVirtioBlk takes limits at their least, and one that is not offered says nothing", () => {
  const least = deviceOf({ 8: 512, 12: 1 }, { features: [SIZE_MAX | SEG_MAX, 1] });
  equal(least.open().sectorCount, 16);
  equal(deviceOf({ 8: 0, 12: 0, 36: 0, 48: 0 }, {}).open().sectorCount, 16);
});

test("openVirtioBlk breaks on a configuration that never stops changing", () => {
  let generation = 0;
  const { open } = deviceOf({}, {}, () => ++generation);
  throws(open, broken("config_unstable"));
});

test("openVirtioBlk demands another queue, or another region, than one that holds no request", () => {
  throws(deviceOf({}, { queueSizeMax: 2 }).open, broken("queue_too_small"));
  throws(deviceOf({}, { queueSizeMax: 3 }).open, broken("queue_too_small"));
  equal(deviceOf({}, { queueSizeMax: 4 }).open().sectorCount, 16);
  throws(deviceOf({}, { regionLength: 0x2000 }).open, broken("region_too_small"));
  equal(deviceOf({}, { regionLength: 0x4000 }).open().sectorCount, 16);
});

test("VirtioBlkDriver asks with header, data and status in descriptors of their own", async () => {
  const { device, blk } = setUp();
  const reading = blk.read(5, 2);
  await settle();
  const { parts } = requested(device, 3);
  deepEqual(parts.map(({ length, flags }) => [length, flags]), [[16, 1], [1024, 3], [1, 2]]);
  const header = (parts[0]?.address ?? 0) - device.dma.base;
  deepEqual([...device.dma.bytes.subarray(header, header + 16)], [
    ...[0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0],
  ]);
  const data = (parts[1]?.address ?? 0) - device.dma.base;
  device.dma.bytes.fill(9, data, data + 1024);
  answer(device, 3, { status: 0, length: 1025 });
  deepEqual(await reading, { status: "ok", value: new Uint8Array(1024).fill(9) });
  equal(device.completed, 1);
});

test("VirtioBlkDriver cuts data as size_max and seg_max say", async () => {
  const { device, open } = deviceOf({ 8: 1100, 12: 2 }, { features: [SIZE_MAX | SEG_MAX, 1] });
  const writing = open().write(0, new Uint8Array(512 * 5));
  await settle();
  equal(device.queue(0).offered, 2);
  const first = device.queue(0).head(0);
  const lengths = [0, 1, 2, 3].map((at) => device.queue(0).descriptor(first + at).length);
  deepEqual(lengths, [16, 1024, 1024, 1]);
  deepEqual(requested(device, 3).parts.map(({ length }) => length), [16, 512, 1]);
  device.dma.bytes.fill(0);
  device.interrupt(2);
  device.registers.set(0x70, 0x4f);
  await rejects(writing, broken("needs_reset"));
});

/** Answers to a read of one sector that no honest device gives. */
const LIES: readonly [string, DriverErrorCode, number, number][] = [
  ["a status that is none", "bad_status", 3, 513],
  ["no status written", "bad_status", 0xff, 513],
  ["more than there was room for", "used_length_out_of_range", 0, 514],
  ["a failure that wrote more than there was room for", "used_length_out_of_range", 1, 514],
  ["a success that wrote less than all", "used_length_out_of_range", 0, 512],
  ["a success that wrote nothing", "used_length_out_of_range", 0, 0],
];

for (const [name, code, status, length] of LIES) {
  test(`VirtioBlkDriver breaks on ${name}, for every call, and stays broken`, async () => {
    const { device, blk } = setUp();
    const other = blk.flush();
    const reading = blk.read(0, 1);
    await settle();
    answer(device, 3, { status, length });
    await rejects(reading, broken(code));
    await rejects(other, broken(code));
    await brokenForEver(blk, code);
  });
}

async function brokenForEver(blk: BlockDevice, code: DriverErrorCode): Promise<void> {
  await rejects(blk.read(0, 1), broken(code));
  await rejects(blk.write(0, new Uint8Array(512)), broken(code));
  await rejects(blk.flush(), broken(code));
  await rejects(blk.id(), broken(code));
}

test("VirtioBlkDriver takes no status for a new one that stood there before", async () => {
  const { device, blk } = setUp();
  const first = blk.flush();
  await settle();
  answer(device, 2, { status: 0, length: 1 });
  equal(await first, "ok");
  const second = blk.flush();
  await settle();
  device.queue(0).use(requested(device, 2).head, 1);
  device.interrupt(1);
  await rejects(second, broken("bad_status"));
});

test("VirtioBlkDriver takes any length that there was room for with a failure", async () => {
  for (const length of [0, 1, 513]) {
    const { device, blk } = setUp();
    const reading = blk.read(0, 1);
    await settle();
    answer(device, 3, { status: 1, length });
    deepEqual(await reading, { status: "io_error" });
  }
});

test("VirtioBlkDriver breaks on heads that it did not offer, and on one that comes twice", async () => {
  for (const id of [1, 2, 3, 0xffff_ffff]) {
    const { device, blk } = setUp();
    const reading = blk.read(0, 1);
    await settle();
    const { head } = requested(device, 3);
    device.queue(0).use(head + id, 513);
    device.interrupt(1);
    await rejects(reading, broken("used_id_not_in_flight"));
  }
  const { device, blk } = setUp();
  const both = [blk.flush(), blk.flush()];
  await settle();
  answer(device, 2, { status: 0, length: 1 });
  answer(device, 2, { status: 0, length: 1 });
  await rejects(Promise.all(both), broken("used_id_not_in_flight"));
});

test("VirtioBlkDriver breaks on an index that runs ahead", async () => {
  const { device, blk } = setUp();
  const reading = blk.read(0, 1);
  await settle();
  device.queue(0).setUsedIndex(2);
  device.interrupt(1);
  await rejects(reading, broken("used_index_jump"));
});

test("VirtioBlkDriver breaks on a device whose size changes, or that needs a reset", async () => {
  const shrinking = setUp();
  const reading = shrinking.blk.read(0, 1);
  await settle();
  shrinking.device.interrupt(2);
  await settle();
  shrinking.values.set(0x100, 8);
  shrinking.device.interrupt(2);
  await rejects(reading, broken("capacity_changed"));
  equal(shrinking.device.completed, 2);
  const stuck = setUp();
  const flushing = stuck.blk.flush();
  await settle();
  stuck.device.registers.set(0x70, 0x4f);
  stuck.device.interrupt(2);
  await rejects(flushing, broken("needs_reset"));
  await brokenForEver(stuck.blk, "needs_reset");
});

test("VirtioBlkDriver breaks on an id that is no text", async () => {
  const { device, blk } = setUp();
  const asking = blk.id();
  await settle();
  const { parts } = requested(device, 3);
  const at = (parts[1]?.address ?? 0) - device.dma.base;
  device.dma.bytes.fill(0x80, at, at + 20);
  answer(device, 3, { status: 0, length: 21 });
  await rejects(asking, broken("bad_id"));
  await rejects(blk.flush(), broken("bad_id"));
});

test("VirtioBlkDriver's calls end although the device never answers, and pile up nowhere", async () => {
  const { device, blk } = setUp();
  const time = Promise.resolve();
  for (let round = 0; round < 20; round++) {
    equal(await blk.flush(time), "expired");
    deepEqual(await blk.read(0, 1, time), { status: "expired" });
    deepEqual(await blk.id(time), { status: "expired" });
  }
  equal(device.queue(0).offered, 8);
});

test("VirtioBlkDriver takes no bytes for a caller whose time was up", async () => {
  const { device, blk } = setUp();
  const expiry = Promise.withResolvers<void>();
  const reading = blk.read(0, 1, expiry.promise);
  await settle();
  expiry.resolve();
  const read = await reading;
  answer(device, 3, { status: 0, length: 513 });
  await settle();
  deepEqual(read, { status: "expired" });
  const next = blk.flush();
  await settle();
  answer(device, 2, { status: 0, length: 1 });
  equal(await next, "ok");
});

test("VirtioBlkDriver without FLUSH asks for none, and without the others says so", async () => {
  const { device, blk } = setUp({ features: [0, 1] });
  equal(await blk.flush(), "ok");
  equal(await blk.discard(0, 1), "unsupported");
  equal(await blk.writeZeroes(0, 1), "unsupported");
  equal(device.queue(0).offered, 0);
});
