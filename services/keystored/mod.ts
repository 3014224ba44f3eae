import { defineComponent } from "@runtime/boot/component.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { KeySlot } from "./key_slot.ts";
import { keystored } from "./protocol.ts";
import { createKeystored } from "./service.ts";

/** What the log says about where the key lives. */
const RAM_ONLY = "device key in RAM only (no /state)";
const NO_KEY = "no entropy: no device key yet, the next request asks again";

export default defineComponent({
  name: "keystored",
  serves: { keystored },
  calls: { entropy: rngd, log: logdV2 },
  uses: {},
  asks: ["policy.delegate", "rng.entropy"],
  // A second key would be a second device: while the first is in RAM alone, it ends with the daemon.
  irreplaceable: "identity",
  async create({ call }) {
    const slot = new KeySlot(call.entropy);
    const drawn = await slot.key() !== undefined;
    await call.log.append({
      level: LEVELS.indexOf(drawn ? "info" : "error"),
      scope: "keystored",
      message: drawn ? RAM_ONLY : NO_KEY,
      fields: "algorithm=ed25519\n",
    });
    return { keystored: createKeystored(slot) };
  },
});
