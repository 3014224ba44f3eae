import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "./assert.ts";
import { WireError } from "./error.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const FRAME = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

const INTEGERS:
  readonly (readonly [string, number, (reader: Reader) => number | bigint, unknown])[] = [
    ["u8", 1, (reader) => reader.u8(), 0x01],
    ["u16", 2, (reader) => reader.u16(), 0x0201],
    ["u32", 4, (reader) => reader.u32(), 0x04030201],
    ["u64", 8, (reader) => reader.u64(), 0x0807060504030201n],
    ["u16Be", 2, (reader) => reader.u16Be(), 0x0102],
    ["u32Be", 4, (reader) => reader.u32Be(), 0x01020304],
    ["u64Be", 8, (reader) => reader.u64Be(), 0x0102030405060708n],
  ];

test("Reader reads integers of every width, wherever the frame begins", () => {
  const offset = Uint8Array.of(9, 9, 9, ...FRAME, 9).subarray(3, 11);
  for (const [name, , read, value] of INTEGERS) {
    equal(read(new Reader(FRAME)), value, name);
    equal(read(new Reader(offset)), value, name);
  }
});

test("Reader reads integers without a sign", () => {
  const ones = new Uint8Array(8).fill(0xff);
  for (const [name, width, read] of INTEGERS) {
    equal(BigInt(read(new Reader(ones))), (1n << BigInt(8 * width)) - 1n, name);
  }
});

test("Reader refuses every read past the end, at the offset of the field", () => {
  for (const [name, width, read] of INTEGERS) {
    for (let length = 0; length < width; length++) {
      const reader = new Reader(Uint8Array.of(7, ...FRAME.subarray(0, length)));
      reader.u8();
      throws(() => read(reader), { code: "truncated", offset: 1 }, name);
      equal(reader.offset, 1);
    }
  }
  throws(() => new Reader(FRAME).bytes(9), { code: "truncated", offset: 0 });
  throws(() => new Reader(FRAME).text(9), { code: "truncated", offset: 0 });
  throws(() => new Reader(FRAME).bytes(-1), InvariantError);
});

test("Reader gives bytes as views, text as text, and the rest within its bound", () => {
  const reader = new Reader(Uint8Array.of(0x61, 0xc3, 0xa9, 1, 2));
  equal(reader.text(3), "aé");
  equal(reader.remaining, 2);
  deepEqual(reader.rest(2), Uint8Array.of(1, 2));
  deepEqual(reader.rest(0), new Uint8Array(0));
  reader.end();
  const longer = new Reader(FRAME);
  throws(() => longer.rest(7), { code: "length_out_of_range", offset: 0 });
  equal(longer.bytes(2).buffer, FRAME.buffer);
});

test("Reader refuses what is left over, and text that is not UTF-8", () => {
  const reader = new Reader(FRAME);
  reader.bytes(7);
  throws(() => reader.end(), { code: "trailing_bytes", offset: 7 });
  throws(() => new Reader(Uint8Array.of(0x61, 0xff)).text(2), { code: "not_utf8", offset: 0 });
});

test("WireError tells where and why, and none of the bytes", () => {
  const error = new WireError("truncated", 12);
  equal(error.message, "Cannot parse frame: truncated at byte 12");
  deepEqual([error.name, error.code, error.offset], ["WireError", "truncated", 12]);
});

test("Writer refuses values outside their width, and frames past their bound", () => {
  const wrong: readonly ((writer: Writer) => Writer)[] = [
    (writer) => writer.u8(256),
    (writer) => writer.u8(-1),
    (writer) => writer.u16(65_536),
    (writer) => writer.u16Be(0.5),
    (writer) => writer.u32(2 ** 32),
    (writer) => writer.u32Be(NaN),
    (writer) => writer.u64(1n << 64n),
    (writer) => writer.u64Be(-1n),
    (writer) => writer.bytes(new Uint8Array(17)),
    (writer) => writer.text("é".repeat(9)),
  ];
  for (const write of wrong) throws(() => write(new Writer(16)), InvariantError);
  const full = new Writer(16).bytes(new Uint8Array(16));
  equal(full.length, 16);
  throws(() => full.u8(0), InvariantError);
});
