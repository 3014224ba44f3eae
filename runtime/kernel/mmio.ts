import { assert } from "../core/assert.ts";
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
export function windowWithin(
  device: MmioWindow,
  { offset, length }: { readonly offset: number; readonly length: number },
  lease: Lease,
): Mapped {
  if (!pages(offset) || !pages(length) || length === 0) return { status: "invalid_argument" };
  if (offset + length > device.length) return { status: "permission_denied" };
  return { status: "ok", window: new WindowPart(device, { base: offset, length }, lease) };
}

function pages(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value % PAGE_SIZE === 0;
}

/** Whether the task that mapped a window still lives. */
export interface Lease {
  ended: boolean;
}

/**
 * Registers of a device from `#base` on; an access that leaves them is a bug of their driver, and so
 * is one of a driver that has ended: the device may be its successor's.
 */
class WindowPart implements MmioWindow {
  readonly length: number;
  readonly #device: MmioWindow;
  readonly #base: number;
  readonly #lease: Lease;

  constructor(
    device: MmioWindow,
    { base, length }: { readonly base: number; readonly length: number },
    lease: Lease,
  ) {
    this.length = length;
    this.#device = device;
    this.#base = base;
    this.#lease = lease;
    Object.freeze(this); // the length is the wall
  }

  read8(offset: number): number {
    return this.#device.read8(this.#at(offset, 1));
  }

  read16(offset: number): number {
    return this.#device.read16(this.#at(offset, 2));
  }

  read32(offset: number): number {
    return this.#device.read32(this.#at(offset, 4));
  }

  write8(offset: number, value: number): void {
    this.#device.write8(this.#at(offset, 1), value);
  }

  write16(offset: number, value: number): void {
    this.#device.write16(this.#at(offset, 2), value);
  }

  write32(offset: number, value: number): void {
    this.#device.write32(this.#at(offset, 4), value);
  }

  #at(offset: number, width: number): number {
    assert(!this.#lease.ended, "a task that has ended touches no device");
    const inside = Number.isInteger(offset) && offset >= 0 && offset + width <= this.length;
    assert(inside, "an access stays within what was mapped");
    return this.#base + offset;
  }
}
