/**
 * Feature bits, as 64-bit sets.
 *
 * Source: VIRTIO 1.2, "Reserved Feature Bits"; "Network Device" and "Block Device", "Feature bits".
 *
 * @module
 */

/** Descriptors may point to tables of descriptors. */
export const FEATURE_INDIRECT_DESC = 1n << 28n;
/** Both sides name the index at which they want to be told. */
export const FEATURE_EVENT_IDX = 1n << 29n;
/** The device is not a legacy one. Always offered, always demanded. */
export const FEATURE_VERSION_1 = 1n << 32n;

/** net: the device takes frames with a partial checksum. */
export const FEATURE_NET_CSUM = 1n << 0n;
/** net: the driver takes frames with a partial checksum. */
export const FEATURE_NET_GUEST_CSUM = 1n << 1n;
/** net: the configuration holds the largest IP packet. */
export const FEATURE_NET_MTU = 1n << 3n;
/** net: the configuration holds the address. */
export const FEATURE_NET_MAC = 1n << 5n;
/** net: the configuration holds the link's state. */
export const FEATURE_NET_STATUS = 1n << 16n;

/** blk: the configuration holds the largest buffer of a request's data. */
export const FEATURE_BLK_SIZE_MAX = 1n << 1n;
/** blk: the configuration holds how many buffers a request's data may have. */
export const FEATURE_BLK_SEG_MAX = 1n << 2n;
/** blk: nothing can be written. */
export const FEATURE_BLK_RO = 1n << 5n;
/** blk: the configuration holds the block size. */
export const FEATURE_BLK_BLK_SIZE = 1n << 6n;
/** blk: a completed write may be volatile until a completed flush. */
export const FEATURE_BLK_FLUSH = 1n << 9n;
/** blk: the device takes sectors back. */
export const FEATURE_BLK_DISCARD = 1n << 13n;
/** blk: the device zeroes sectors by itself. */
export const FEATURE_BLK_WRITE_ZEROES = 1n << 14n;

/** Bits 0..31 of a set. */
export function lowWord(features: bigint): number {
  return Number(features & 0xffffffffn);
}

/** Bits 32..63 of a set. */
export function highWord(features: bigint): number {
  return Number((features >> 32n) & 0xffffffffn);
}

/** The set that two words make. */
export function featureSet(words: { readonly low: number; readonly high: number }): bigint {
  return BigInt(words.low >>> 0) | (BigInt(words.high >>> 0) << 32n);
}
