import type { Client } from "@runtime/idl/client.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { keystored } from "../keystored/protocol.ts";
import type { identityd } from "./protocol.ts";
import { deviceIdOf, payloadSignatureValid, sessionProofValid } from "./verification.ts";

const UNSIGNED = { status: "ok", ok: false, signature: new Uint8Array(0) } as const;

/** The device's identity for everyone who may ask. Custody is keystored's. */
export function createIdentityd(keys: Client<typeof keystored>): Handlers<typeof identityd> {
  let deviceId: string | undefined;
  return {
    async getDeviceId() {
      if (deviceId !== undefined) return { status: "ok", deviceId };
      const reply = await keys.getDevicePubkey({});
      if (reply.status !== "ok") return { status: "unavailable" };
      deviceId = deviceIdOf(reply.key);
      return { status: "ok", deviceId };
    },
    async sign({ payload }) {
      const reply = await keys.signPayload({ message: payload });
      if (reply.status !== "ok") return UNSIGNED;
      return { status: "ok", ok: true, signature: reply.signature };
    },
    verify({ payload, signature, verifyingKey }) {
      return { status: "ok", valid: payloadSignatureValid(verifyingKey, payload, signature) };
    },
    verifyProof: (proof) => ({ status: "ok", valid: sessionProofValid(proof) }),
  };
}
