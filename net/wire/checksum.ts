import type { PartialChecksum } from "@runtime/core/ports.ts";
import { putU16, u16At } from "./octets.ts";

/**
 * The Internet checksum: ones' complement sum of 16-bit words.
 *
 * Source: RFC 1071, "Computing the Internet Checksum". Its section on byte order independence is
 * why words may be summed as the machine loads them (every target of the runtime is little-endian)
 * and swapped once at the end.
 *
 * @module
 */

/** Shortest run that is worth a view of 32-bit words. */
const WORDS_LENGTH_MIN = 48;

/** Most bytes whose 16-bit halves, summed apart, still fit 31 bits. */
export const CHECKSUM_LENGTH_MAX = 0x1_0000;

const wordViews = new WeakMap<ArrayBufferLike, Int32Array>();

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  const known = wordViews.get(buffer);
  if (known !== undefined) return known;
  const words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  wordViews.set(buffer, words);
  return words;
}

function swapped(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}

function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/**
 * Ones' complement sum of `bytes[start..end)` as if `start` were even, an odd last byte padded with
 * zero.
 *
 * @returns 0..65535, not complemented. Sums of several runs, each but the last of even length, add
 *   up with {@linkcode finishSum}.
 */
export function sumOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < WORDS_LENGTH_MIN) return sumOctets(bytes, start, end);
  const base = bytes.byteOffset;
  const aligned = start + ((4 - ((base + start) & 3)) & 3);
  const wordCount = (end - aligned) >>> 2;
  const tail = aligned + wordCount * 4;
  const first = (base + aligned) >>> 2;
  const middle = swapped(sumWords(wordsOf(bytes.buffer), first, first + wordCount));
  const odd = ((aligned - start) & 1) === 1;
  const rest = folded(middle + sumOctets(bytes, tail, end));
  return folded(sumOctets(bytes, start, aligned) + (odd ? swapped(rest) : rest));
}

function sumOctets(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let index = start;
  for (; index + 1 < end; index += 2) {
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  }
  if (index < end) sum += (bytes[index] ?? 0) << 8;
  return folded(sum);
}

/**
 * Sum of the 16-bit halves of `words[from..until)`.
 *
 * Keeps the sum of whole words modulo 2^32 and that of their high halves: what the low halves sum
 * to follows from both, with fewer operations a word than splitting each. Bounded by
 * {@linkcode CHECKSUM_LENGTH_MAX}, neither sum of halves overflows.
 */
function sumWords(words: Int32Array, from: number, until: number): number {
  let whole = 0;
  let high = 0;
  let index = from;
  for (; index + 3 < until; index += 4) {
    const a = words[index] ?? 0;
    const b = words[index + 1] ?? 0;
    const c = words[index + 2] ?? 0;
    const d = words[index + 3] ?? 0;
    whole = (((whole + a) | 0) + ((b + c) | 0) + d) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  for (; index < until; index++) {
    const word = words[index] ?? 0;
    whole = (whole + word) | 0;
    high = (high + (word >>> 16)) | 0;
  }
  const low = (whole - (high << 16)) >>> 0;
  return folded(folded(low) + folded(high));
}

/** The checksum field for a total of sums: folded and complemented, 0..65535. */
export function finishSum(sum: number): number {
  return ~folded(sum) & 0xffff;
}

/**
 * Sum of the pseudo header in front of a TCP segment or UDP datagram.
 *
 * @param length Bytes of the segment, header included.
 *
 * Source: RFC 9293, "Header Format" (pseudo-header for IPv4).
 */
export function pseudoSum(
  header: { readonly source: number; readonly target: number; readonly protocol: number },
  length: number,
): number {
  const { source, target, protocol } = header;
  return (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff) + protocol +
    length;
}

/** Where a TCP segment or UDP datagram lies in a frame, in bytes; `field` counts from `start`. */
export interface ChecksummedRun {
  readonly start: number;
  readonly end: number;
  readonly field: number;
}

/**
 * Whether the checksum of a segment holds. One that is partial, by the word of whoever brought the
 * frame, must hold the sum of the pseudo header: what it covers so far. What is partial of something
 * else says nothing about this segment.
 */
export function checksumHolds(
  frame: Uint8Array,
  header: { readonly source: number; readonly target: number; readonly protocol: number },
  run: ChecksummedRun,
  left: Readonly<PartialChecksum> | undefined,
): boolean {
  const { start, end, field } = run;
  const pseudo = pseudoSum(header, end - start);
  const partial = left !== undefined && left.start === start && left.offset === field;
  const sum = partial ? ~u16At(frame, start + field) & 0xffff : sumOf(frame, start, end);
  return finishSum(pseudo + sum) === 0;
}

/**
 * Writes the pseudo header's sum into a checksum field, and says what is left to add.
 *
 * Source: VIRTIO 1.2, "Packet Transmission": the field holds "the sum of the TCP pseudo header".
 */
export function leaveChecksum(
  frame: Uint8Array,
  header: { readonly source: number; readonly target: number; readonly protocol: number },
  run: ChecksummedRun,
  left: PartialChecksum,
): void {
  const { start, end, field } = run;
  putU16(frame, start + field, folded(pseudoSum(header, end - start)));
  left.start = start;
  left.offset = field;
}
