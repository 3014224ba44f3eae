/**
 * Bodies of packed frames: named fields in wire order.
 *
 * @module
 */

import type { Reader } from "../core/reader.ts";
import type { Writer } from "../core/writer.ts";
import type { Field, Fields, ValuesOf } from "./field.ts";

type NamedField = readonly [string, Field<unknown>];

const NAMED = new WeakMap<Fields, readonly NamedField[]>();

/** The fields with their names: made once for each body, because every frame walks them. */
function named(fields: Fields): readonly NamedField[] {
  let list = NAMED.get(fields);
  if (list === undefined) {
    list = Object.entries(fields);
    NAMED.set(fields, list);
  }
  return list;
}

/** Reads a body in wire order. The caller checks the end of the frame. */
export function readFields<F extends Fields>(reader: Reader, fields: F): ValuesOf<F> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of named(fields)) {
    const value = field.read(reader);
    if (field.silent !== true) values[name] = value;
  }
  // The loop fills exactly the names of `fields` with what their own `read` returns.
  return values as ValuesOf<F>;
}

/** Writes a body in wire order. */
export function writeFields<F extends Fields>(
  writer: Writer,
  fields: F,
  values: Readonly<Record<string, unknown>>,
): void {
  for (const [name, field] of named(fields)) field.write(writer, values[name]);
}

/** Reads a body whose lengths stand before all contents. */
export function readSplit<F extends Fields>(reader: Reader, fields: F): ValuesOf<F> {
  const values: Record<string, unknown> = {};
  const bodies: (() => void)[] = [];
  for (const [name, field] of named(fields)) {
    if (field.split === undefined) {
      const value = field.read(reader);
      if (field.silent !== true) values[name] = value;
      continue;
    }
    const { split } = field;
    const length = split.readLength(reader);
    bodies.push(() => values[name] = split.readBody(reader, length));
  }
  for (const body of bodies) body();
  // As in readFields.
  return values as ValuesOf<F>;
}

/** Writes a body whose lengths stand before all contents. */
export function writeSplit<F extends Fields>(
  writer: Writer,
  fields: F,
  values: Readonly<Record<string, unknown>>,
): void {
  for (const [name, field] of named(fields)) {
    if (field.split === undefined) field.write(writer, values[name]);
    else field.split.writeLength(writer, values[name]);
  }
  for (const [name, field] of named(fields)) field.split?.writeBody(writer, values[name]);
}

/** Most bytes of a body. */
export function sizeOf(fields: Fields): number {
  return Object.values(fields).reduce((size, field) => size + field.sizeMax, 0);
}

/** A body of every field's first sample. */
export function sampleOf<F extends Fields>(fields: F): ValuesOf<F> {
  const entries = Object.entries(fields)
    .filter(([, field]) => field.silent !== true)
    .map(([name, field]) => [name, field.samples[0]]);
  // Every name has a sample of its own field's type.
  return Object.fromEntries(entries) as ValuesOf<F>;
}

/** Names and shapes of a body, for the reference page. */
export function labelOf(fields: Fields): string {
  return Object.entries(fields).map(([name, field]) => `${name} ${field.label}`).join(", ");
}
