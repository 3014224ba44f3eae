/** First wait between two dials, in milliseconds. */
export const BACKOFF_MIN_MS = 200;
/** Longest wait between two dials, in milliseconds. */
export const BACKOFF_MAX_MS = 10_000;

/**
 * How long to wait before the next dial: doubles from {@linkcode BACKOFF_MIN_MS} to
 * {@linkcode BACKOFF_MAX_MS}, of which the upper half is spread at random so that nodes that lost one
 * peer together do not come back together.
 *
 * @param failures Dials that failed in a row, from 0.
 * @param random 0 ≤ random < 1.
 */
export function backoffMs(failures: number, random: number): number {
  const doubled = BACKOFF_MIN_MS * 2 ** Math.min(failures, 16);
  return Math.round(Math.min(BACKOFF_MAX_MS, doubled) * (0.5 + random / 2));
}
