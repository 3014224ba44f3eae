import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { KEY_LENGTH_MAX } from "./limits.ts";

/** Of a mark that says what it deletes. */
const VERSION = 1;
/** Bytes of one that does not say: the first version's, which had no number. */
const UNSAID_LENGTH = 16;

/**
 * What must outlive a deleted key and a discarded transaction: no later value has a sequence this
 * small, no later transaction an id this small. It is sealed, and so is what it deletes.
 */
export interface SequenceMark {
  readonly sequence: bigint;
  readonly transaction: bigint;
  /** The key that is deleted with it; empty for none, `undefined` where the mark does not say. */
  readonly deleted: string | undefined;
}

/** @param mark One that says what it deletes. */
export function encodeSequenceMark(
  { sequence, transaction, deleted }: SequenceMark & { readonly deleted: string },
): Uint8Array {
  return new Writer(UNSAID_LENGTH + 1 + KEY_LENGTH_MAX).u64(sequence).u64(transaction).u8(VERSION)
    .text(deleted).finish();
}

/** @throws {WireError} `truncated`, `bad_version`, `length_out_of_range`, `not_utf8`. */
export function decodeSequenceMark(payload: Uint8Array): SequenceMark {
  const reader = new Reader(payload);
  const mark = { sequence: reader.u64(), transaction: reader.u64() };
  if (reader.remaining === 0) return { ...mark, deleted: undefined };
  if (reader.u8() !== VERSION) throw new WireError("bad_version", UNSAID_LENGTH);
  if (reader.remaining > KEY_LENGTH_MAX) {
    throw new WireError("length_out_of_range", UNSAID_LENGTH + 1);
  }
  return { ...mark, deleted: reader.text(reader.remaining) };
}
