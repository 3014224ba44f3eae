import { InvariantError } from "@runtime/core/assert.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { blkGuest } from "@tests/fakes/blk_guest.ts";
import { fakeDisk } from "@tests/fakes/disk.ts";
import { bringUp, GuestQueue } from "@tests/fakes/guest_queue.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import {
  LENGTH_PER_TURN_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  REQUESTS_PER_TURN_MAX,
  VirtioBlk,
} from "./blk.ts";
import { ZEROES_SECTORS_MAX } from "./blk_request.ts";

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;
const WRITE_ZEROES = 13;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

/** A range as DISCARD and WRITE_ZEROES take it. */
function range(sector: number | bigint, count: number, flags = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, count, true);
  view.setUint32(12, flags, true);
  return new Uint8Array(view.buffer);
}

function filled(length: number, byte = 0x5a): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

test("VirtioBlk says what its disk is", () => {
  const { mmio } = blkGuest({ sectorCount: 2 ** 32 / 4096 });
  deepEqual([0x100, 0x104].map((at) => mmio.read(at, 4)), [2 ** 20, 0]);
  deepEqual([0x108, 0x10c, 0x114].map((at) => mmio.read(at, 4)), [8192, 128, 512]);
  deepEqual([0x124, 0x128, 0x12c].map((at) => mmio.read(at, 4)), [0x3fffff, 1, 1]);
  deepEqual([0x130, 0x134, 0x138].map((at) => mmio.read(at, 4)), [2048, 1, 0]);
  equal(mmio.read(0x10, 4) & 0x6266, 0x6246);
  equal(blkGuest({ readOnly: true }).mmio.read(0x10, 4) & 0x6266, 0x266);
  const huge = { ...fakeDisk(), sectorCount: 2 ** 40 + 3 };
  deepEqual([...new VirtioBlk(huge).config.subarray(0, 8)], [3, 0, 0, 0, 0, 1, 0, 0]);
});

test("VirtioBlk refuses to be built on a disk that it cannot describe", () => {
  const disk = fakeDisk();
  throws(() => new VirtioBlk({ ...disk, sectorCount: 0 }), InvariantError);
  throws(() => new VirtioBlk({ ...disk, sectorCount: 2 ** 53 }), InvariantError);
  throws(() => new VirtioBlk({ ...disk, id: "x".repeat(21) }), InvariantError);
  throws(() => new VirtioBlk({ ...disk, id: "\u00e9" }), InvariantError);
});

test("VirtioBlk reads sectors, and says data and status as used", async () => {
  const guest = blkGuest();
  guest.disk.bytes.fill(7, 512 * 3, 512 * 5);
  deepEqual(await guest.run({ type: IN, sector: 3, room: 1024 }), { status: OK, length: 1025 });
  deepEqual(guest.data(0, 1025), Uint8Array.of(...filled(1024, 7), 0xee));
});

test("VirtioBlk writes sectors, and says the status alone as used", async () => {
  const guest = blkGuest();
  const out = filled(1024);
  deepEqual(await guest.run({ type: OUT, sector: 62, out }), { status: OK, length: 1 });
  deepEqual(guest.disk.bytes.subarray(62 * 512), out);
  deepEqual(guest.disk.calls, ["write 62 2"]);
});

test("VirtioBlk copies written data once: what the guest changes afterwards is not written", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  guest.ask(0, { type: OUT, out: filled(512, 1) });
  guest.kick();
  guest.region.bytes.fill(2, 0x2_0000, 0x2_0200);
  guest.header(0, { type: IN, sector: 9 });
  guest.disk.release();
  await settle();
  deepEqual(guest.disk.bytes.subarray(0, 512), filled(512, 1));
  deepEqual(guest.disk.calls, ["write 0 1"]);
});

test("VirtioBlk takes a transfer of no sectors up to the very end", async () => {
  const guest = blkGuest();
  deepEqual(await guest.run({ type: IN, sector: 64 }), { status: OK, length: 1 });
  deepEqual(await guest.run({ type: IN, sector: 65 }), { status: IOERR, length: 1 });
});

for (const [name, type] of [["IN", IN], ["OUT", OUT]] as const) {
  test(`VirtioBlk refuses ${name} outside the disk, without a partial transfer`, async () => {
    const sectors = [63, 64, 65, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 2n];
    for (const sector of sectors) {
      const guest = blkGuest();
      const data = type === IN ? { room: 1024 } : { out: filled(1024) };
      const { status, length } = await guest.run({ type, sector, ...data });
      deepEqual({ sector, status, length }, { sector, status: IOERR, length: type === IN ? 0 : 1 });
      deepEqual(guest.disk.calls, []);
      equal(guest.device.failures.refused, 1);
    }
    const guest = blkGuest();
    const data = type === IN ? { room: 1024 } : { out: filled(1024) };
    equal((await guest.run({ type, sector: 62, ...data })).status, OK);
  });

  test(`VirtioBlk refuses ${name} of a part of a sector`, async () => {
    for (const length of [1, 511, 513]) {
      const guest = blkGuest();
      const data = type === IN ? { room: length } : { out: filled(length) };
      equal((await guest.run({ type, ...data })).status, IOERR);
      deepEqual(guest.disk.calls, []);
    }
  });

  test(`VirtioBlk takes ${name} of 1 MiB and not a sector more`, async () => {
    for (const [length, status] of [[0x10_0000, OK], [0x10_0200, IOERR]] as const) {
      const guest = blkGuest({ sectorCount: 4096 });
      const data = type === IN ? { room: length } : { out: filled(length) };
      equal((await guest.run({ type, ...data })).status, status);
    }
  });
}

test("VirtioBlk flushes, and a write is durable only then when FLUSH was agreed on", async () => {
  const guest = blkGuest();
  await guest.run({ type: OUT, out: filled(512) });
  equal(guest.disk.durable[0], 0);
  deepEqual(await guest.run({ type: FLUSH }), { status: OK, length: 1 });
  equal(guest.disk.durable[0], 0x5a);
});

test("VirtioBlk answers a write only when it is durable when FLUSH was not agreed on", async () => {
  const requests = [
    { type: OUT, out: filled(512) },
    { type: WRITE_ZEROES, out: range(0, 1) },
    { type: DISCARD, out: range(0, 1) },
  ];
  for (const request of requests) {
    const guest = blkGuest({}, 0);
    guest.disk.hold = true;
    guest.ask(0, request);
    guest.kick();
    guest.disk.release();
    await settle();
    equal(guest.disk.calls[1], "flush");
    equal(guest.queue.usedIndex, 0);
    guest.disk.release();
    await settle();
    deepEqual([guest.queue.usedIndex, guest.status(0)], [1, OK]);
  }
});

test("VirtioBlk fails a write whose flush fails when FLUSH was not agreed on", async () => {
  const guest = blkGuest({}, 0);
  guest.disk.statuses.push("ok", "io_error");
  equal((await guest.run({ type: OUT, out: filled(512) })).status, IOERR);
});

test("VirtioBlk gives its id, padded with zeros", async () => {
  const guest = blkGuest({ id: "NEXUS0001" });
  deepEqual(await guest.run({ type: GET_ID, room: 20 }), { status: OK, length: 21 });
  const padded = Uint8Array.of(...new TextEncoder().encode("NEXUS0001"), ...filled(11, 0));
  deepEqual(guest.data(0, 21), Uint8Array.of(...padded, 0xee));
  deepEqual(await guest.run({ type: GET_ID, room: 30 }), { status: OK, length: 20 });
  deepEqual(await guest.run({ type: GET_ID, room: 19 }), { status: IOERR, length: 0 });
});

test("VirtioBlk discards and zeroes a range", async () => {
  const guest = blkGuest();
  guest.disk.bytes.fill(9);
  deepEqual(await guest.run({ type: DISCARD, out: range(1, 2) }), { status: OK, length: 1 });
  deepEqual(await guest.run({ type: WRITE_ZEROES, out: range(4, 2) }), { status: OK, length: 1 });
  deepEqual(await guest.run({ type: WRITE_ZEROES, out: range(8, 1, 1) }), {
    status: OK,
    length: 1,
  });
  deepEqual(guest.disk.calls, ["discard 1 2", "zeroes 4 2", "zeroes 8 1"]);
  deepEqual(guest.disk.bytes.subarray(4 * 512, 6 * 512), filled(1024, 0));
});

test("VirtioBlk refuses a range outside the disk, too long, or with flags it does not know", async () => {
  const cases: readonly [number, Uint8Array, number][] = [
    [DISCARD, range(63, 2), IOERR],
    [DISCARD, range(2n ** 64n - 1n, 2), IOERR],
    [DISCARD, range(0, 0xffffffff), IOERR],
    [DISCARD, range(0, 1, 1), UNSUPP],
    [DISCARD, range(0, 1, 2), UNSUPP],
    [WRITE_ZEROES, range(0, 1, 2), UNSUPP],
    [WRITE_ZEROES, range(0, 1, 0x80000001), UNSUPP],
    [WRITE_ZEROES, range(65, 0), IOERR],
    [WRITE_ZEROES, range(0, 1).subarray(0, 15), IOERR],
    [WRITE_ZEROES, Uint8Array.of(...range(0, 1), ...range(2, 1)), IOERR],
    [WRITE_ZEROES, filled(0), IOERR],
  ];
  for (const [type, out, status] of cases) {
    const guest = blkGuest();
    equal((await guest.run({ type, out })).status, status);
    deepEqual(guest.disk.calls, []);
  }
});

test("VirtioBlk bounds a range, whatever the disk's size", async () => {
  const limits = [[DISCARD, 0x3f_ffff], [WRITE_ZEROES, ZEROES_SECTORS_MAX]] as const;
  for (const [type, countMax] of limits) {
    const disk = { ...fakeDisk(), sectorCount: 2 ** 40, writeZeroes: fakeDisk().discard };
    const guest = blkGuest({}, 1 << 9, disk);
    equal((await guest.run({ type, out: range(0, countMax) })).status, OK);
    equal((await guest.run({ type, out: range(0, countMax + 1) })).status, IOERR);
  }
});

test("VirtioBlk writes nothing to a disk that is read-only", async () => {
  const guest = blkGuest({ readOnly: true });
  for (
    const [type, out] of [[OUT, filled(512)], [DISCARD, range(0, 1)], [13, range(0, 1)]] as const
  ) {
    deepEqual(await guest.run({ type, out }), { status: IOERR, length: 1 });
  }
  deepEqual(guest.disk.calls, []);
  equal((await guest.run({ type: IN, room: 512 })).status, OK);
  equal((await guest.run({ type: FLUSH })).status, OK);
});

test("VirtioBlk knows no other type", async () => {
  const guest = blkGuest();
  for (const type of [2, 3, 5, 7, 9, 10, 12, 14, 16, 0x80000000, 0xffffffff]) {
    deepEqual(await guest.run({ type }), { status: UNSUPP, length: 1 });
    deepEqual(await guest.run({ type, room: 512 }), { status: UNSUPP, length: 0 });
  }
  deepEqual(guest.disk.calls, []);
});

test("VirtioBlk says IOERR, and no data, when its disk fails, and goes on", async () => {
  const guest = blkGuest();
  guest.disk.statuses.push("io_error", "no_space", "io_error", "io_error", "no_space");
  deepEqual(await guest.run({ type: IN, room: 512 }), { status: IOERR, length: 0 });
  deepEqual(guest.data(0, 512), filled(512, 0xee));
  const rest = [{ type: OUT, out: filled(512) }, { type: FLUSH }, {
    type: DISCARD,
    out: range(0, 1),
  }, { type: WRITE_ZEROES, out: range(0, 1) }];
  for (const request of rest) deepEqual(await guest.run(request), { status: IOERR, length: 1 });
  deepEqual(guest.device.failures, { refused: 0, ioError: 3, noSpace: 2 });
  equal((await guest.run({ type: IN, room: 512 })).status, OK);
});

test("VirtioBlk works on several requests at once and ends them in any order", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  for (const slot of [0, 1, 2]) guest.ask(slot, { type: IN, sector: slot, room: 512 });
  guest.kick();
  guest.disk.release(2);
  await settle();
  guest.disk.release(0);
  await settle();
  guest.disk.release();
  await settle();
  deepEqual([0, 1, 2].map((index) => guest.queue.usedEntry(index).id), [6, 0, 3]);
});

test("VirtioBlk keeps two requests with one head apart", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  guest.ask(0, { type: OUT, sector: 1, out: filled(512, 1) });
  guest.kick();
  guest.ask(0, { type: OUT, sector: 2, out: filled(512, 2) });
  guest.kick();
  guest.disk.release();
  await settle();
  deepEqual(guest.disk.calls, ["write 1 1", "write 2 1"]);
  equal(guest.queue.usedIndex, 2);
});

test("VirtioBlk bounds the requests under way, and takes the rest when one ends", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  for (let slot = 0; slot < 40; slot++) guest.ask(slot, { type: IN, room: 512 });
  guest.kick();
  guest.kick();
  equal(guest.disk.calls.length, REQUESTS_IN_FLIGHT_MAX);
  guest.disk.release(0);
  await settle();
  equal(guest.disk.calls.length, REQUESTS_IN_FLIGHT_MAX + 1);
  guest.disk.hold = false;
  guest.disk.release();
  await settle();
  for (const work of guest.postponed.splice(0)) work();
  await settle();
  equal(guest.queue.usedIndex, 40);
});

test("VirtioBlk yields after so many requests, although its disk answers at once", async () => {
  const guest = blkGuest();
  for (let slot = 0; slot < 40; slot++) guest.ask(slot, { type: IN, room: 512 });
  guest.kick();
  for (let turn = 0; turn < 10; turn++) await settle();
  deepEqual([guest.queue.usedIndex, guest.postponed.length], [REQUESTS_PER_TURN_MAX, 1]);
  for (const work of guest.postponed.splice(0)) work();
  for (let turn = 0; turn < 10; turn++) await settle();
  equal(guest.queue.usedIndex, 40);
});

test("VirtioBlk yields after so many bytes", async () => {
  const guest = blkGuest({ sectorCount: 4096 });
  for (let slot = 0; slot < 4; slot++) {
    guest.ask(slot, { type: IN, room: LENGTH_PER_TURN_MAX / 2 });
  }
  guest.disk.hold = true;
  guest.kick();
  guest.kick();
  deepEqual([guest.disk.calls.length, guest.postponed.length], [2, 1]);
  for (const work of guest.postponed.splice(0)) work();
  equal(guest.disk.calls.length, 4);
  guest.disk.release();
  await settle();
  equal(guest.queue.usedIndex, 4);
});

test("VirtioBlk reset while requests are under way writes nothing into the next queue", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  for (const slot of [0, 1]) guest.ask(slot, { type: IN, sector: slot, room: 512 });
  guest.kick();
  guest.mmio.write(0x70, 4, 0);
  const again = new GuestQueue(guest.region, { size: 64, offset: 0x8000 });
  bringUp(guest.mmio, { queues: [again], features: 1 << 9 });
  const before = guest.region.bytes.slice();
  guest.disk.release();
  await settle();
  ok(guest.region.bytes.every((byte, at) => byte === before[at]));
  equal(guest.device.inFlight, 0);
  again.describe(0, { address: guest.header(0, { type: FLUSH }), length: 16, flags: 1, next: 1 });
  again.describe(1, { address: guest.base + 0x3_0000, length: 1, flags: 2 });
  again.offer(0);
  guest.disk.hold = false;
  guest.kick();
  await settle();
  deepEqual(again.usedEntry(0), { id: 0, length: 1 });
});

test("VirtioBlk whose queue alone was stopped writes nothing either", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  guest.ask(0, { type: IN, room: 512 });
  guest.kick();
  guest.mmio.write(0x30, 4, 0);
  guest.mmio.write(0x44, 4, 0);
  guest.disk.release();
  await settle();
  deepEqual([guest.data(0, 512), guest.queue.usedIndex], [filled(512, 0xee), 0]);
});

test("VirtioBlk does not let resets pile requests up", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  for (let round = 0; round < 5; round++) {
    const queue = new GuestQueue(guest.region, { size: 256, offset: 0 });
    bringUp(guest.mmio, { queues: [queue], features: 1 << 9 });
    guest.queue.setIndex(0);
    for (let slot = 0; slot < 16; slot++) guest.ask(slot, { type: IN, room: 512 });
    guest.kick();
    equal(guest.device.inFlight, REQUESTS_IN_FLIGHT_MAX);
  }
  equal(guest.disk.calls.length, REQUESTS_IN_FLIGHT_MAX);
  guest.disk.hold = false;
  guest.disk.release();
  await settle();
  for (const work of guest.postponed.splice(0)) work();
  await settle();
  equal(guest.queue.usedIndex, 16);
});
