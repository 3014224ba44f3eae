import { equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { GuestMemory, RamRegion } from "./memory.ts";

const LOW = new RamRegion(0x8000_0000, 0x1000);
const NEXT = new RamRegion(0x8000_1000, 0x1000);
const HIGH = new RamRegion(0x1_0000_0000, 0x2000);
const MEMORY = new GuestMemory([HIGH, NEXT, LOW]);

test("GuestMemory.find returns the region in which a range lies wholly", () => {
  equal(MEMORY.find(0x8000_0000, 0, 0x1000), LOW);
  equal(MEMORY.find(0x8000_0fff, 0, 1), LOW);
  equal(MEMORY.find(0x8000_1000, 0, 0x1000), NEXT);
  equal(MEMORY.find(0x10, 1, 0x100), HIGH);
  equal(HIGH.offsetOf(0x10, 1), 0x10);
});

test("GuestMemory.find refuses a range that crosses into the region beside it", () => {
  equal(MEMORY.find(0x8000_0fff, 0, 2), undefined);
  equal(MEMORY.find(0x8000_0000, 0, 0x1001), undefined);
  equal(MEMORY.find(0x8000_0000, 0, 0x2000), undefined);
});

test("GuestMemory.find refuses what is outside RAM or wraps", () => {
  for (
    const [low, high, length] of [
      [0x7fff_ffff, 0, 2],
      [0x8000_2000, 0, 1],
      [0x1000_8000, 0, 4],
      [0xffff_ffff, 0xffff_ffff, 2],
      [0xffff_f000, 0xffff_ffff, 0xffff_ffff],
      [0x8000_0000, 0x8000_0000, 1],
      [0x8000_0000, 0x0020_0000, 1],
      [0x8000_0000, 0, 0xffff_ffff],
      [0, 0, 0xffff_ffff],
    ] as const
  ) {
    equal(MEMORY.find(low, high, length), undefined);
  }
});

test("GuestMemory.find tells addresses apart that a double would merge", () => {
  const top = new RamRegion(2 ** 53 - 0x2000, 0x1000);
  const memory = new GuestMemory([top]);
  equal(memory.find(0xffff_e000, 0x1f_ffff, 0x1000), top);
  equal(memory.find(0xffff_e000, 0x3f_ffff, 0x1000), undefined);
  equal(memory.find(0xffff_e001, 0x1f_ffff, 0x1000), undefined);
});

test("GuestMemory.find agrees with exact arithmetic at every edge", () => {
  const regions = [LOW, NEXT, HIGH];
  const edges = regions.flatMap(({ base, bytes }) => [base, base + bytes.length]);
  for (const edge of edges) {
    for (const near of [-2, -1, 0, 1, 2]) {
      for (const length of [0, 1, 2, 0xfff, 0x1000, 0x1001, 0xffffffff]) {
        const address = BigInt(edge) + BigInt(near);
        const found = MEMORY.find(Number(address & 0xffffffffn), Number(address >> 32n), length);
        const inside = regions.some(({ base, bytes }) =>
          address >= BigInt(base) && address + BigInt(length) <= BigInt(base + bytes.length)
        );
        equal(found !== undefined, inside);
      }
    }
  }
});

test("a region's view exposes its own buffer and nothing else", () => {
  ok(LOW.bytes.buffer !== NEXT.bytes.buffer);
  equal(LOW.bytes.buffer.byteLength, 0x1000);
  NEXT.bytes[0] = 0xaa;
  equal(LOW.bytes.indexOf(0xaa), -1);
});

test("GuestMemory refuses regions that overlap", () => {
  throws(() => new GuestMemory([LOW, new RamRegion(0x8000_0000, 0x1000)]), InvariantError);
  throws(() => new GuestMemory([new RamRegion(0x7fff_f000, 0x2000), LOW]), InvariantError);
  throws(() => new RamRegion(0x8000_0001, 0x1000), InvariantError);
  throws(() => new RamRegion(0x8000_0000, 100), InvariantError);
});
