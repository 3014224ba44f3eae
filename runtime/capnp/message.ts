import { WireError } from "../core/error.ts";
import { MESSAGE_LENGTH_MAX, SEGMENT_COUNT_MAX, WORD_SIZE } from "./limits.ts";

/** A frame cut into its segments; every offset in it is in bytes from the start of the frame. */
export interface Message {
  readonly frame: Uint8Array;
  readonly view: DataView;
  /** Where each segment starts, in bytes, and how many words it holds. */
  readonly segments: readonly Segment[];
  /** Words of all segments together. */
  readonly words: number;
}

/** One segment of a message. */
export interface Segment {
  readonly start: number;
  readonly words: number;
}

/**
 * Reads the segment table of a message in stream encoding.
 *
 * The table must describe the frame exactly: bytes that no segment owns are an error. The packed
 * encoding is not accepted anywhere: 64 KiB of it can claim 64 MiB.
 *
 * @throws {WireError} `length_out_of_range`: longer than {@linkcode MESSAGE_LENGTH_MAX}.
 *   `limit_exceeded`: more than {@linkcode SEGMENT_COUNT_MAX} segments. `truncated`: the table or a
 *   segment runs past the end, or no word is left for the root pointer. `trailing_bytes`.
 *
 * Source: Cap'n Proto, "Encoding Spec", "Serialization Over a Stream".
 */
export function openMessage(frame: Uint8Array): Message {
  if (frame.length > MESSAGE_LENGTH_MAX) throw new WireError("length_out_of_range", 0);
  if (frame.length < 4) throw new WireError("truncated", 0);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const countLess1 = view.getUint32(0, true);
  if (countLess1 >= SEGMENT_COUNT_MAX) throw new WireError("limit_exceeded", 0);
  const tableLength = Math.ceil((4 + 4 * (countLess1 + 1)) / WORD_SIZE) * WORD_SIZE;
  if (frame.length < tableLength) throw new WireError("truncated", frame.length);
  const segments: Segment[] = [];
  let start = tableLength;
  for (let index = 0; index <= countLess1; index++) {
    const words = view.getUint32(4 + 4 * index, true);
    segments.push({ start, words });
    start += words * WORD_SIZE;
    if (start > frame.length) throw new WireError("truncated", 4 + 4 * index);
  }
  if (start < frame.length) throw new WireError("trailing_bytes", start);
  if (segments[0]?.words === 0) throw new WireError("truncated", 4);
  return { frame, view, segments, words: (start - tableLength) / WORD_SIZE };
}
