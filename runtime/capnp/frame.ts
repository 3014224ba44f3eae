import { assert } from "../core/assert.ts";
import { createStructCodec } from "./codec.ts";
import { dsoftbusSchema } from "./declarations.ts";
import { FRAME_PAYLOAD_MAX, WORD_SIZE } from "./limits.ts";

/** What the two ends of a session exchange: a channel's number and bytes of that channel. */
export interface SessionFrame {
  readonly chan: number;
  readonly bytes: Uint8Array;
}

/** Bytes that the encoding adds to a payload that is a whole number of words. */
export const FRAME_OVERHEAD = 32;

const frameCodec = createStructCodec(dsoftbusSchema, "Frame");
/** Words of root pointer, data section and pointer section. */
const HEAD_WORDS = 3;
const TABLE_LENGTH = 8;

/** Length in bytes of the encoded frame of a payload. */
export function frameLength(payloadLength: number): number {
  return FRAME_OVERHEAD + Math.ceil(payloadLength / WORD_SIZE) * WORD_SIZE;
}

/**
 * Writes a `Frame{chan, bytes}` as one segment, exactly the bytes of the reference library.
 *
 * @param into Receives the frame from `offset`; it must hold {@linkcode frameLength} bytes there.
 * @returns the length written, in bytes.
 *
 * Source: Cap'n Proto, "Encoding Spec"; `dsoftbus.capnp` of Open Nexus OS.
 */
export function encodeFrame(
  chan: number,
  bytes: Uint8Array,
  into: Uint8Array,
  offset: number,
): number {
  const length = frameLength(bytes.length);
  assert(Number.isInteger(chan) && chan >= 0 && chan <= 0xffffffff, "a channel is a u32");
  assert(bytes.length <= FRAME_PAYLOAD_MAX, "a payload fits one record");
  assert(offset >= 0 && offset + length <= into.length, "the frame fits its buffer");
  storeWord(into, offset, { low: 0, high: (length - TABLE_LENGTH) / WORD_SIZE });
  storeWord(into, offset + 8, { low: 0, high: 0x00010001 });
  storeWord(into, offset + 16, { low: chan, high: 0 });
  storeWord(into, offset + 24, { low: 1, high: bytes.length * 8 + 2 });
  into.set(bytes, offset + FRAME_OVERHEAD);
  into.fill(0, offset + FRAME_OVERHEAD + bytes.length, offset + length);
  return length;
}

/**
 * Reads a `Frame`. The layout that every writer in use sends is read in place; any other well-formed
 * one (two segments, far pointers, null bytes, a newer struct) goes through validator and reader.
 *
 * @returns `bytes` as a view of the frame, valid as long as it is.
 * @throws {WireError} as `StructCodec.decode`.
 */
export function decodeFrame(frame: Uint8Array): SessionFrame {
  const bytes = usualPayload(frame);
  if (bytes === undefined) return frameCodec.decode(frame);
  return { chan: loadU32(frame, 16), bytes };
}

/** The payload of a frame in the layout of {@linkcode encodeFrame}; `undefined` for any other. */
function usualPayload(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length < FRAME_OVERHEAD) return undefined;
  const isUsual = loadU32(frame, 0) === 0 &&
    loadU32(frame, 4) * WORD_SIZE + TABLE_LENGTH === frame.length &&
    loadU32(frame, 8) === 0 &&
    loadU32(frame, 12) === 0x00010001 &&
    loadU32(frame, 24) === 1;
  const list = loadU32(frame, 28);
  const length = list >>> 3;
  const words = Math.ceil(length / WORD_SIZE) + HEAD_WORDS;
  if (!isUsual || (list & 7) !== 2 || length > FRAME_PAYLOAD_MAX) return undefined;
  if (words * WORD_SIZE + TABLE_LENGTH > frame.length) return undefined;
  return frame.subarray(FRAME_OVERHEAD, FRAME_OVERHEAD + length);
}

function storeWord(
  into: Uint8Array,
  offset: number,
  { low, high }: { readonly low: number; readonly high: number },
): void {
  storeU32(into, offset, low);
  storeU32(into, offset + 4, high);
}

function storeU32(into: Uint8Array, offset: number, value: number): void {
  into[offset] = value;
  into[offset + 1] = value >>> 8;
  into[offset + 2] = value >>> 16;
  into[offset + 3] = value >>> 24;
}

function loadU32(frame: Uint8Array, offset: number): number {
  return ((frame[offset] ?? 0) | ((frame[offset + 1] ?? 0) << 8) |
    ((frame[offset + 2] ?? 0) << 16) | ((frame[offset + 3] ?? 0) << 24)) >>> 0;
}
