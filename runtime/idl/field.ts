/**
 * The closed vocabulary of packed fields. A bound is a required argument, so an unbounded field
 * cannot be written. Integers are little-endian.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import type { Reader } from "../core/reader.ts";
import { utf8Length } from "../core/utf8.ts";
import type { Writer } from "../core/writer.ts";

/** How a value of type `T` lies in a frame. */
export interface Field<T> {
  /** Shape for the reference page, such as `u16` or `bytes16 1..64`. */
  readonly label: string;
  /** Most bytes that the field takes, its length prefix included. */
  readonly sizeMax: number;
  /** What a reply carries where the status leaves the field without a value. */
  readonly zero: T;
  /** Boundary values: tests, the reference page and the fuzz corpus come from them. */
  readonly samples: readonly T[];
  /** Values one past the bound, which must not parse. Bytes of the whole field. */
  readonly beyond: readonly Uint8Array[];
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
  /** Present on fields with a length: the length apart from the contents. */
  readonly split?: SplitField<T>;
  /** True for fields that carry no value: padding and literals. */
  readonly silent?: boolean;
}

/** A field whose length may stand apart from its contents, as upstream's `key_len, val_len, key, val`. */
export interface SplitField<T> {
  readLength(reader: Reader): number;
  readBody(reader: Reader, length: number): T;
  writeLength(writer: Writer, value: T): void;
  writeBody(writer: Writer, value: T): void;
}

/** The fields of one body, in wire order. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** A field without a value. */
export type Silent = Field<undefined> & { readonly silent: true };

/** The values of a body: silent fields have none. */
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Silent ? never : K]: F[K] extends Field<infer T> ? T
    : never;
};

export function u8(): Field<number> {
  return integer("u8", 1, (reader) => reader.u8(), (writer, value) => writer.u8(value));
}

export function u16(): Field<number> {
  return integer("u16", 2, (reader) => reader.u16(), (writer, value) => writer.u16(value));
}

export function u32(): Field<number> {
  return integer("u32", 4, (reader) => reader.u32(), (writer, value) => writer.u32(value));
}

export function u64(): Field<bigint> {
  return {
    label: "u64",
    sizeMax: 8,
    zero: 0n,
    samples: [0n, 1n, (1n << 64n) - 1n],
    beyond: [],
    read: (reader) => reader.u64(),
    write: (writer, value) => void writer.u64(value),
  };
}

/** One byte that must have this value. */
export function literal(value: number): Silent {
  return {
    label: `literal ${value}`,
    sizeMax: 1,
    zero: undefined,
    samples: [undefined],
    beyond: [Uint8Array.of(value ^ 0xff)],
    silent: true,
    read(reader) {
      const at = reader.offset;
      if (reader.u8() !== value) throw new WireError("value_out_of_range", at);
      return undefined;
    },
    write: (writer) => void writer.u8(value),
  };
}

/** `count` bytes that are written as zero and not looked at. */
export function pad(count: number): Silent {
  return {
    label: `pad ${count}`,
    sizeMax: count,
    zero: undefined,
    samples: [undefined],
    beyond: [],
    silent: true,
    read: (reader) => void reader.bytes(count),
    write: (writer) => void writer.bytes(new Uint8Array(count)),
  };
}

/** Exactly `size` bytes. Read as a view into the frame. */
export function fixed(size: number): Field<Uint8Array> {
  return {
    label: `fixed ${size}`,
    sizeMax: size,
    zero: new Uint8Array(size),
    samples: [new Uint8Array(size), new Uint8Array(size).fill(0xff)],
    beyond: [],
    read: (reader) => reader.bytes(size),
    write(writer, value) {
      assert(value.length === size, "a fixed field has its size");
      writer.bytes(value);
    },
  };
}

export function bytes8(lengthMin: number, lengthMax: number): Field<Uint8Array> {
  return sizedBytes(1, lengthMin, lengthMax);
}

export function bytes16(lengthMin: number, lengthMax: number): Field<Uint8Array> {
  return sizedBytes(2, lengthMin, lengthMax);
}

export function bytes32(lengthMin: number, lengthMax: number): Field<Uint8Array> {
  return sizedBytes(4, lengthMin, lengthMax);
}

/** UTF-8 text behind a one-byte length. Bounds in bytes. */
export function text8(lengthMin: number, lengthMax: number): Field<string> {
  return sizedText(1, lengthMin, lengthMax);
}

/** UTF-8 text behind a two-byte length. Bounds in bytes. */
export function text16(lengthMin: number, lengthMax: number): Field<string> {
  return sizedText(2, lengthMin, lengthMax);
}

/** Everything to the end of the frame, at most `lengthMax` bytes. Must be the last field. */
export function rest(lengthMax: number): Field<Uint8Array> {
  return {
    label: `rest 0..${lengthMax}`,
    sizeMax: lengthMax,
    zero: new Uint8Array(0),
    samples: [new Uint8Array(0), new Uint8Array(lengthMax).fill(0x5a)],
    beyond: [new Uint8Array(lengthMax + 1)],
    read: (reader) => reader.rest(lengthMax),
    write(writer, value) {
      assert(value.length <= lengthMax, "a rest field stays within its bound");
      writer.bytes(value);
    },
  };
}

function integer(
  label: string,
  size: 1 | 2 | 4,
  read: (reader: Reader) => number,
  write: (writer: Writer, value: number) => void,
): Field<number> {
  return {
    label,
    sizeMax: size,
    zero: 0,
    samples: [0, 1, 2 ** (8 * size) - 1],
    beyond: [],
    read,
    write,
  };
}

function sizedBytes(width: Width, lengthMin: number, lengthMax: number): Field<Uint8Array> {
  return sized(`bytes${width * 8}`, { width, lengthMin, lengthMax }, {
    lengthOf: (value) => value.length,
    append: (writer, value) => void writer.bytes(value),
    read: (reader, length) => reader.bytes(length),
    fill: (length) => new Uint8Array(length).fill(0x61),
  });
}

function sizedText(width: Width, lengthMin: number, lengthMax: number): Field<string> {
  return sized(`text${width * 8}`, { width, lengthMin, lengthMax }, {
    lengthOf: utf8Length,
    append: (writer, value) => void writer.text(value),
    read: (reader, length) => reader.text(length),
    fill: (length) => "a".repeat(length),
  });
}

type Width = 1 | 2 | 4;

interface Sized {
  readonly width: Width;
  readonly lengthMin: number;
  readonly lengthMax: number;
}

interface SizedContents<T> {
  /** In bytes. */
  lengthOf(value: T): number;
  append(writer: Writer, value: T): void;
  read(reader: Reader, length: number): T;
  fill(length: number): T;
}

function sized<T>(kind: string, bound: Sized, contents: SizedContents<T>): Field<T> {
  const { width, lengthMin, lengthMax } = bound;
  assert(lengthMin <= lengthMax && lengthMax < 2 ** (8 * width), "a bound fits its length prefix");
  const split: SplitField<T> = {
    readLength(reader) {
      const at = reader.offset;
      const length = READ_LENGTH[width](reader);
      if (length < lengthMin || length > lengthMax) {
        throw new WireError("length_out_of_range", at);
      }
      return length;
    },
    readBody: contents.read,
    writeLength: (writer, value) => writeLength(writer, bound, contents.lengthOf(value)),
    writeBody: contents.append,
  };
  return {
    label: `${kind} ${lengthMin}..${lengthMax}`,
    sizeMax: width + lengthMax,
    zero: contents.fill(lengthMin),
    samples: [contents.fill(lengthMin), contents.fill(lengthMax)],
    beyond: beyondBound(bound),
    read: (reader) => split.readBody(reader, split.readLength(reader)),
    write(writer, value) {
      const at = writer.length;
      WRITE_LENGTH[width](writer, 0);
      contents.append(writer, value);
      writer.patch(at, width, within(bound, writer.length - at - width));
    },
    split,
  };
}

const READ_LENGTH: Readonly<Record<Width, (reader: Reader) => number>> = {
  1: (reader) => reader.u8(),
  2: (reader) => reader.u16(),
  4: (reader) => reader.u32(),
};

const WRITE_LENGTH: Readonly<Record<Width, (writer: Writer, length: number) => void>> = {
  1: (writer, length) => writer.u8(length),
  2: (writer, length) => writer.u16(length),
  4: (writer, length) => writer.u32(length),
};

function writeLength(writer: Writer, bound: Sized, length: number): void {
  WRITE_LENGTH[bound.width](writer, within(bound, length));
}

function within({ lengthMin, lengthMax }: Sized, length: number): number {
  assert(length >= lengthMin && length <= lengthMax, "a field stays within its bound");
  return length;
}

function beyondBound({ width, lengthMin, lengthMax }: Sized): readonly Uint8Array[] {
  const lengths = [lengthMin - 1, lengthMax + 1].filter((length) =>
    length >= 0 && length < 2 ** (8 * width)
  );
  return lengths.map((length) => {
    const bytes = new Uint8Array(width + length).fill(0x61);
    for (let index = 0; index < width; index++) bytes[index] = (length >>> (8 * index)) & 0xff;
    return bytes;
  });
}
