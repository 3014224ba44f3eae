import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Arena } from "./arena.ts";
import { toHex } from "./hex.ts";
import { Writer } from "./writer.ts";

test("Writer grows at every kind of field", () => {
  const kinds: readonly [number, (writer: Writer) => Writer][] = [
    [1, (writer) => writer.u8(0xaa)],
    [2, (writer) => writer.u16(0xaaaa)],
    [2, (writer) => writer.u16Be(0xaaaa)],
    [4, (writer) => writer.u32(0xaaaaaaaa)],
    [4, (writer) => writer.u32Be(0xaaaaaaaa)],
    [8, (writer) => writer.u64(0xaaaa_aaaa_aaaa_aaaan)],
    [8, (writer) => writer.u64Be(0xaaaa_aaaa_aaaa_aaaan)],
    [3, (writer) => writer.bytes(Uint8Array.of(0xaa, 0xaa, 0xaa))],
  ];
  for (const [size, write] of kinds) {
    for (let before = 120; before <= 130; before++) {
      const writer = new Writer(4_096).bytes(new Uint8Array(before).fill(0xaa));
      deepEqual(write(writer).finish(), new Uint8Array(before + size).fill(0xaa));
    }
  }
});

test("Writer puts every kind of integer in its own order", () => {
  const writer = new Writer(64).u8(0xf0).u16(0xf1f2).u16Be(0xf1f2).u32(0xf1f2f3f4).u32Be(0xf1f2f3f4)
    .u64(0xf1f2f3f4f5f6f7f8n).u64Be(0xf1f2f3f4f5f6f7f8n);
  const hex = "f0 f2f1 f1f2 f4f3f2f1 f1f2f3f4 f8f7f6f5f4f3f2f1 f1f2f3f4f5f6f7f8";
  deepEqual(toHex(writer.finish()), hex.replaceAll(" ", ""));
});

test("Writer.patch replaces written bytes and never one that was not written", () => {
  const writer = new Writer(64).u64(0n);
  writer.patch(1, 1, 0xab);
  writer.patch(2, 2, 0xbeef);
  writer.patch(4, 4, 0x01020304);
  deepEqual(toHex(writer.finish()), "00abefbe04030201");
  throws(() => writer.patch(7, 2, 1), { name: "InvariantError" });
  throws(() => writer.patch(0, 1, 0x100), { name: "InvariantError" });
  throws(() => writer.patch(0, 2, 0x1_0000), { name: "InvariantError" });
  throws(() => writer.patch(0, 4, 0x1_0000_0000), { name: "InvariantError" });
});

test("Writer writes texts as the platform does, short or long, ASCII or not", () => {
  const utf8 = new TextEncoder();
  for (const text of ["", "a", "a".repeat(64), "a".repeat(65), "\u00e4", "a\u{1f600}z", "\ud800"]) {
    deepEqual(
      new Writer(512).u8(1).text(text).u8(2).finish(),
      Uint8Array.of(1, ...utf8.encode(text), 2),
    );
  }
});

test("Writer keeps frames of one arena apart", () => {
  const arena = new Arena();
  const frames = [1, 100, 200, 3000].map((length, index) =>
    new Writer(4096, arena).bytes(new Uint8Array(length).fill(index + 1)).finish()
  );
  const lengths = frames.map((frame) => frame.length);
  deepEqual(lengths, [1, 100, 200, 3000]);
  frames.forEach((frame, index) => deepEqual([...new Set(frame)], [index + 1]));
});

test("Writer refuses a u64 outside its range", () => {
  throws(() => new Writer(64).u64(1n << 64n), { name: "InvariantError" });
  throws(() => new Writer(64).u64Be(-1n), { name: "InvariantError" });
});

test("Writer goes on elsewhere once a frame was taken out of an arena", () => {
  const arena = new Arena();
  const writer = new Writer(4096, arena).u8(1);
  const first = writer.finish();
  const other = new Writer(4096, arena).u32(0x07070707).finish();
  deepEqual(
    writer.bytes(new Uint8Array(20).fill(2)).finish(),
    Uint8Array.of(1, ...Array(20).fill(2)),
  );
  deepEqual([first, other], [Uint8Array.of(1), new Uint8Array(4).fill(7)]);
});
