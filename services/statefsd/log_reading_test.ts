import { deepEqual } from "@tests/fakes/assert.ts";
import { memoryLogValues } from "@tests/fakes/log_values.ts";
import { test } from "@tests/fakes/test.ts";
import { segmentPath } from "./client/log_segment.ts";
import { segmentPiece, storedCheckpoint } from "./log_reading.ts";

const LONG = Uint8Array.from({ length: 10 }, (_, at) => at);

function twoSegments() {
  const values = memoryLogValues();
  values.map.set(segmentPath(0, 1n), LONG);
  values.map.set(segmentPath(0, 0x20n), Uint8Array.of(9));
  values.map.set(`${segmentPath(0, 0x20n)}0`, Uint8Array.of(0));
  values.map.set(segmentPath(1, 5n), Uint8Array.of(5));
  return values;
}

test("segmentPiece gives out a ring's segments in order, piece by piece", () => {
  const values = twoSegments();
  const at = (from: bigint, offset = 0) =>
    segmentPiece(values, { ring: 0, from, offset, lengthMax: 4 });
  deepEqual(at(0n), { first: 1n, length: 10, chunk: LONG.slice(0, 4) });
  deepEqual(at(1n, 8), { first: 1n, length: 10, chunk: LONG.slice(8) });
  deepEqual(at(1n, 99), { first: 1n, length: 10, chunk: new Uint8Array(0) });
  deepEqual(at(2n), { first: 0x20n, length: 1, chunk: Uint8Array.of(9) });
  deepEqual(at(0x21n), undefined);
});

test("segmentPiece names a segment that does not open, and passes nothing over", () => {
  const values = twoSegments();
  values.unreadable.add(segmentPath(0, 1n));
  const piece = segmentPiece(values, { ring: 0, from: 0n, offset: 0, lengthMax: 4 });
  deepEqual(piece, { first: 1n, length: 0, chunk: new Uint8Array(0) });
});

test("storedCheckpoint tells none from one that does not open", () => {
  const values = memoryLogValues();
  const path = "/state/log/checkpoint/audit";
  deepEqual(storedCheckpoint(values, 1), undefined);
  values.map.set(path, LONG);
  deepEqual(storedCheckpoint(values, 1), LONG);
  values.unreadable.add(path);
  deepEqual(storedCheckpoint(values, 1), new Uint8Array(0));
});
