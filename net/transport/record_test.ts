import { InvariantError } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

import {
  RECORD_LENGTH_MAX,
  RECORD_PREFIX_LENGTH,
  RecordDecoder,
  writeRecordPrefix,
} from "./record.ts";

/** A stream of records, each filled with its own index. */
function stream(lengths: readonly number[]): Uint8Array {
  return concatBytes(...lengths.flatMap((length, index) => {
    const prefix = new Uint8Array(RECORD_PREFIX_LENGTH);
    writeRecordPrefix(length, prefix);
    return [prefix, new Uint8Array(length).fill(index + 1)];
  }));
}

/** What comes out when the stream arrives in chunks of `size` bytes: length and fill of each. */
function decoded(bytes: Uint8Array, size: number): readonly string[] {
  const decoder = new RecordDecoder();
  const records: string[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    decoder.push(bytes.subarray(at, at + size));
    for (let record = decoder.next(); record !== undefined; record = decoder.next()) {
      ok(record.every((byte) => byte === record?.[0]));
      records.push(`${record.length}:${record[0]}`);
    }
    ok(decoder.held <= RECORD_PREFIX_LENGTH + RECORD_LENGTH_MAX - 1);
  }
  return records;
}

test("writeRecordPrefix writes a big-endian length at the offset", () => {
  const out = new Uint8Array(8).fill(0xff);
  equal(writeRecordPrefix(0x1234, out, 2), 6);
  deepEqual(out, fromHex("ffff00001234ffff"));
});

test("writeRecordPrefix treats lengths and buffers out of range as bugs", () => {
  throws(() => writeRecordPrefix(0, new Uint8Array(4)), InvariantError);
  throws(() => writeRecordPrefix(65536, new Uint8Array(4)), InvariantError);
  throws(() => writeRecordPrefix(1, new Uint8Array(4), 1), InvariantError);
});

test("RecordDecoder finds the same records in every segmentation", () => {
  const lengths = [1, 48, 3, 544, 560, 112, 40, 1500, 2];
  const bytes = stream(lengths);
  const expected = lengths.map((length, index) => `${length}:${index + 1}`);
  for (let size = 1; size <= bytes.length; size++) deepEqual(decoded(bytes, size), expected);
});

test("RecordDecoder takes the longest record whole and in parts", () => {
  const bytes = stream([65535, 7]);
  for (const size of [1, 1000, 65534, 65535, 65539, 65540, bytes.length]) {
    deepEqual(decoded(bytes, size), ["65535:1", "7:2"]);
  }
});

test("RecordDecoder hands out a whole record as a view into the chunk, and keeps nothing", () => {
  const bytes = stream([5, 6]);
  const decoder = new RecordDecoder();
  decoder.push(bytes);
  const record = decoder.next();
  equal(record?.buffer, bytes.buffer);
  equal(record?.byteOffset, 4);
  equal(decoder.held, 0);
});

test("RecordDecoder refuses 65536, 65537, GET, and a length of 0, in every segmentation", () => {
  const cases = [
    ["00010000", "limit_exceeded"],
    ["00010001", "limit_exceeded"],
    ["47455420", "limit_exceeded"],
    ["ffffffff", "limit_exceeded"],
    ["00000000", "length_out_of_range"],
  ] as const;
  for (const [hex, code] of cases) {
    for (let size = 1; size <= 4; size++) {
      const bytes = concatBytes(fromHex(hex), new Uint8Array(10));
      throws(
        () => decoded(bytes, size),
        (error) => error instanceof WireError && error.code === code,
      );
    }
  }
});

test("RecordDecoder stays refused, and holds nothing of what it refused", () => {
  const decoder = new RecordDecoder();
  decoder.push(fromHex("0001"));
  equal(decoder.next(), undefined);
  decoder.push(fromHex("0000"));
  throws(() => decoder.next(), WireError);
  equal(decoder.held, 0);
  throws(() => decoder.next(), WireError);
});

test("RecordDecoder holds records to a lower bound until it is raised", () => {
  const decoder = new RecordDecoder(48);
  decoder.push(stream([48, 560]));
  equal(decoder.next()?.length, 48);
  decoder.lengthMax = 560;
  equal(decoder.next()?.length, 560);
  decoder.push(stream([561]));
  throws(() => decoder.next(), WireError);
});

test("RecordDecoder takes no chunk before the last one is used up", () => {
  const decoder = new RecordDecoder();
  decoder.push(stream([5, 6]));
  equal(decoder.next()?.length, 5);
  throws(() => decoder.push(new Uint8Array(1)), InvariantError);
});
