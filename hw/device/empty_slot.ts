import type { MmioDevice } from "../bus/mmio_bus.ts";
import { DEVICE_ID_NONE, VENDOR_ID } from "../virtio/ids.ts";
import { MAGIC_VALUE, REGISTER, VERSION } from "../virtio/registers.ts";

/** A slot with nothing in it: identifies itself as QEMU's does, and is otherwise silent. */
export const EMPTY_SLOT: MmioDevice = {
  read(offset, width) {
    if (width !== 4) return 0;
    if (offset === REGISTER.magicValue) return MAGIC_VALUE;
    if (offset === REGISTER.version) return VERSION;
    if (offset === REGISTER.vendorId) return VENDOR_ID;
    return DEVICE_ID_NONE;
  },
  write() {},
};
