import { defineComponent } from "@runtime/boot/component.ts";
import { keystored } from "../keystored/protocol.ts";
import { identityd } from "./protocol.ts";
import { createIdentityd } from "./service.ts";

export default defineComponent({
  name: "identityd",
  serves: { identityd },
  calls: { keys: keystored },
  uses: {},
  asks: ["policy.delegate", "identity.sign", "device.pubkey.read"],
  create: ({ call }) => ({ identityd: createIdentityd(call.keys) }),
});
