/**
 * The image's id, an ordinary value under a path of its own: upstream's code keeps such a value
 * through replay and compaction without knowing what it means.
 *
 * Source: `docs/state_format.md`, "The image's id".
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { IMAGE_ID_LENGTH } from "./sealed.ts";

/** `NXID`, little-endian. */
const MAGIC = 0x4449584e;
const VERSION = 1;
const LENGTH = 24;

export function encodeImageId(imageId: Uint8Array): Uint8Array {
  return new Writer(LENGTH).u32(MAGIC).u8(VERSION).u8(0).u16(0).bytes(imageId).finish();
}

/** @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range`, `trailing_bytes`. */
export function decodeImageId(value: Uint8Array): Uint8Array {
  const reader = new Reader(value);
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  if (reader.u8() !== 0 || reader.u16() !== 0) throw new WireError("value_out_of_range", 5);
  const imageId = reader.bytes(IMAGE_ID_LENGTH);
  reader.end();
  return imageId;
}
