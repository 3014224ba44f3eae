/** A hostile driver: registers outside its window, memory outside its region. */

import type { DevicePorts } from "@runtime/boot/component.ts";
import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { REGISTER } from "@hw/virtio/registers.ts";
import { type Attempt, counted, type Loot, outcomeOf } from "./loot.ts";

const STRANGE: readonly unknown[] = [-4, -1, 0.5, NaN, Infinity, 2 ** 31, 2 ** 40, "4", null, {}];
/** Queue, used ring and a good buffer, at offsets of the own region. */
const PLACE = { descriptors: 0x8000, available: 0x8100, used: 0x8200, buffer: 0x9000 } as const;
const READY = 15;

function deviceOf({ device }: Loot): DevicePorts {
  const [own] = Object.values(device);
  if (own === undefined) throw new TypeError("this daemon has no device");
  return own;
}

function outsideWindow(loot: Loot): unknown {
  const { window } = deviceOf(loot);
  Reflect.set(window, "length", 2 ** 40);
  const { length } = window;
  const outside = [...STRANGE, length, length - 3, length + 4096] as number[];
  const reads = outside.map((offset) => outcomeOf(() => window.read32(offset)));
  const writes = outside.map((offset) => outcomeOf(() => window.write32(offset, 1)));
  return { length, reads: counted(reads), writes: counted(writes), own: window.read32(0) };
}

function outsideMap({ syscalls }: Loot): unknown {
  const ranges = [[4096, 4096], [0, 8192], [-4096, 4096], [0, 1], [0.5, 4096], [0, 0]] as const;
  const outcomes = ranges.flatMap(([offset, length]) =>
    Array.from({ length: 256 }, (_, slot) => syscalls.mmioMap(slot, offset, length).status)
  );
  return counted(outcomes);
}

/** What of a region nobody but its owner may have changed. */
function digest(loot: Loot, range: string): unknown {
  const [from, to] = range.split(" ").map(Number);
  return toHex(sha256(deviceOf(loot).dma.bytes.slice(from, to)));
}

/** Has the device write where it is told, from a queue that lies where it is told. */
function directMemory(loot: Loot, argument: string): unknown {
  const { window, dma } = deviceOf(loot);
  const [target = 0, ring = 0] = argument.split(" ").map((part) =>
    part === "own" ? undefined : Number(part)
  );
  const queue = (ring || dma.base + PLACE.descriptors) as number;
  const buffer = (target || dma.base + PLACE.buffer) as number;
  const view = new DataView(dma.bytes.buffer);
  dma.bytes.fill(0, PLACE.descriptors);
  view.setBigUint64(PLACE.descriptors, BigInt(buffer), true);
  view.setUint32(PLACE.descriptors + 8, 64, true);
  view.setUint16(PLACE.descriptors + 12, 2, true);
  view.setUint16(PLACE.available + 2, 1, true);
  begin(window, {
    descriptors: queue,
    available: dma.base + PLACE.available,
    used: dma.base + PLACE.used,
  });
  window.write32(REGISTER.queueNotify, 0);
  const status = window.read32(REGISTER.status);
  const written = dma.bytes.subarray(PLACE.buffer, PLACE.buffer + 64).some((byte) => byte !== 0);
  return { used: view.getUint16(PLACE.used + 2, true), broken: (status & 64) !== 0, written };
}

function begin(
  window: DevicePorts["window"],
  { descriptors, available, used }: { descriptors: number; available: number; used: number },
): void {
  const addresses = [
    [REGISTER.queueDescLow, descriptors],
    [REGISTER.queueDriverLow, available],
    [REGISTER.queueDeviceLow, used],
  ] as const;
  window.write32(REGISTER.status, 0);
  window.write32(REGISTER.status, 3);
  window.write32(REGISTER.driverFeaturesSel, 1);
  window.write32(REGISTER.driverFeatures, 1);
  window.write32(REGISTER.status, 11);
  window.write32(REGISTER.queueSel, 0);
  window.write32(REGISTER.queueNum, 1);
  for (const [register, address] of addresses) {
    window.write32(register, address % 2 ** 32);
    window.write32(register + 4, Math.floor(address / 2 ** 32));
  }
  window.write32(REGISTER.queueReady, 1);
  window.write32(REGISTER.status, READY);
}

export const DEVICE_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "registers outside": outsideWindow,
  "maps outside": outsideMap,
  "the region's digest": digest,
  "memory through the device": directMemory,
};
