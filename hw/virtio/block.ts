/**
 * Facts of the block device.
 *
 * Source: VIRTIO 1.2, "Block Device".
 *
 * @module
 */

export const BLK_QUEUE = 0;

/** The unit of every sector number, whatever the block size. */
export const SECTOR_SIZE = 512;

/** Offsets in the configuration: u64, then u32 each. */
export const BLK_CONFIG_CAPACITY = 0;
export const BLK_CONFIG_SIZE_MAX = 8;
export const BLK_CONFIG_SEG_MAX = 12;
export const BLK_CONFIG_BLK_SIZE = 20;
export const BLK_CONFIG_DISCARD_SECTORS_MAX = 36;
export const BLK_CONFIG_DISCARD_SEG_MAX = 40;
export const BLK_CONFIG_DISCARD_ALIGNMENT = 44;
export const BLK_CONFIG_ZEROES_SECTORS_MAX = 48;
export const BLK_CONFIG_ZEROES_SEG_MAX = 52;
/** Bytes of the configuration that this machine has. */
export const BLK_CONFIG_SIZE = 60;

/** Readable header before a request's data: type u32, reserved u32, sector u64. */
export const BLK_HEADER_SIZE = 16;
export const BLK_HEADER_TYPE = 0;
export const BLK_HEADER_SECTOR = 8;

/** The last writable byte of a request. */
export const BLK_STATUS_SIZE = 1;
export const BLK_STATUS_OK = 0;
export const BLK_STATUS_IOERR = 1;
export const BLK_STATUS_UNSUPP = 2;

/** Request types. */
export const BLK_TYPE_IN = 0;
export const BLK_TYPE_OUT = 1;
export const BLK_TYPE_FLUSH = 4;
export const BLK_TYPE_GET_ID = 8;
export const BLK_TYPE_DISCARD = 11;
export const BLK_TYPE_WRITE_ZEROES = 13;

/** Bytes of an id, padded with zeros. */
export const BLK_ID_SIZE = 20;

/** Data of DISCARD and WRITE_ZEROES, for each range: sector u64, count u32, flags u32. */
export const BLK_RANGE_SIZE = 16;
export const BLK_RANGE_SECTOR = 0;
export const BLK_RANGE_COUNT = 8;
export const BLK_RANGE_FLAGS = 12;
/** Flag of WRITE_ZEROES alone: the sectors may be given up as long as they read as zeros. */
export const BLK_RANGE_UNMAP = 1;

/** A 64-bit sector number; from 2^53 on it is rounded, but stays there. */
export function readSector(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** Writes a sector number below 2^53 as 64 bits. */
export function writeSector(view: DataView, at: number, sector: number): void {
  view.setUint32(at, sector % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(sector / 2 ** 32), true);
}
