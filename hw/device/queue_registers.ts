import { assert } from "@runtime/core/assert.ts";
import { REGISTER } from "../virtio/registers.ts";
import type { SplitQueue } from "./queue.ts";

/** What the driver has written about one queue. */
export interface QueueRegisters {
  readonly sizeMax: number;
  size: number;
  descLow: number;
  descHigh: number;
  driverLow: number;
  driverHigh: number;
  deviceLow: number;
  deviceHigh: number;
  live: SplitQueue | undefined;
}

/** A field that a register write stores as it is. */
export type QueueField = "size" | `${"desc" | "driver" | "device"}${"Low" | "High"}`;

/** Which field a queue register writes. */
export const QUEUE_FIELDS: ReadonlyMap<number, QueueField> = new Map([
  [REGISTER.queueNum, "size"],
  [REGISTER.queueDescLow, "descLow"],
  [REGISTER.queueDescHigh, "descHigh"],
  [REGISTER.queueDriverLow, "driverLow"],
  [REGISTER.queueDriverHigh, "driverHigh"],
  [REGISTER.queueDeviceLow, "deviceLow"],
  [REGISTER.queueDeviceHigh, "deviceHigh"],
]);

/** Registers that read 0. */
export const WRITE_ONLY: ReadonlySet<number> = new Set([
  REGISTER.deviceFeaturesSel,
  REGISTER.driverFeatures,
  REGISTER.driverFeaturesSel,
  REGISTER.queueSel,
  REGISTER.queueNotify,
  REGISTER.interruptAck,
  REGISTER.shmSel,
  ...QUEUE_FIELDS.keys(),
]);

/** Registers that ignore writes. */
export const READ_ONLY: ReadonlySet<number> = new Set([
  REGISTER.magicValue,
  REGISTER.version,
  REGISTER.deviceId,
  REGISTER.vendorId,
  REGISTER.deviceFeatures,
  REGISTER.queueNumMax,
  REGISTER.interruptStatus,
  REGISTER.shmLenLow,
  REGISTER.shmLenHigh,
  REGISTER.shmBaseLow,
  REGISTER.shmBaseHigh,
  REGISTER.configGeneration,
]);

/** A queue as it is after a reset. */
export function freshQueue(sizeMax: number): QueueRegisters {
  assert(sizeMax >= 1, "a queue that exists has a size");
  return {
    sizeMax,
    size: 0,
    descLow: 0,
    descHigh: 0,
    driverLow: 0,
    driverHigh: 0,
    deviceLow: 0,
    deviceHigh: 0,
    live: undefined,
  };
}
