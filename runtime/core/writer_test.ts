import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
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
