/**
 * How a value of the store's own begins: four letters, a version, three zeros.
 *
 * Source: `docs/state_format.md`, "The image's id", "Quotas".
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";

const VERSION = 1;

/** @param magic Four letters, little-endian. @param length Of the whole value, in bytes. */
export function beginValue(magic: number, length: number): Writer {
  return new Writer(length).u32(magic).u8(VERSION).u8(0).u16(0);
}

/**
 * Reads a head, and gives what is behind it.
 *
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range`.
 */
export function openValueHead(value: Uint8Array, magic: number): Reader {
  const reader = new Reader(value);
  if (reader.u32() !== magic) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  if (reader.u8() !== 0 || reader.u16() !== 0) throw new WireError("value_out_of_range", 5);
  return reader;
}
