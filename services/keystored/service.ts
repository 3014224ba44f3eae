import { Writer } from "@runtime/core/writer.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { sizeOf, writeFields } from "@runtime/idl/body.ts";
import type { ValuesOf } from "@runtime/idl/field.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { DeviceKey } from "./device_key.ts";
import type { KeySlot } from "./key_slot.ts";
import type { scopedValues } from "./scoped_values.ts";
import { type keystored, LOG_CHECKPOINT, PROOF_ROLE } from "./protocol.ts";

const NO_KEY = { status: "key_not_found" } as const;

/** Serves results of the device key: public keys, signatures, shared secrets; never the key. */
export function createKeystored(
  slot: KeySlot,
  values: ReturnType<typeof scopedValues>,
): Handlers<typeof keystored> {
  const withKey = async <T>(use: (key: DeviceKey) => T): Promise<T | typeof NO_KEY> => {
    const key = await slot.key();
    return key === undefined ? NO_KEY : use(key);
  };
  return {
    ...values,
    verify({ payloadLength, verifyingKey, signature, payload }) {
      if (payloadLength !== payload.length) return { status: "malformed" };
      return { status: "ok", valid: ed25519Verify(verifyingKey, payload, signature) ? 1 : 0 };
    },
    async deviceKeygen() {
      if (slot.origin !== undefined) return { status: "key_exists" };
      return await slot.key() === undefined ? NO_KEY : { status: "ok" };
    },
    getDevicePubkey: () => withKey((key) => ({ status: "ok", key: key.verifyingKey }) as const),
    async deviceSign({ payloadLength, payload }) {
      if (payloadLength !== payload.length) return { status: "malformed" };
      return await withKey((key) => signed(key.sign("payload", payload)));
    },
    getDevicePrivkey: () => ({ status: "private_export_denied" }),
    staticPublic: () => withKey((key) => ({ status: "ok", key: key.staticPublic }) as const),
    staticDh: ({ remote }) =>
      withKey((key) => {
        const shared = key.staticDh(remote);
        if (shared === undefined) return { status: "point_refused" } as const;
        return { status: "ok", shared } as const;
      }),
    sessionProof: ({ role }) =>
      withKey((key) => ({
        ...signed(key.sessionProof(role === PROOF_ROLE.initiator ? "initiator" : "responder")),
        verifyingKey: key.verifyingKey,
      })),
    signPayload: ({ message }) => withKey((key) => signed(key.sign("payload", message))),
    signAnnounce: ({ message }) => withKey((key) => signed(key.sign("announce", message))),
    signLogCheckpoint: (checkpoint) =>
      withKey((key) => ({
        ...signed(key.sign("logCheckpoint", checkpointMessage(checkpoint))),
        verifyingKey: key.verifyingKey,
      })),
  };
}

/** Made here from what was asked: no bytes of a caller's choice are signed. */
function checkpointMessage(checkpoint: ValuesOf<typeof LOG_CHECKPOINT>): Uint8Array {
  const writer = new Writer(sizeOf(LOG_CHECKPOINT));
  writeFields(writer, LOG_CHECKPOINT, checkpoint);
  return writer.finish();
}

function signed(signature: Uint8Array) {
  return { status: "ok", signature } as const;
}
