import { createMachine, type Machine } from "@hw/board/machine.ts";
import { openVirtioBlk } from "@hw/driver/virtio_blk.ts";
import { assert } from "@runtime/core/assert.ts";
import type { BlockDevice } from "@runtime/core/block_device.ts";
import type { Disk, MachineDevice } from "@runtime/core/ports.ts";
import { trapHandler } from "./irq.ts";

/** A machine with a disk, and the driver in use. */
export interface BlkMachine {
  readonly machine: Machine;
  readonly device: MachineDevice;
  readonly blk: BlockDevice;
}

/** @param later Without it, later turns come as soon as the present one ends. */
export function blkMachine(
  disk: Disk,
  later: (work: () => void) => void = (work) => void Promise.resolve().then(work),
): BlkMachine {
  const machine = createMachine({
    entropy: { fill: (bytes) => bytes.length },
    disk,
    console: { write() {} },
    clock: { nowNs: () => 0, unixMs: () => 0 },
    later,
  });
  const device = machine.devices.find(({ name }) => name === "virtio-blk");
  assert(device !== undefined, "the machine has a block device");
  const irq = trapHandler(machine.interrupts).irq(device.irq);
  return { machine, device, blk: openVirtioBlk({ ...device, irq }) };
}
