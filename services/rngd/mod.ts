import { openVirtioRng } from "@hw/driver/virtio_rng.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { Expiry } from "@hw/driver/expiry.ts";
import { rngd } from "./protocol.ts";
import { createRngd } from "./service.ts";
import { EntropySource, type SourcePorts } from "./source.ts";
import { brokenHealthTest } from "./start_up.ts";

export default defineComponent({
  name: "rngd",
  serves: { rngd },
  calls: {},
  uses: { rng: "virtio-rng" },
  asks: ["policy.delegate", "device.mmio.rng"],
  async create({ device, clock, syscalls, prove, spawn }) {
    const expiry = new Expiry(clock, syscalls.timerCreate());
    spawn(() => expiry.run());
    const make = (ports: SourcePorts) => new EntropySource(ports);
    const broken = await brokenHealthTest(make, expiry);
    assert(broken === undefined, "the health tests trip on their known answers");
    const source = make({
      device: openVirtioRng(device.rng),
      expiry,
      failed: (evidence) => prove("failed", evidence),
    });
    prove("mapped", { drawn: await source.start() });
    return { rngd: createRngd(source) };
  },
});
