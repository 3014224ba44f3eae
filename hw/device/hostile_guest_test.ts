/**
 * Seeded hostile guests: random ring images, random registers, random kicks, against every device.
 * Whatever they do, nothing throws, work is bounded, and only memory that the guest itself named as
 * writable, in its own region, is ever written.
 */

import type { PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { fakeDisk } from "@tests/fakes/disk.ts";
import { type FrameLink, frameLink, numberedFrame } from "@tests/fakes/frames.ts";
import { bringUp, GuestQueue } from "@tests/fakes/guest_queue.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { REQUESTS_IN_FLIGHT_MAX, VirtioBlk } from "./blk.ts";
import { FRAMES_PER_ROUND_MAX, ROUNDS_PER_TURN_MAX, VirtioNet } from "./net.ts";
import { VirtioRng } from "./rng.ts";
import { VirtioMmio } from "./transport.ts";

const BASE = 0x8000_0000;
const LENGTH = 0x10000;
const SIZE = 8;
const TABLE = 0x8000;
const INDIRECT_AND_EVENT = 0x30000000;

/** xorshift32: small, seeded, and good enough to be rude. */
function dice(seed: number) {
  let state = (seed * 0x9e3779b1 + 1) >>> 0;
  const below = (limit: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % limit;
  };
  return {
    below,
    pick: <T>(values: readonly T[], other: T): T => values[below(values.length)] ?? other,
  };
}

type Dice = ReturnType<typeof dice>;

type Kind = "rng" | "net" | "offloading net" | "blk";

function setUp(device: Kind) {
  const region = new RamRegion(BASE, LENGTH);
  const neighbour = new RamRegion(BASE + LENGTH, 0x1000);
  const postponed: (() => void)[] = [];
  const plain = frameLink(1500);
  const link = device === "offloading net" ? offloading(plain) : plain;
  const source = { fill: (bytes: Uint8Array) => bytes.fill(0x77).length };
  const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const blk = new VirtioBlk(fakeDisk());
  const rngOrNet = device === "rng" ? new VirtioRng(source) : new VirtioNet(link, mac);
  const mmio = new VirtioMmio({
    device: device === "blk" ? blk : rngOrNet,
    memory: new GuestMemory([region]),
    irq: () => {},
    later: (work) => void postponed.push(work),
  });
  return { region, neighbour, mmio, link, blk, postponed };
}

/** Does without checksums, and is told of none that lies outside its frame. */
function offloading(link: FrameLink): FrameLink {
  const { transmit, receive } = link;
  return Object.assign(link, {
    checksums: "offloaded" as const,
    transmit(frame: Uint8Array, left?: Readonly<PartialChecksum>) {
      const { start, offset } = left ?? { start: 0, offset: 0 };
      ok(start === 0 || (start >= 14 && start + offset + 2 <= frame.length));
      transmit(frame);
    },
    receive(into: Uint8Array, left?: PartialChecksum) {
      if (left !== undefined) Object.assign(left, { start: 34, offset: 16 });
      return receive(into);
    },
  });
}

/** Mostly true, sometimes a lie. */
function describeAtRandom(random: Dice, queue: GuestQueue, table: number): void {
  for (let index = 0; index < SIZE; index++) {
    const lie = random.below(24) === 0;
    const inside = BASE + 0x4000 + random.below(0x4000);
    const address = lie
      ? random.pick([0n, 0xffffffffffffffffn, 0x10007050n, BigInt(BASE + LENGTH - 4)], 0n)
      : BigInt(inside);
    const flags = random.pick([0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, random.below(65536)], 0);
    const length = random.pick([0, 1, 12, 13, 26, 64, 1526, 2000, random.below(2 ** 32)], 0);
    const next = random.below(SIZE + (lie ? 3 : 0));
    if ((flags & 4) === 0) queue.describe(index, { address, length, flags, next }, table);
    else queue.describe(index, { address: BASE + TABLE, length: 16 * SIZE, flags, next }, table);
  }
}

/** The bytes that the guest lets the device write: used rings and writable buffers. */
function writable(region: RamRegion, queues: readonly GuestQueue[]): Uint8Array {
  const allowed = new Uint8Array(LENGTH);
  const view = new DataView(region.bytes.buffer);
  for (const queue of queues) {
    allowed.fill(1, queue.used, queue.used + 6 + 8 * SIZE);
    for (const table of [queue.table, TABLE]) {
      for (let at = table; at < table + 16 * SIZE; at += 16) {
        const offset = Number(view.getBigUint64(at, true) - BigInt(BASE));
        const length = view.getUint32(at + 8, true);
        const writes = (view.getUint16(at + 12, true) & 2) !== 0;
        if (writes && offset >= 0 && offset + length <= LENGTH) {
          allowed.fill(1, offset, offset + length);
        }
      }
    }
  }
  return allowed;
}

function pokeRegisters(random: Dice, mmio: VirtioMmio): void {
  for (let count = random.below(4); count > 0; count--) {
    const offset = random.below(0x48) * 4;
    const value = random.pick([0, 1, 2, 3, 8, 0xf, BASE, random.below(2 ** 32)], 0);
    mmio.write(offset, random.pick([1, 2, 4, 4, 4] as const, 4), value);
    mmio.read(offset, 4);
  }
}

async function attack(kind: Kind, seed: number): Promise<void> {
  const random = dice(seed);
  const { region, neighbour, mmio, link, blk, postponed } = setUp(kind);
  const queues = [0, 0x2000].map((offset) =>
    new GuestQueue(region, { size: SIZE, offset, available: offset + 0x800, used: offset + 0x1000 })
  );
  const checksums = kind === "offloading net" ? random.below(4) : 0;
  bringUp(mmio, { queues, features: INDIRECT_AND_EVENT | checksums });
  for (const queue of queues) {
    describeAtRandom(random, queue, queue.table);
    queue.setUsedEvent(random.below(65536));
  }
  // Headers that ask for something, most of it nonsense.
  for (let at = 0x4000; at < 0x8000; at++) region.bytes[at] = random.pick([0, 0, 0, 1, 2, 34], 0);
  describeAtRandom(random, queues[0] ?? new GuestQueue(region, { size: 1, offset: 0 }), TABLE);
  for (let step = 0; step < 8; step++) {
    const queue = queues[random.below(2)];
    const heads = Array.from({ length: random.below(SIZE) }, () => random.below(SIZE));
    queue?.offer(...heads);
    if (random.below(16) === 0) queue?.setIndex(random.below(65536));
    if (random.below(3) === 0) pokeRegisters(random, mmio);
    const before = region.bytes.slice();
    const allowed = writable(region, queues);
    mmio.write(0x50, 4, random.below(3));
    link.offer(
      ...Array.from({ length: random.below(4) }, (_, n) => numberedFrame(n, 60 + n * 500)),
    );
    ok(blk.inFlight <= REQUESTS_IN_FLIGHT_MAX);
    for (const work of postponed.splice(0)) work();
    if (kind === "blk") await settle();
    ok(region.bytes.every((byte, at) => byte === before[at] || allowed[at] === 1));
    // A later used index than what was ever offered would be a buffer from nowhere.
    ok(link.sent.length <= FRAMES_PER_ROUND_MAX * ROUNDS_PER_TURN_MAX * 8);
    if (mmio.broken !== undefined) equal(mmio.read(0x70, 4) & 0x40, 0x40);
  }
  ok(neighbour.bytes.every((byte) => byte === 0));
}

for (const kind of ["rng", "net", "offloading net", "blk"] as const) {
  test(`VirtioMmio with ${kind} survives 150 hostile guests and writes only where they let it`, async () => {
    for (let seed = 1; seed <= 150; seed++) await attack(kind, seed);
  });
}

test("VirtioMmio survives registers written at random", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = dice(seed);
    const { mmio, region } = setUp(random.pick(["net", "rng", "blk"], "blk"));
    for (let count = 0; count < 100; count++) {
      const offset = random.below(0x400) * random.pick([1, 4], 4);
      const value = random.pick([0, 1, 3, 7, 0xb, 0xf, 0xff, BASE, 1024, random.below(2 ** 32)], 0);
      const width = random.pick([1, 2, 4, 4] as const, 4);
      mmio.write(offset, width, value);
      const read = mmio.read(offset, width);
      ok(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width));
    }
    deepEqual(region.bytes.some((byte) => byte !== 0), false);
  }
});
