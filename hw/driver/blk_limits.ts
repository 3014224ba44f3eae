/**
 * What a block device says of itself, judged before anything is asked of it.
 *
 * Source: VIRTIO 1.2, "Block Device", "Device configuration layout".
 *
 * @module
 */

import {
  BLK_CONFIG_CAPACITY,
  BLK_CONFIG_DISCARD_SECTORS_MAX,
  BLK_CONFIG_DISCARD_SEG_MAX,
  BLK_CONFIG_SEG_MAX,
  BLK_CONFIG_SIZE_MAX,
  BLK_CONFIG_ZEROES_SECTORS_MAX,
  BLK_CONFIG_ZEROES_SEG_MAX,
  SECTOR_SIZE,
} from "../virtio/block.ts";
import {
  FEATURE_BLK_DISCARD,
  FEATURE_BLK_SEG_MAX,
  FEATURE_BLK_SIZE_MAX,
  FEATURE_BLK_WRITE_ZEROES,
} from "../virtio/features.ts";
import { REGISTER } from "../virtio/registers.ts";
import { dataRoom, descriptorCount, DESCRIPTORS_BESIDES } from "./request_queue.ts";
import type { DriverTransport } from "./transport.ts";

/** Most requests at once. */
export const SLOTS_MAX = 8;

/** Most bytes of data in one request. */
export const DATA_LENGTH_MAX = 0x2_0000;

/** Most descriptors of the queue. */
export const BLK_QUEUE_SIZE_MAX = 256;

const WORD = 2 ** 32;

/** Bounds of single requests. 0 sectors: the device does not do that. */
export interface BlkLimits {
  readonly sectorCount: number;
  readonly segmentLength: number;
  readonly segmentCount: number;
  readonly discardSectors: number;
  readonly zeroesSectors: number;
}

/** The queue that a device, its limits and a region allow. */
export interface BlkShape {
  readonly size: number;
  readonly slotCount: number;
  readonly dataLength: number;
  readonly segmentLength: number;
}

/** @throws {DriverError} `capacity_out_of_range`, `config_unstable`. */
export function readCapacity(transport: DriverTransport): number {
  const sectorCount = transport.readConfig((config) =>
    config.u32(BLK_CONFIG_CAPACITY + 4) * WORD + config.u32(BLK_CONFIG_CAPACITY)
  );
  if (sectorCount === 0 || !Number.isSafeInteger(sectorCount * SECTOR_SIZE)) {
    transport.fail("capacity_out_of_range", REGISTER.config + BLK_CONFIG_CAPACITY);
  }
  return sectorCount;
}

/** @throws {DriverError} `capacity_out_of_range`, `config_unstable`, `limit_out_of_range`. */
export function readLimits(transport: DriverTransport): BlkLimits {
  const limit = (
    rule: { readonly feature: bigint; readonly offset: number; readonly least: number },
    absent: number,
  ): number => {
    if (!transport.has(rule.feature)) return absent;
    const value = transport.readConfig((config) => config.u32(rule.offset));
    if (value < rule.least) transport.fail("limit_out_of_range", REGISTER.config + rule.offset);
    return value;
  };
  const size = { feature: FEATURE_BLK_SIZE_MAX, offset: BLK_CONFIG_SIZE_MAX, least: SECTOR_SIZE };
  const one = { least: 1 };
  const segments = { ...one, feature: FEATURE_BLK_SEG_MAX, offset: BLK_CONFIG_SEG_MAX };
  const discard = { ...one, feature: FEATURE_BLK_DISCARD };
  const zeroes = { ...one, feature: FEATURE_BLK_WRITE_ZEROES };
  limit({ ...discard, offset: BLK_CONFIG_DISCARD_SEG_MAX }, 0);
  limit({ ...zeroes, offset: BLK_CONFIG_ZEROES_SEG_MAX }, 0);
  const segmentLength = Math.min(limit(size, DATA_LENGTH_MAX), DATA_LENGTH_MAX);
  return {
    sectorCount: readCapacity(transport),
    segmentLength: wholeSectors(segmentLength),
    segmentCount: limit(segments, Infinity),
    discardSectors: limit({ ...discard, offset: BLK_CONFIG_DISCARD_SECTORS_MAX }, 0),
    zeroesSectors: limit({ ...zeroes, offset: BLK_CONFIG_ZEROES_SECTORS_MAX }, 0),
  };
}

function wholeSectors(length: number): number {
  return Math.floor(length / SECTOR_SIZE) * SECTOR_SIZE;
}

/** @returns the largest queue with whole sectors in each slot; `dataLength` 0 when there is no room. */
export function shapeOf(
  { segmentLength, segmentCount }: BlkLimits,
  given: { readonly sizeMax: number; readonly room: number },
): BlkShape {
  let size = BLK_QUEUE_SIZE_MAX;
  while (size > given.sizeMax) size /= 2;
  const segments = Math.min(segmentCount, size - DESCRIPTORS_BESIDES);
  const wanted = Math.min(DATA_LENGTH_MAX, segments * segmentLength);
  const descriptors = descriptorCount(wanted, segmentLength);
  const slotCount = Math.min(SLOTS_MAX, Math.floor(size / descriptors));
  const room = dataRoom(given.room, { size, slotCount });
  const dataLength = Math.max(0, wholeSectors(Math.min(wanted, room)));
  return { size, slotCount, dataLength, segmentLength };
}
