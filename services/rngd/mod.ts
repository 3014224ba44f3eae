import { openVirtioRng } from "@hw/driver/virtio_rng.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { Expiry } from "./expiry.ts";
import { rngd } from "./protocol.ts";
import { createRngd } from "./service.ts";
import { EntropySource } from "./source.ts";

export default defineComponent({
  name: "rngd",
  serves: { rngd },
  calls: {},
  uses: { rng: "virtio-rng" },
  asks: ["policy.delegate", "device.mmio.rng"],
  async create({ device, clock, syscalls, prove, spawn }) {
    const expiry = new Expiry(clock, syscalls.timerCreate());
    spawn(() => expiry.run());
    const source = new EntropySource({
      device: openVirtioRng(device.rng),
      expiry,
      failed: (evidence) => prove("failed", evidence),
    });
    prove("mapped", { drawn: await source.start() });
    return { rngd: createRngd(source) };
  },
});
