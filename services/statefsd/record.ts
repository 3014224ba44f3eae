/**
 * One record of the log: magic, opcode, lengths, key, value, CRC-32C.
 *
 * Source: Open Nexus OS, RFC-0018, "record format"; statefs journal v2, opcodes.
 *
 * @module
 */

import { readAscii } from "@runtime/core/ascii.ts";
import { unreachable } from "@runtime/core/assert.ts";
import { crc32c } from "@runtime/core/crc32c.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { Writer } from "@runtime/core/writer.ts";
import { CHUNK_LENGTH_MAX, KEY_LENGTH_MAX, STORED_LENGTH_MAX } from "./limits.ts";

/** `FSXN` on the disk: a little-endian number whose digits spell `NXSF`. */
export const RECORD_MAGIC = 0x4e585346;
/** Bytes of a record beside its key and value. */
export const RECORD_OVERHEAD = 15;
const HEADER_LENGTH = 11;
const SUM_LENGTH = 4;
const ID_LENGTH = 8;

const OP = {
  put: 1,
  delete: 2,
  checkpoint: 3,
  prepare: 0x10,
  payload: 0x11,
  commit: 0x12,
  abort: 0x13,
  sync: 0x14,
} as const;

/** Longest value of each opcode. */
const VALUE_MAX: ReadonlyMap<number, number> = new Map([
  [OP.put, STORED_LENGTH_MAX],
  [OP.delete, 0],
  [OP.checkpoint, 8],
  [OP.prepare, ID_LENGTH],
  [OP.payload, ID_LENGTH + CHUNK_LENGTH_MAX],
  [OP.commit, ID_LENGTH],
  [OP.abort, ID_LENGTH],
  [OP.sync, 0],
]);

/** What a record says. */
export type StateRecord =
  | { readonly op: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly op: "delete"; readonly key: string }
  | { readonly op: "checkpoint"; readonly generation: number; readonly entries: number }
  | { readonly op: "prepare" | "commit" | "abort"; readonly transaction: bigint }
  | {
    readonly op: "payload";
    readonly key: string;
    readonly transaction: bigint;
    readonly chunk: Uint8Array;
  }
  | { readonly op: "sync" };

/** A record and the offset of what follows it. */
export interface DecodedRecord {
  readonly record: StateRecord;
  readonly next: number;
}

/**
 * Reads the record at an offset. Values are views into `log`.
 *
 * @throws {WireError} `truncated`: the log ends first. `bad_magic`, `unknown_op`,
 *   `length_out_of_range`, `bad_checksum`, `not_utf8`, `value_out_of_range`: these bytes are no
 *   record. Offsets count from the start of `log`.
 */
export function decodeRecord(log: Uint8Array, offset: number): DecodedRecord {
  const header = headerOf(log, offset);
  const keyEnd = offset + HEADER_LENGTH + header.keyLength;
  const valueEnd = keyEnd + header.valueLength;
  const next = valueEnd + SUM_LENGTH;
  if (next > log.length) throw new WireError("truncated", offset);
  if (u32At(log, valueEnd) !== crc32c(log.subarray(offset, valueEnd))) {
    throw new WireError("bad_checksum", valueEnd);
  }
  const key = keyOf(log, offset + HEADER_LENGTH, header.keyLength);
  return { record: contents(header.op, key, log.subarray(keyEnd, valueEnd), keyEnd), next };
}

interface Header {
  readonly op: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

function headerOf(log: Uint8Array, offset: number): Header {
  if (offset + HEADER_LENGTH > log.length) throw new WireError("truncated", offset);
  if (u32At(log, offset) !== RECORD_MAGIC) throw new WireError("bad_magic", offset);
  const op = log[offset + 4] ?? 0;
  const valueMax = VALUE_MAX.get(op);
  if (valueMax === undefined) throw new WireError("unknown_op", offset + 4);
  const keyLength = (log[offset + 5] ?? 0) | (log[offset + 6] ?? 0) << 8;
  const keyMax = hasKey(op) ? KEY_LENGTH_MAX : 0;
  if (keyLength > keyMax || hasKey(op) && keyLength === 0) {
    throw new WireError("length_out_of_range", offset + 5);
  }
  const valueLength = u32At(log, offset + 7);
  if (valueLength > valueMax) throw new WireError("length_out_of_range", offset + 7);
  return { op, keyLength, valueLength };
}

/** A number whose bytes are all there. A journal has many records: no reader is made for each. */
function u32At(log: Uint8Array, at: number): number {
  return ((log[at] ?? 0) | (log[at + 1] ?? 0) << 8 | (log[at + 2] ?? 0) << 16 |
    (log[at + 3] ?? 0) << 24) >>> 0;
}

function hasKey(op: number): boolean {
  return op === OP.put || op === OP.delete || op === OP.payload;
}

function keyOf(log: Uint8Array, offset: number, length: number): string {
  if (length === 0) return "";
  const ascii = readAscii(log, offset, length);
  if (ascii !== undefined) return ascii;
  try {
    return new Reader(log.subarray(offset, offset + length)).text(length);
  } catch {
    throw new WireError("not_utf8", offset);
  }
}

function contents(op: number, key: string, value: Uint8Array, offset: number): StateRecord {
  switch (op) {
    case OP.put:
      return { op: "put", key, value };
    case OP.delete:
      return { op: "delete", key };
    case OP.sync:
      return { op: "sync" };
    case OP.checkpoint: {
      const reader = sized(value, 8, offset);
      return { op: "checkpoint", generation: reader.u32(), entries: reader.u32() };
    }
    case OP.payload:
      if (value.length < ID_LENGTH) throw new WireError("value_out_of_range", offset);
      return {
        op: "payload",
        key,
        transaction: new Reader(value).u64(),
        chunk: value.subarray(ID_LENGTH),
      };
    default:
      return { op: stepOf(op), transaction: sized(value, ID_LENGTH, offset).u64() };
  }
}

function stepOf(op: number): "prepare" | "commit" | "abort" {
  if (op === OP.prepare) return "prepare";
  return op === OP.commit ? "commit" : "abort";
}

function sized(value: Uint8Array, length: number, offset: number): Reader {
  if (value.length !== length) throw new WireError("value_out_of_range", offset);
  return new Reader(value);
}

/** The bytes of a record. A key or value beyond its bound is a bug. */
export function encodeRecord(record: StateRecord): Uint8Array {
  const key = "key" in record ? record.key : "";
  const value = valueOf(record);
  const keyLength = utf8Length(key);
  const bytes = Writer.exactly(RECORD_OVERHEAD + keyLength + value.length)
    .u32(RECORD_MAGIC).u8(OP[record.op]).u16(keyLength).u32(value.length).text(key).bytes(value)
    .u32(0).finish();
  const summed = bytes.length - SUM_LENGTH;
  const sum = crc32c(bytes.subarray(0, summed));
  for (let at = 0; at < SUM_LENGTH; at++) bytes[summed + at] = sum >>> 8 * at;
  return bytes;
}

function valueOf(record: StateRecord): Uint8Array {
  switch (record.op) {
    case "put":
      return record.value;
    case "delete":
    case "sync":
      return new Uint8Array(0);
    case "checkpoint":
      return new Writer(8).u32(record.generation).u32(record.entries).finish();
    case "payload":
      return new Writer(ID_LENGTH + record.chunk.length).u64(record.transaction)
        .bytes(record.chunk).finish();
    case "prepare":
    case "commit":
    case "abort":
      return new Writer(ID_LENGTH).u64(record.transaction).finish();
    default:
      return unreachable(record, "every opcode has a value");
  }
}

/** Bytes that a PUT takes in the log. */
export function putLength(key: string, storedLength: number): number {
  return RECORD_OVERHEAD + utf8Length(key) + storedLength;
}
