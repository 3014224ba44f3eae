/**
 * A checkpoint: the device's signature over the head of a ring's chain, and so over all before it.
 *
 * Source: `docs/state_format.md`, "The log".
 *
 * @module
 */

import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { readFields, sizeOf, writeFields } from "@runtime/idl/body.ts";
import type { ValuesOf } from "@runtime/idl/field.ts";
import {
  KEY_LENGTH,
  LOG_CHECKPOINT,
  PURPOSE_PREFIX,
  SIGNATURE_LENGTH,
} from "../../keystored/protocol.ts";
import { nameOfRing, RING_NAMES } from "./log_segment.ts";

/** `NXLC`, little-endian. */
const MAGIC = 0x434c584e;
const PREFIX = new TextEncoder().encode(PURPOSE_PREFIX.logCheckpoint);

/** Bytes of a checkpoint as it is stored. */
export const CHECKPOINT_LENGTH = 4 + sizeOf(LOG_CHECKPOINT) + KEY_LENGTH + SIGNATURE_LENGTH;

/** Which ring's chain ends where. */
export interface LogHead {
  /** Index into `RING_NAMES`. */
  readonly ring: number;
  /** Index of the last entry. */
  readonly index: bigint;
  /** Its hash. */
  readonly head: Uint8Array;
}

/** A head as keystored signed it. */
export interface LogCheckpoint extends LogHead {
  readonly unixMs: bigint;
  readonly verifyingKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** Path of a ring's newest checkpoint. */
export function checkpointPath(ring: number): string {
  return `/state/log/checkpoint/${nameOfRing(ring)}`;
}

export function encodeCheckpoint(checkpoint: LogCheckpoint): Uint8Array {
  const writer = new Writer(CHECKPOINT_LENGTH).u32(MAGIC);
  writeFields(writer, LOG_CHECKPOINT, signedFields(checkpoint));
  return writer.bytes(checkpoint.verifyingKey).bytes(checkpoint.signature).finish();
}

/** @throws {WireError} `bad_magic`, `value_out_of_range`, `truncated`, `trailing_bytes`. */
export function decodeCheckpoint(value: Uint8Array): LogCheckpoint {
  const reader = new Reader(value);
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  const fields = readFields(reader, LOG_CHECKPOINT);
  if (fields.ring >= RING_NAMES.length) throw new WireError("value_out_of_range", 5);
  const verifyingKey = reader.bytes(KEY_LENGTH);
  const signature = reader.bytes(SIGNATURE_LENGTH);
  reader.end();
  return { ...fields, verifyingKey, signature };
}

/** A checkpoint, or `undefined` where the bytes are none. */
export function readCheckpoint(value: Uint8Array): LogCheckpoint | undefined {
  try {
    return decodeCheckpoint(value);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** Whether the key that a checkpoint names has signed it. Whose key that is, is not asked. */
export function checkpointHolds(checkpoint: LogCheckpoint): boolean {
  const writer = new Writer(sizeOf(LOG_CHECKPOINT));
  writeFields(writer, LOG_CHECKPOINT, signedFields(checkpoint));
  const message = concatBytes(PREFIX, writer.finish());
  return ed25519Verify(checkpoint.verifyingKey, message, checkpoint.signature);
}

function signedFields(
  { ring, index, head, unixMs }: LogCheckpoint,
): ValuesOf<typeof LOG_CHECKPOINT> {
  return { ring, index, head, unixMs };
}
