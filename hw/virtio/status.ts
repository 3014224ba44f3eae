/**
 * Bits of the device status register.
 *
 * Source: VIRTIO 1.2, "Device Status Field".
 *
 * @module
 */

/** The guest has found the device. */
export const STATUS_ACKNOWLEDGE = 1;
/** The guest knows how to drive it. */
export const STATUS_DRIVER = 2;
/** The driver is set up: queues may run. */
export const STATUS_DRIVER_OK = 4;
/** Feature negotiation is over; the bit reads 0 when the device refused the set. */
export const STATUS_FEATURES_OK = 8;
/** The device cannot go on without a reset. Set by the device alone. */
export const STATUS_NEEDS_RESET = 64;
/** The driver has given up. */
export const STATUS_FAILED = 128;

/** The bits that a driver may set. */
export const STATUS_DRIVER_BITS = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK |
  STATUS_FEATURES_OK | STATUS_FAILED;
