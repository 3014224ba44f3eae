import { checkpointPath } from "./client/log_checkpoint.ts";
import { segmentOfPath, segmentPrefix } from "./client/log_segment.ts";
import type { LogValues } from "./log_values.ts";

/** A piece of a segment, as it lies in the store. */
export interface SegmentPiece {
  /** Index of the segment's first entry. */
  readonly first: bigint;
  /** Bytes of the whole segment; 0 where it does not open. */
  readonly length: number;
  readonly chunk: Uint8Array;
}

/** Which piece. */
export interface PieceAsk {
  readonly ring: number;
  /** The first segment that begins with this entry or behind it. */
  readonly from: bigint;
  readonly offset: number;
  readonly lengthMax: number;
}

/** A piece of the log, for whoever verifies it elsewhere; `undefined` behind the last segment. */
export function segmentPiece(values: LogValues, ask: PieceAsk): SegmentPiece | undefined {
  const { ring, from, offset, lengthMax } = ask;
  for (const path of values.paths(segmentPrefix(ring))) {
    const first = segmentOfPath(ring, path);
    if (first === undefined || first < from) continue;
    const found = values.get(path);
    const value = found.status === "ok" ? found.value : new Uint8Array(0);
    return { first, length: value.length, chunk: value.slice(offset, offset + lengthMax) };
  }
  return undefined;
}

/** A ring's checkpoint as it lies in the store, empty where it does not open. */
export function storedCheckpoint(values: LogValues, ring: number): Uint8Array | undefined {
  const found = values.get(checkpointPath(ring));
  if (found.status === "not_found") return undefined;
  return found.status === "ok" ? found.value : new Uint8Array(0);
}
