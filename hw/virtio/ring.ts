/**
 * Layout of a split virtqueue, N = queue size, all fields little-endian:
 *
 *     descriptor table   N x { address u64, length u32, flags u16, next u16 }          16-aligned
 *     available ring     flags u16, idx u16, N x { head u16 }, used_event u16           2-aligned
 *     used ring          flags u16, idx u16, N x { id u32, length u32 }, avail_event u16 4-aligned
 *
 * Source: VIRTIO 1.2, "Split Virtqueues".
 *
 * @module
 */

export const DESCRIPTOR_SIZE = 16;
/** `next` names a further descriptor; without it `next` means nothing and may be stale. */
export const DESCRIPTOR_NEXT = 1;
/** The device writes here; without it the device reads. */
export const DESCRIPTOR_WRITE = 2;
/** The buffer is a table of descriptors. */
export const DESCRIPTOR_INDIRECT = 4;

/** available.flags: the driver does not want interrupts. */
export const AVAILABLE_NO_INTERRUPT = 1;
/** used.flags: the device does not want kicks. */
export const USED_NO_NOTIFY = 1;

/** Largest queue of the specification. */
export const QUEUE_SIZE_MAX = 32768;

export const DESCRIPTOR_TABLE_ALIGN = 16;
export const AVAILABLE_ALIGN = 2;
export const USED_ALIGN = 4;

/** Offset of `idx` in either ring; `flags` stand before it. */
export const RING_INDEX = 2;
/** Offset of the first entry in either ring. */
export const RING_ENTRIES = 4;
export const AVAILABLE_ENTRY_SIZE = 2;
export const USED_ENTRY_SIZE = 8;

/** Length of the descriptor table in bytes. */
export function descriptorTableLength(size: number): number {
  return DESCRIPTOR_SIZE * size;
}

/** Length of the available ring in bytes, with `used_event`. */
export function availableLength(size: number): number {
  return 6 + AVAILABLE_ENTRY_SIZE * size;
}

/** Length of the used ring in bytes, with `avail_event`. */
export function usedLength(size: number): number {
  return 6 + USED_ENTRY_SIZE * size;
}

/** Offset of `used_event` in the available ring. */
export function usedEventOffset(size: number): number {
  return RING_ENTRIES + AVAILABLE_ENTRY_SIZE * size;
}

/** Offset of `avail_event` in the used ring. */
export function availEventOffset(size: number): number {
  return RING_ENTRIES + USED_ENTRY_SIZE * size;
}

/** Whether a queue may have this size. */
export function queueSizeValid(size: number, sizeMax: number): boolean {
  return size >= 1 && size <= sizeMax && size <= QUEUE_SIZE_MAX && (size & (size - 1)) === 0;
}

/**
 * Whether an index that moved from `before` to `after` went past `event`: event in [before, after),
 * modulo 2^16. The one rule behind both kinds of suppression.
 *
 * Source: VIRTIO 1.2, "Used Buffer Notification Suppression".
 */
export function eventPassed(
  event: number,
  move: { readonly before: number; readonly after: number },
): boolean {
  return ((move.after - event - 1) & 0xffff) < ((move.after - move.before) & 0xffff);
}
