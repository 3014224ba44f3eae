import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/** What a writer wrote is what a reader reads, and no cut frame gets past a reader. */
export const name = "reader";

interface Field {
  readonly size: number;
  write(writer: Writer): void;
  check(reader: Reader): void;
}

const FIELDS_MAX = 12;
const BYTES_MAX = 40;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const fields = Array.from({ length: choices.below(FIELDS_MAX) }, () => chosenField(choices));
  const size = fields.reduce((total, field) => total + field.size, 0);
  const writer = new Writer(size);
  for (const field of fields) field.write(writer);
  const frame = writer.finish();
  deepEqual(frame.length, size);
  const reader = new Reader(frame);
  for (const field of fields) field.check(reader);
  reader.end();
  if (size > 0) refusesCut(fields, frame.subarray(0, choices.below(size)));
}

function refusesCut(fields: readonly Field[], cut: Uint8Array): void {
  const reader = new Reader(cut);
  try {
    for (const field of fields) field.check(reader);
  } catch (error) {
    ok(error instanceof WireError && error.code === "truncated", String(error));
    ok(error.offset <= cut.length);
    return;
  }
  ok(false, "a cut frame was read to its end");
}

function chosenField(choices: Choices): Field {
  const number = choices.u32();
  const wide = BigInt(number) << 32n | BigInt(choices.u32());
  const bytes = choices.bytes(choices.below(BYTES_MAX));
  return choices.pick<Field>([
    field(1, (writer) => writer.u8(number & 0xff), (reader) => reader.u8(), number & 0xff),
    field(2, (writer) => writer.u16(number & 0xffff), (reader) => reader.u16(), number & 0xffff),
    field(2, (writer) => writer.u16Be(number >>> 16), (reader) => reader.u16Be(), number >>> 16),
    field(4, (writer) => writer.u32(number), (reader) => reader.u32(), number),
    field(4, (writer) => writer.u32Be(number), (reader) => reader.u32Be(), number),
    field(8, (writer) => writer.u64(wide), (reader) => reader.u64(), wide),
    field(8, (writer) => writer.u64Be(wide), (reader) => reader.u64Be(), wide),
    field(
      bytes.length,
      (writer) => writer.bytes(bytes),
      (reader) => reader.bytes(bytes.length),
      bytes,
    ),
  ]);
}

function field(
  size: number,
  write: (writer: Writer) => unknown,
  read: (reader: Reader) => unknown,
  value: unknown,
): Field {
  return { size, write, check: (reader) => deepEqual(read(reader), value) };
}
