import type { PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { readNetHeader, writeNetHeader } from "./net_header.ts";

/** Flags, segmentation, two unused lengths, `csum_start` 34, `csum_offset` 16, no buffers. */
const NEEDS_CSUM = [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0];
/** From the frame's start to behind a TCP checksum without options before it. */
const SHORTEST = 34 + 16 + 2;

function read(header: readonly number[], rules: { length?: number; flags?: number } = {}) {
  const bytes = Uint8Array.of(0xee, ...header);
  const left: PartialChecksum = { start: 99, offset: 99 };
  const { length = SHORTEST, flags = 1 } = rules;
  const taken = readNetHeader(new DataView(bytes.buffer), 1, { length, flags }, left);
  return { taken, left };
}

function changed(at: number, ...values: readonly number[]): number[] {
  return NEEDS_CSUM.with(at, values[0] ?? 0).with(at + 1, values[1] ?? NEEDS_CSUM[at + 1] ?? 0);
}

test("readNetHeader() takes a partial checksum that was agreed on and lies in its frame", () => {
  deepEqual(read(NEEDS_CSUM), { taken: true, left: { start: 34, offset: 16 } });
  equal(read(changed(6, 14)).taken, true);
  equal(read(changed(8, 0)).taken, true);
});

test("readNetHeader() refuses a partial checksum outside its frame", () => {
  equal(read(NEEDS_CSUM, { length: SHORTEST - 1 }).taken, false);
  for (const start of [[35, 0], [0, 1], [0xff, 0xff], [13, 0], [0, 0]]) {
    equal(read(changed(6, ...start)).taken, false, `csum_start ${start}`);
  }
  for (const offset of [[17, 0], [0, 1], [0xff, 0xff]]) {
    equal(read(changed(8, ...offset)).taken, false, `csum_offset ${offset}`);
  }
});

test("readNetHeader() refuses flags that were not agreed on, and every segmentation", () => {
  equal(read(NEEDS_CSUM, { flags: 0 }).taken, false);
  for (const flags of [2, 3, 4, 5]) equal(read(changed(0, flags)).taken, false, `flags ${flags}`);
  for (const type of [1, 3, 4, 5, 0x80]) {
    equal(read(changed(0, 0, type)).taken, false, `gso_type ${type}`);
    equal(read(changed(0, 1, type)).taken, false, `gso_type ${type}`);
  }
});

test("readNetHeader() ignores bits that it does not know, and offsets without their flag", () => {
  for (const flags of [0, 8, 0xf8]) {
    const { taken, left } = read(changed(0, flags), { length: 14, flags: 0 });
    deepEqual([taken, left.start], [true, 0]);
  }
  const valid = read(changed(0, 2), { length: 14, flags: 2 });
  deepEqual([valid.taken, valid.left.start], [true, 0]);
});

test("writeNetHeader() writes every byte of a header", () => {
  const written = (checksum: PartialChecksum | undefined, buffers: number) => {
    const bytes = new Uint8Array(14).fill(0xee);
    writeNetHeader(new DataView(bytes.buffer), 1, { buffers, checksum });
    return [...bytes];
  };
  deepEqual(written({ start: 34, offset: 16 }, 0), [0xee, ...NEEDS_CSUM, 0xee]);
  const plain = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
  deepEqual(written({ start: 0, offset: 16 }, 1), [0xee, ...plain, 0xee]);
  deepEqual(written(undefined, 1), [0xee, ...plain, 0xee]);
  const far = [1, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 1, 1, 0];
  deepEqual(written({ start: 0xfeff, offset: 0x100 }, 1), [0xee, ...far, 0xee]);
});
