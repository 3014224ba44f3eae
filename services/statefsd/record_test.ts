import { WireError, type WireErrorCode } from "@runtime/core/error.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { crc32c } from "@runtime/core/crc32c.ts";
import { Writer } from "@runtime/core/writer.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { CHUNK_LENGTH_MAX, KEY_LENGTH_MAX, STORED_LENGTH_MAX } from "./limits.ts";
import { decodeRecord, encodeRecord, RECORD_MAGIC, type StateRecord } from "./record.ts";

const KEY = "/state/a";
const SAMPLES: readonly StateRecord[] = [
  { op: "put", key: KEY, value: Uint8Array.of(1, 2, 3) },
  { op: "put", key: "/state/" + "k".repeat(KEY_LENGTH_MAX - 7), value: new Uint8Array(0) },
  { op: "put", key: KEY, value: new Uint8Array(STORED_LENGTH_MAX) },
  { op: "delete", key: KEY },
  { op: "checkpoint", generation: 7, entries: 0xffff_ffff },
  { op: "prepare", transaction: 1n },
  { op: "commit", transaction: (1n << 64n) - 1n },
  { op: "abort", transaction: 2n },
  { op: "payload", key: KEY, transaction: 3n, chunk: new Uint8Array(CHUNK_LENGTH_MAX) },
  { op: "sync" },
];

/** A record by the definition of the format, right or wrong. */
function raw(op: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const head = new Writer(100_000).u32(RECORD_MAGIC).u8(op).u16(key.length).u32(value.length)
    .bytes(key).bytes(value).finish();
  return new Writer(100_004).bytes(head).u32(crc32c(head)).finish();
}

function refused(bytes: Uint8Array, code: WireErrorCode): void {
  throws(
    () => decodeRecord(bytes, 0),
    (error) => error instanceof WireError && error.code === code,
  );
}

test("encodeRecord equals bytes put together by hand", () => {
  const record = encodeRecord({ op: "put", key: KEY, value: Uint8Array.of(0xaa) });
  const head = "46 53 58 4e 01 0800 01000000 2f73746174652f61 aa".replaceAll(" ", "");
  const sum = new Writer(4).u32(crc32c(fromHex(head))).finish();
  equal(toHex(record), head + toHex(sum));
});

test("decodeRecord reads what encodeRecord wrote, wherever it lies", () => {
  for (const record of SAMPLES) {
    const bytes = encodeRecord(record);
    const log = Uint8Array.of(9, 9, ...bytes, 9);
    deepEqual(decodeRecord(log, 2), { record, next: 2 + bytes.length });
  }
});

test("test_truncated_tail_stops_replay: decodeRecord calls every shorter record truncated", () => {
  for (const record of SAMPLES) {
    const bytes = encodeRecord(record);
    for (let length = 0; length < Math.min(bytes.length, 600); length++) {
      refused(bytes.subarray(0, length), "truncated");
    }
  }
});

test("decodeRecord refuses a record with any bit changed", () => {
  for (const record of SAMPLES.filter((sample) => encodeRecord(sample).length < 400)) {
    const bytes = encodeRecord(record);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ 1 << (bit & 7);
      throws(() => decodeRecord(changed, 0), WireError);
    }
  }
});

test("test_reject_malformed_record: decodeRecord refuses what no opcode allows", () => {
  const key = new TextEncoder().encode(KEY);
  const none = new Uint8Array(0);
  refused(raw(0, key, none), "unknown_op");
  refused(raw(0x15, none, none), "unknown_op");
  refused(raw(1, none, none), "length_out_of_range");
  refused(raw(1, new Uint8Array(256).fill(0x61), none), "length_out_of_range");
  refused(raw(1, key, new Uint8Array(STORED_LENGTH_MAX + 1)), "length_out_of_range");
  refused(raw(2, key, Uint8Array.of(1)), "length_out_of_range");
  refused(raw(3, none, new Uint8Array(7)), "value_out_of_range");
  refused(raw(0x10, none, new Uint8Array(7)), "value_out_of_range");
  refused(raw(0x10, key, new Uint8Array(8)), "length_out_of_range");
  refused(raw(0x11, key, new Uint8Array(7)), "value_out_of_range");
  refused(raw(0x11, key, new Uint8Array(9 + CHUNK_LENGTH_MAX)), "length_out_of_range");
  refused(raw(0x14, none, Uint8Array.of(0)), "length_out_of_range");
  refused(raw(1, Uint8Array.of(0x2f, 0xff), none), "not_utf8");
});
