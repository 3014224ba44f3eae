import { BLOCK_SIZE, INDEX_BYTES_MAX } from "./limits.ts";
import type { QuotaLimits } from "./quota_limits.ts";
import { LOG_SEGMENTS_MAX } from "./ring_log.ts";
import { SEGMENT_BYTES_MAX } from "./client/log_segment.ts";

/** What an owner without limits of its own may take of an image, and the kept log with it. */
export interface DefaultLimits {
  readonly subjects: QuotaLimits;
  readonly apps: QuotaLimits;
  /** Segments that each ring of the log keeps. */
  readonly segmentsMax: number;
}

/** Parts of the room for values: a subject gets half of it, an application and the log a quarter. */
const SUBJECT_PART = 2;
const APP_PART = 4;
const LOG_PART = 4;
const RINGS = 2;
/** A ring cannot do with less: the newest segment, and one that is being begun. */
const SEGMENTS_MIN = 2;

/** @param blockCount Of the whole disk; one of its two regions holds the values. */
export function defaultLimits(blockCount: number): DefaultLimits {
  const room = Math.min(INDEX_BYTES_MAX, (blockCount >>> 1) * BLOCK_SIZE);
  const segments = Math.floor(room / LOG_PART / RINGS / SEGMENT_BYTES_MAX);
  return {
    subjects: limitsOf(room / SUBJECT_PART),
    apps: limitsOf(room / APP_PART),
    segmentsMax: Math.max(SEGMENTS_MIN, Math.min(LOG_SEGMENTS_MAX, segments)),
  };
}

/** Three quarters of what is too much are worth a warning. */
function limitsOf(most: number): QuotaLimits {
  const hard = Math.floor(most);
  return { soft: Math.floor(hard * 3 / 4), hard };
}
