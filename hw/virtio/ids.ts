/**
 * Device and vendor ids.
 *
 * Source: VIRTIO 1.2, "Device Types".
 *
 * @module
 */

/** An empty slot: the driver stops without a word. */
export const DEVICE_ID_NONE = 0;
export const DEVICE_ID_NET = 1;
export const DEVICE_ID_BLK = 2;
export const DEVICE_ID_RNG = 4;

/** "NXOS", little-endian: the vendor of every device of this machine. */
export const VENDOR_ID = 0x534f584e;
