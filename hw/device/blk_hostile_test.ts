/**
 * Chains that a hostile driver, or one with a taste of its own, gives to the block device.
 *
 * Source: VIRTIO 1.2, "Message Framing", "Split Virtqueues", "Block Device".
 */

import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { type BlkGuest, blkGuest } from "@tests/fakes/blk_guest.ts";
import type { Descriptor } from "@tests/fakes/guest_queue.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import type { QueueErrorCode } from "./chain.ts";

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const INDIRECT_DESC = 1 << 28;
const PLACE = 0x8005_0000;
const TABLE = 0x5_8000;

/** A chain from descriptor 0 on; whoever gives flags says `NEXT` and `next` alone. */
function chain(guest: BlkGuest, parts: readonly Descriptor[], table?: number): void {
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    const flags = (part.flags ?? 0) | (last ? 0 : NEXT);
    guest.queue.describe(index, { next: index + 1, ...part, flags }, table);
  });
}

async function offered(guest: BlkGuest, head = 0) {
  guest.queue.offer(head);
  guest.kick();
  await settle();
  return guest.queue.usedIndex === 0 ? undefined : guest.queue.usedEntry(0);
}

test("VirtioBlk takes a header in pieces, one of them with data, and data that ends in the status", async () => {
  const guest = blkGuest();
  const header = guest.header(0, { type: OUT, sector: 5 });
  guest.region.bytes.fill(0x31, 0x1_0010, 0x1_0010 + 512);
  chain(guest, [
    { address: header, length: 3 },
    { address: header + 3, length: 0 },
    { address: header + 3, length: 13 + 500 },
    { address: header + 16 + 500, length: 12 },
    { address: PLACE, length: 1, flags: WRITE },
  ]);
  deepEqual(await offered(guest), { id: 0, length: 1 });
  deepEqual(guest.disk.bytes.subarray(5 * 512, 6 * 512), new Uint8Array(512).fill(0x31));
  const reading = blkGuest();
  reading.disk.bytes.fill(0x32);
  chain(reading, [
    { address: reading.header(0, { type: IN }), length: 16 },
    { address: PLACE, length: 500, flags: WRITE },
    { address: PLACE + 500, length: 13, flags: WRITE },
  ]);
  deepEqual(await offered(reading), { id: 0, length: 513 });
  deepEqual(reading.region.bytes[0x5_0000 + 511], 0x32);
  deepEqual(reading.region.bytes[0x5_0000 + 512], 0);
});

test("VirtioBlk takes a chain out of an indirect table", async () => {
  const guest = blkGuest({}, INDIRECT_DESC);
  chain(guest, [
    { address: guest.header(0, { type: IN }), length: 16 },
    { address: PLACE, length: 513, flags: WRITE },
  ], TABLE);
  guest.queue.describe(0, { address: guest.base + TABLE, length: 32, flags: INDIRECT });
  deepEqual(await offered(guest), { id: 0, length: 513 });
});

test("VirtioBlk takes data in 128 buffers and not in one more", async () => {
  for (const [count, status] of [[128, 0], [129, 1]] as const) {
    const guest = blkGuest({ sectorCount: 256 });
    const data = Array.from({ length: count }, (_, index): Descriptor => ({
      address: PLACE + 512 * index,
      length: 512,
      flags: WRITE,
    }));
    const header = { address: guest.header(0, { type: IN }), length: 16 };
    chain(guest, [header, ...data, { address: PLACE - 1, length: 1, flags: WRITE }]);
    await offered(guest);
    deepEqual([count, guest.region.bytes[0x5_0000 - 1]], [count, status]);
    equal(guest.disk.calls.length, status === 0 ? 1 : 0);
  }
});

const HEADER_AT = 0x8001_0000;
const HEADER: Descriptor = { address: HEADER_AT, length: 16 };
const STATUS: Descriptor = { address: PLACE, length: 1, flags: WRITE };

/** Chains for which the device needs a reset. Bits 0..31 of the features come last. */
const BROKEN: readonly [string, QueueErrorCode, readonly Descriptor[], number?][] = [
  ["no header", "too_short", [STATUS]],
  ["a header of 15 bytes", "too_short", [{ ...HEADER, length: 15 }, STATUS]],
  ["no status", "too_short", [HEADER]],
  ["a status of no bytes", "too_short", [HEADER, { ...STATUS, length: 0 }]],
  ["a readable buffer behind a writable one", "readable_after_writable", [STATUS, HEADER]],
  ["a loop", "chain_too_long", [{ ...HEADER, next: 0 }, STATUS]],
  ["next outside the table", "next_out_of_range", [{ ...HEADER, next: 256 }, STATUS]],
  ["data outside RAM", "outside_memory", [HEADER, { ...STATUS, address: 0x1000_8000 }]],
  ["data over the end of RAM", "outside_memory", [HEADER, {
    ...STATUS,
    address: 0x8040_0000 - 512,
    length: 513,
  }]],
  ["data that wraps", "outside_memory", [HEADER, {
    ...STATUS,
    address: 0xffff_ffff_ffff_ff00n,
    length: 0x200,
  }]],
  ["more than 2^32 bytes", "length_overflow", [HEADER, { ...STATUS, length: 0xffff_fff0 }]],
  ["a table that was not agreed on", "indirect_not_negotiated", [{
    ...HEADER,
    length: 32,
    flags: INDIRECT,
  }]],
  ["a table of no whole descriptors", "indirect_bad_length", [{
    ...HEADER,
    length: 33,
    flags: INDIRECT,
  }], INDIRECT_DESC],
];

for (const [name, code, parts, features = 0] of BROKEN) {
  test(`VirtioBlk breaks on ${name}, and touches neither disk nor memory`, async () => {
    const guest = blkGuest({}, features);
    guest.header(0, { type: FLUSH });
    chain(guest, parts);
    guest.queue.offer(0);
    const before = guest.region.bytes.slice();
    guest.kick();
    await settle();
    equal(guest.mmio.broken, code);
    equal(guest.mmio.read(0x70, 4) & 0x40, 0x40);
    deepEqual(guest.disk.calls, []);
    deepEqual(guest.region.bytes.slice(), before);
  });
}

test("VirtioBlk breaks on an index that jumps and on a head outside the table", () => {
  const jumping = blkGuest();
  jumping.queue.setIndex(257);
  jumping.kick();
  equal(jumping.mmio.broken, "index_jump");
  const outside = blkGuest();
  outside.queue.offer(256);
  outside.kick();
  equal(outside.mmio.broken, "head_out_of_range");
});

test("VirtioBlk that breaks drops what is under way", async () => {
  const guest = blkGuest();
  guest.disk.hold = true;
  guest.ask(0, { type: IN, room: 512 });
  guest.kick();
  guest.queue.offer(300);
  guest.kick();
  equal(guest.mmio.broken, "head_out_of_range");
  guest.disk.release();
  await settle();
  deepEqual([guest.queue.usedIndex, guest.data(0, 1)[0]], [0, 0xee]);
});
