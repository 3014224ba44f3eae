import { RecordDecoder, writeRecordPrefix } from "@net/transport/record.ts";
import { WireError } from "@runtime/core/error.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/** Records come out as they went in, however the stream is cut; a bad length ends the stream. */
export const name = "record";

const RECORDS_MAX = 8;
const LENGTH_MAX = 3000;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const records = Array.from(
    { length: choices.below(RECORDS_MAX) },
    () => choices.bytes(choices.between(1, choices.pick([4, 100, LENGTH_MAX]))),
  );
  const stream = streamOf(records);
  deepEqual(decoded(choices, stream), { records, refused: false });
  const damaged = choices.damaged(stream);
  deepEqual(decoded(choices, damaged), decodedAtOnce(damaged));
}

export function replay(bytes: Uint8Array): void {
  deepEqual(decoded(new Choices(bytes.length), bytes), decodedAtOnce(bytes));
}

interface Decoded {
  readonly records: Uint8Array[];
  readonly refused: boolean;
}

function streamOf(records: readonly Uint8Array[]): Uint8Array {
  const parts = records.map((record) => {
    const part = new Uint8Array(4 + record.length);
    part.set(record, writeRecordPrefix(record.length, part));
    return part;
  });
  const stream = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    stream.set(part, offset);
    offset += part.length;
  }
  return stream;
}

/** What the decoder makes of the stream in chunks of any length. */
function decoded(choices: Choices, stream: Uint8Array): Decoded {
  const decoder = new RecordDecoder(LENGTH_MAX);
  const records: Uint8Array[] = [];
  for (let offset = 0; offset < stream.length;) {
    const length = choices.between(1, choices.pick([1, 5, 2 * LENGTH_MAX]));
    try {
      decoder.push(stream.slice(offset, offset + length));
      for (let record = decoder.next(); record !== undefined; record = decoder.next()) {
        records.push(record.slice());
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { records, refused: true };
    }
    ok(decoder.held <= LENGTH_MAX + 3, `${decoder.held} bytes held`);
    offset += length;
  }
  return { records, refused: false };
}

/** The same by the definition of the framing, with the whole stream at hand. */
function decodedAtOnce(stream: Uint8Array): Decoded {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const records: Uint8Array[] = [];
  for (let offset = 0; offset + 4 <= stream.length;) {
    const length = view.getUint32(offset);
    if (length === 0 || length > LENGTH_MAX) return { records, refused: true };
    if (offset + 4 + length > stream.length) break;
    records.push(stream.slice(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return { records, refused: false };
}
