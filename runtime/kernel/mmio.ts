import type { MmioWindow } from "../core/ports.ts";
import type { Mapped } from "../core/syscalls.ts";

/** Pages are what a window is mapped in. */
export const PAGE_SIZE = 4096;

/**
 * The part of a device's registers that starts at `offset`, as a window of its own.
 *
 * @returns `invalid_argument` when the range is not whole pages, `permission_denied` when it leaves
 *   the device.
 *
 * Source: Open Nexus OS, TASK-0010 "Device MMIO access model".
 */
export function windowWithin(device: MmioWindow, offset: number, length: number): Mapped {
  if (!pages(offset) || !pages(length) || length === 0) return { status: "invalid_argument" };
  if (offset + length > device.length) return { status: "permission_denied" };
  return { status: "ok", window: offset === 0 ? device : shifted(device, offset, length) };
}

function pages(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value % PAGE_SIZE === 0;
}

function shifted(device: MmioWindow, by: number, length: number): MmioWindow {
  return {
    length,
    read8: (offset) => device.read8(by + offset),
    read16: (offset) => device.read16(by + offset),
    read32: (offset) => device.read32(by + offset),
    write8: (offset, value) => device.write8(by + offset, value),
    write16: (offset, value) => device.write16(by + offset, value),
    write32: (offset, value) => device.write32(by + offset, value),
  };
}
