/**
 * Sequence numbers: integers modulo 2^32, kept as signed 32-bit integers.
 *
 * Source: RFC 9293, "Sequence Numbers".
 *
 * @module
 */

/** The number `count` after `sequence`. */
export function advanced(sequence: number, count: number): number {
  return (sequence + count) | 0;
}

/** How far `to` lies ahead of `from`: -2^31..2^31-1, negative when it lies behind. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}
