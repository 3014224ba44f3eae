import { assert } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import {
  labelOf,
  readFields,
  readSplit,
  sampleOf,
  sizeOf,
  writeFields,
  writeSplit,
} from "./body.ts";
import type { Field, Fields, ValuesOf } from "./field.ts";

/**
 * A two-byte count and that many records.
 *
 * @param layout `split`: in each record the lengths of all fields stand before the contents of any.
 */
export function list16<F extends Fields>(
  fields: F,
  countMax: number,
  layout?: "split",
): Field<readonly ValuesOf<F>[]> {
  const sizeMax = 2 + countMax * sizeOf(fields);
  const sample = sampleOf(fields);
  return {
    label: `list16 0..${countMax} of {${labelOf(fields)}}`,
    sizeMax,
    zero: [],
    samples: [[], [sample]],
    beyond: countMax < 0xffff ? [countBeyond(countMax)] : [],
    read(reader) {
      const at = reader.offset;
      const count = reader.u16();
      if (count > countMax) throw new WireError("length_out_of_range", at);
      const readRecord = layout === "split" ? readSplit : readFields;
      return Array.from({ length: count }, () => readRecord(reader, fields));
    },
    write(writer, values) {
      assert(values.length <= countMax, "a list stays within its bound");
      writer.u16(values.length);
      const writeRecord = layout === "split" ? writeSplit : writeFields;
      for (const value of values) writeRecord(writer, fields, value);
    },
  };
}

/** One record too many, with a byte for each. */
function countBeyond(countMax: number): Uint8Array {
  const count = countMax + 1;
  const bytes = new Uint8Array(2 + count);
  bytes.set([count & 0xff, count >>> 8]);
  return bytes;
}
