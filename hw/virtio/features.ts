/**
 * Feature bits, as 64-bit sets.
 *
 * Source: VIRTIO 1.2, "Reserved Feature Bits" and "Network Device", "Feature bits".
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
