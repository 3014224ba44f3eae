import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { Reader } from "../core/reader.ts";
import { Writer } from "../core/writer.ts";
import { readFields, readSplit, sizeOf, writeFields, writeSplit } from "./body.ts";
import {
  bytes16,
  bytes32,
  bytes8,
  type Field,
  fixed,
  literal,
  pad,
  rest,
  text16,
  text8,
  u16,
  u32,
  u64,
  u8,
} from "./field.ts";
import { list16 } from "./list_field.ts";

const BYTES = Uint8Array.of(1, 2, 3);

/** Each field, a value, and its bytes by hand: integers are little-endian. */
const LAID_OUT: readonly (readonly [Field<unknown>, unknown, string])[] = [
  [u8(), 0xfe, "fe"],
  [u16(), 0x0102, "0201"],
  [u32(), 0x01020304, "04030201"],
  [u64(), 0x0102030405060708n, "0807060504030201"],
  [literal(0x7f), undefined, "7f"],
  [pad(3), undefined, "000000"],
  [fixed(3), BYTES, "010203"],
  [bytes8(0, 9), BYTES, "03010203"],
  [bytes16(0, 9), BYTES, "0300010203"],
  [bytes32(0, 9), BYTES, "03000000010203"],
  [text8(0, 9), "aé", "0361c3a9"],
  [text16(0, 9), "", "0000"],
  [rest(9), BYTES, "010203"],
  [list16({ id: u8(), name: text8(0, 4) }, 3), [
    { id: 1, name: "a" },
    { id: 2, name: "" },
  ], "0200 01 01 61 02 00".replaceAll(" ", "")],
];

function written(field: Field<unknown>, value: unknown): Uint8Array {
  const writer = new Writer(1 << 20);
  field.write(writer, value);
  return writer.finish();
}

function read<T>(field: Field<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = field.read(reader);
  reader.end();
  return value;
}

test("each field lies in the frame as written by hand", () => {
  for (const [field, value, hex] of LAID_OUT) {
    equal(toHex(written(field, value)), hex, field.label);
    deepEqual(read(field, fromHex(hex)), value, field.label);
  }
});

test("each field's samples survive, within the size that it says", () => {
  for (const [field] of LAID_OUT) {
    for (const sample of field.samples) {
      const bytes = written(field, sample);
      ok(bytes.length <= field.sizeMax, field.label);
      deepEqual(read(field, bytes), sample, field.label);
    }
  }
});

test("each field is truncated at every shorter length, but for one that ends with the frame", () => {
  for (const [field, value, hex] of LAID_OUT) {
    if (field.label.startsWith("rest")) continue;
    const bytes = fromHex(hex);
    for (let length = 0; length < bytes.length; length++) {
      throws(() => read(field, bytes.subarray(0, length)), WireError, `${field.label} ${value}`);
    }
  }
});

test("each field refuses what it says lies beyond it", () => {
  const bounded: readonly Field<unknown>[] = [
    ...LAID_OUT.map(([field]) => field),
    bytes8(2, 3),
    bytes16(2, 3),
    bytes32(1, 3),
    text8(1, 255),
    text16(2, 3),
  ];
  let tried = 0;
  for (const field of bounded) {
    for (const bytes of field.beyond) {
      throws(() => read(field, bytes), WireError, field.label);
      tried += 1;
    }
  }
  // Both sides of bytes8, bytes16, bytes32 and text16; below text8 alone, whose length has no more.
  ok(tried >= 14);
  deepEqual(text8(1, 255).beyond, [Uint8Array.of(0)]);
});

test("a list refuses one record more than its bound, before it reads any", () => {
  const field = list16({ id: u8() }, 2);
  deepEqual(field.beyond, [Uint8Array.of(3, 0, 0, 0, 0)]);
  const refusal = (error: unknown) =>
    error instanceof WireError && error.code === "length_out_of_range" && error.offset === 0;
  throws(() => read(field, Uint8Array.of(3, 0)), refusal);
  throws(() => written(field, [{ id: 1 }, { id: 1 }, { id: 1 }]), InvariantError);
});

test("a refusal names the field's own offset", () => {
  const reader = new Reader(Uint8Array.of(9, 9, 5, 0));
  reader.u16();
  const at2 = (error: unknown) => error instanceof WireError && error.offset === 2;
  throws(() => bytes16(0, 4).read(reader), at2);
  throws(() => read(literal(1), Uint8Array.of(2)), { code: "value_out_of_range", offset: 0 });
});

test("a field out of its bound is a bug of whoever writes it", () => {
  const wrong: readonly (readonly [Field<unknown>, unknown])[] = [
    [u8(), 256],
    [u16(), -1],
    [u32(), 0.5],
    [u64(), 1n << 64n],
    [fixed(3), new Uint8Array(4)],
    [bytes8(1, 3), new Uint8Array(0)],
    [bytes16(0, 3), new Uint8Array(4)],
    [text8(0, 3), "éé"],
    [rest(2), BYTES],
  ];
  for (const [field, value] of wrong) throws(() => written(field, value), InvariantError);
});

test("a bound must fit its length prefix", () => {
  throws(() => bytes8(0, 256), InvariantError);
  throws(() => text16(0, 65_536), InvariantError);
  throws(() => bytes32(5, 4), InvariantError);
});

test("text is UTF-8, and a byte order mark is part of it", () => {
  const field = text8(0, 9);
  for (const hex of ["01ff", "02c3", "02c328", "03eda080", "04f4908080"]) {
    throws(() => read(field, fromHex(hex)), WireError, hex);
  }
  equal(read(field, fromHex("03efbbbf")), "\ufeff");
  equal(read(field, fromHex("0100")), "\0");
});

const SPLIT = { key: bytes8(1, 4), flag: u8(), gap: pad(1), value: bytes16(0, 4) } as const;
/** key_len, flag, gap, value_len, key, value. */
const SPLIT_HEX = "02 07 00 0300 0b16 212c37".replaceAll(" ", "");
const SPLIT_VALUES = {
  key: Uint8Array.of(11, 22),
  flag: 7,
  value: Uint8Array.of(33, 44, 55),
};

test("a split body has every length before any contents", () => {
  const writer = new Writer(99);
  writeSplit(writer, SPLIT, SPLIT_VALUES);
  equal(toHex(writer.finish()), SPLIT_HEX);
  deepEqual(readSplit(new Reader(fromHex(SPLIT_HEX)), SPLIT), SPLIT_VALUES);
});

test("a split body is refused by each of its bounds, and at every shorter length", () => {
  const bytes = fromHex(SPLIT_HEX);
  for (let length = 0; length < bytes.length; length++) {
    throws(() => readSplit(new Reader(bytes.subarray(0, length)), SPLIT), WireError);
  }
  for (const [at, value] of [[0, 0], [0, 5], [3, 5], [4, 1]] as const) {
    const wrong = bytes.slice();
    wrong[at] = value;
    const out = { code: "length_out_of_range", offset: at === 4 ? 3 : at };
    throws(() => readSplit(new Reader(wrong), SPLIT), out);
  }
});

test("a body is its fields in order, without values for what is silent", () => {
  const fields = { tag: literal(9), id: u16(), gap: pad(2), name: text8(0, 3) } as const;
  const writer = new Writer(99);
  writeFields(writer, fields, { id: 0x0102, name: "ab" });
  equal(toHex(writer.finish()), "0902010000026162");
  deepEqual(readFields(new Reader(writer.finish()), fields), { id: 0x0102, name: "ab" });
  equal(sizeOf(fields), 1 + 2 + 2 + 4);
});

test("padding is not looked at", () => {
  equal(read(pad(2), Uint8Array.of(7, 7)), undefined);
});
