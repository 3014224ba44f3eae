import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";

const LENGTH = 16;

/**
 * What must outlive a deleted key and a discarded transaction: no later value has a sequence this
 * small, no later transaction an id this small.
 */
export interface SequenceMark {
  readonly sequence: bigint;
  readonly transaction: bigint;
}

export function encodeSequenceMark({ sequence, transaction }: SequenceMark): Uint8Array {
  return new Writer(LENGTH).u64(sequence).u64(transaction).finish();
}

/** @throws {WireError} `truncated`, `trailing_bytes`. */
export function decodeSequenceMark(payload: Uint8Array): SequenceMark {
  const reader = new Reader(payload);
  const mark = { sequence: reader.u64(), transaction: reader.u64() };
  reader.end();
  return mark;
}
