/**
 * The image's id, an ordinary value under a path of its own: upstream's code keeps such a value
 * through replay and compaction without knowing what it means.
 *
 * Source: `docs/state_format.md`, "The image's id".
 *
 * @module
 */

import { IMAGE_ID_LENGTH } from "./sealed.ts";
import { beginValue, openValueHead } from "./value_head.ts";

/** `NXID`, little-endian. */
const MAGIC = 0x4449584e;
const LENGTH = 28;

/** Which image this is. */
export interface ImageId {
  /** 16 bytes, drawn when the image was formatted. */
  readonly imageId: Uint8Array;
  /** Blocks that the image had then: where the regions lie depends on it. */
  readonly blockCount: number;
}

export function encodeImageId({ imageId, blockCount }: ImageId): Uint8Array {
  return beginValue(MAGIC, LENGTH).bytes(imageId).u32(blockCount).finish();
}

/** @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range`, `trailing_bytes`. */
export function decodeImageId(value: Uint8Array): ImageId {
  const reader = openValueHead(value, MAGIC);
  const imageId = reader.bytes(IMAGE_ID_LENGTH).slice();
  const blockCount = reader.u32();
  reader.end();
  return { imageId, blockCount };
}
