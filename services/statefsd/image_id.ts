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
const LENGTH = 28;

/** Which image this is. */
export interface ImageId {
  /** 16 bytes, drawn when the image was formatted. */
  readonly imageId: Uint8Array;
  /** Blocks that the image had then: where the regions lie depends on it. */
  readonly blockCount: number;
}

export function encodeImageId({ imageId, blockCount }: ImageId): Uint8Array {
  return new Writer(LENGTH).u32(MAGIC).u8(VERSION).u8(0).u16(0).bytes(imageId).u32(blockCount)
    .finish();
}

/** @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range`, `trailing_bytes`. */
export function decodeImageId(value: Uint8Array): ImageId {
  const reader = new Reader(value);
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  if (reader.u8() !== 0 || reader.u16() !== 0) throw new WireError("value_out_of_range", 5);
  const imageId = reader.bytes(IMAGE_ID_LENGTH).slice();
  const blockCount = reader.u32();
  reader.end();
  return { imageId, blockCount };
}
