import type { DmaRegion, Irq, MmioWindow } from "@runtime/core/ports.ts";

/** All that a driver is given of its device, and of the machine. */
export interface DriverParts {
  readonly window: MmioWindow;
  readonly dma: DmaRegion;
  readonly irq: Irq;
}
