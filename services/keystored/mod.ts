import { defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { Refusal } from "@runtime/core/error.ts";
import { LEVELS, logdV2 } from "../logd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import { type KeyOrigin, KeySlot } from "./key_slot.ts";
import { keystored } from "./protocol.ts";
import { createKeystored } from "./service.ts";

/** What the log says about where the key came from. */
const ORIGIN: Readonly<Record<KeyOrigin, string>> = {
  kept: "device key as it was kept in /state",
  drawn: "device key drawn, and kept in /state",
};
const NO_KEY = "no entropy: no device key yet, the next request asks again";
const STUB = " (stub: RAM, not beyond the node)";

export default defineComponent({
  name: "keystored",
  serves: { keystored },
  calls: { entropy: rngd, log: logdV2, state: statefsd },
  uses: {},
  keyCapability: "keystore.kek",
  asks: ["policy.delegate", "keystore.kek", "rng.entropy", "statefs.keystore"],
  async create({ args, call, key: kek }) {
    assert(kek !== undefined, "the boot hands over the key that seeds are wrapped under");
    const slot = new KeySlot({ ...call, kek, deviceId: args["deviceId"] });
    await slot.key();
    if (slot.fault !== undefined) throw new Refusal(slot.fault);
    const { origin } = slot;
    const stats = await call.state.stats({});
    const stub = stats.status === "ok" && stats.persists === 0 ? STUB : "";
    await call.log.append({
      level: LEVELS.indexOf(origin === undefined ? "error" : "info"),
      scope: "keystored",
      message: origin === undefined ? NO_KEY : `${ORIGIN[origin]}${stub}`,
      fields: "algorithm=ed25519\n",
    });
    return { keystored: createKeystored(slot) };
  },
});
