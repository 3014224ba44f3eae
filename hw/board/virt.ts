/**
 * Where everything is in QEMU's `virt` machine, as far as this machine has it.
 *
 * Source: QEMU hw/riscv/virt.c, `virt_memmap`; include/hw/riscv/virt.h.
 *
 * @module
 */

/** A device's registers: guest-physical base, length in bytes, interrupt source (0 = none). */
export interface Place {
  readonly base: number;
  readonly length: number;
  readonly irq: number;
}

export const FINISHER: Place = { base: 0x0010_0000, length: 0x1000, irq: 0 };
export const RTC: Place = { base: 0x0010_1000, length: 0x1000, irq: 11 };
export const PLIC: Place = { base: 0x0c00_0000, length: 0x60_0000, irq: 0 };
export const UART: Place = { base: 0x1000_0000, length: 0x100, irq: 10 };

/** Start of RAM. */
export const RAM_BASE = 0x8000_0000;

export const VIRTIO_SLOT_COUNT = 8;

const VIRTIO_BASE = 0x1000_1000;
const VIRTIO_LENGTH = 0x1000;
const VIRTIO_IRQ = 1;

/** One of the eight virtio-mmio slots. */
export function virtioSlot(index: number): Place {
  return {
    base: VIRTIO_BASE + VIRTIO_LENGTH * index,
    length: VIRTIO_LENGTH,
    irq: VIRTIO_IRQ + index,
  };
}

/** QEMU fills the slots from the highest down, in the order of its command line. */
export const RNG_SLOT = 7;
export const NET_SLOT = 6;
export const BLK_SLOT = 5;

/** RAM regions of the devices: far apart, so that no address is near another device's. */
export const RNG_REGION_BASE = RAM_BASE;
export const RNG_REGION_LENGTH = 0x1_0000;
export const NET_REGION_BASE = RAM_BASE + 0x1000_0000;
export const BLK_REGION_BASE = RAM_BASE + 0x2000_0000;
/** Rings, and 128 KiB for each of eight requests. */
export const BLK_REGION_LENGTH = 0x11_0000;

/** Memory of a network card, for 64 buffers of each direction or more at any MTU. */
export function netRegionLength(mtu: number): number {
  return mtu > 9216 ? 0x100_0000 : 0x80_0000;
}
