/**
 * Big-endian fields at a place in a frame, without a view object per frame.
 *
 * The caller has checked the bounds; a byte outside the frame reads as 0 and a write there is lost.
 *
 * @module
 */

export function u16At(frame: Uint8Array, offset: number): number {
  return ((frame[offset] ?? 0) << 8) | (frame[offset + 1] ?? 0);
}

/** The field as a signed 32-bit integer: the form in which sequence numbers are kept. */
export function i32At(frame: Uint8Array, offset: number): number {
  return ((frame[offset] ?? 0) << 24) | ((frame[offset + 1] ?? 0) << 16) |
    ((frame[offset + 2] ?? 0) << 8) | (frame[offset + 3] ?? 0);
}

export function u32At(frame: Uint8Array, offset: number): number {
  return i32At(frame, offset) >>> 0;
}

/** Writes the low 16 bits of `value`. */
export function putU16(frame: Uint8Array, offset: number, value: number): void {
  frame[offset] = value >>> 8;
  frame[offset + 1] = value;
}

/** Writes the low 32 bits of `value`. */
export function putU32(frame: Uint8Array, offset: number, value: number): void {
  frame[offset] = value >>> 24;
  frame[offset + 1] = value >>> 16;
  frame[offset + 2] = value >>> 8;
  frame[offset + 3] = value;
}

/** Longest run that is copied by a loop: below it a loop beats the call and its view. */
const LOOP_LENGTH_MAX = 32;

/** Copies `source[start..end)` to `target[at..]`; the caller has checked both bounds. */
export function copyRun(
  source: Uint8Array,
  run: { readonly start: number; readonly end: number },
  target: Uint8Array,
  at: number,
): void {
  const { start, end } = run;
  if (end - start > LOOP_LENGTH_MAX) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let index = start; index < end; index++) target[at + index - start] = source[index] ?? 0;
}
