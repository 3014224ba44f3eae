import { defineComponent } from "@runtime/boot/component.ts";
import { INIT_NAME } from "@runtime/boot/protocol.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { samgrd, samgrdCapnp } from "./protocol.ts";
import { Registry } from "./registry.ts";
import { createSamgrd } from "./service.ts";

export default defineComponent({
  name: "samgrd",
  serves: { samgrd, capnp: samgrdCapnp },
  calls: {},
  uses: {},
  asks: ["policy.delegate"],
  create({ departed }) {
    const registry = new Registry(fnv1a64(INIT_NAME));
    departed(({ sid }) => registry.drop(sid));
    return { ...createSamgrd(registry) };
  },
});
