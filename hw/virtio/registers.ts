/**
 * Registers of a virtio device behind the MMIO transport, version 2: offsets in bytes.
 *
 * Source: VIRTIO 1.2, "MMIO Device Register Layout".
 *
 * @module
 */

/** Offset of every register that version 2 defines. Each is 32 bits wide. */
export const REGISTER = {
  magicValue: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSel: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  queueSel: 0x030,
  queueNumMax: 0x034,
  queueNum: 0x038,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  queueDescLow: 0x080,
  queueDescHigh: 0x084,
  queueDriverLow: 0x090,
  queueDriverHigh: 0x094,
  queueDeviceLow: 0x0a0,
  queueDeviceHigh: 0x0a4,
  shmSel: 0x0ac,
  shmLenLow: 0x0b0,
  shmLenHigh: 0x0b4,
  shmBaseLow: 0x0b8,
  shmBaseHigh: 0x0bc,
  queueReset: 0x0c0,
  configGeneration: 0x0fc,
  /** First byte of the device's own configuration; 8, 16 and 32 bit accesses. */
  config: 0x100,
} as const;

/** "virt", little-endian. */
export const MAGIC_VALUE = 0x74726976;

/** The version of the register layout; 1 is legacy and never offered. */
export const VERSION = 2;

/** What reads from the length and base of a shared memory region that does not exist. */
export const SHM_ABSENT = 0xffffffff;

/** InterruptStatus: the device has used a buffer. */
export const INTERRUPT_USED = 1;

/** InterruptStatus: the configuration or the device's own state changed. */
export const INTERRUPT_CONFIG = 2;
