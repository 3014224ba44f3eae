/**
 * identityd: the single public entry to the device's identity. It holds no secret.
 *
 * Wire: Open Nexus OS, `source/services/identityd` and `identity.capnp`; VerifyProof (0x20) is ours.
 *
 * @module
 */

import { identitySchema } from "@runtime/capnp/declarations.ts";
import { defineCapnpService } from "@runtime/idl/service.ts";

const [
  ,
  getDeviceIdResponse,
  signRequest,
  signResponse,
  verifyRequest,
  verifyResponse,
  verifyProofRequest,
  verifyProofResponse,
] = identitySchema.structs;

export const identityd = defineCapnpService({
  name: "identityd",
  schema: identitySchema,
  status: { ok: 0, malformed: 1, unsupported: 2, unavailable: 3, denied: 0x0f },
  ops: {
    getDeviceId: {
      code: 1,
      doc: "Tells the device id: SHA-256 of the verifying key, 64 lower-case hex digits.",
      capability: "identity.read",
      request: null,
      reply: getDeviceIdResponse,
      idempotent: true,
    },
    sign: {
      code: 2,
      doc: "Has keystored sign for the purpose `payload`.",
      capability: "identity.sign",
      request: signRequest,
      reply: signResponse,
    },
    verify: {
      code: 3,
      doc: "Checks a signature for the purpose `payload`.",
      capability: "identity.verify",
      request: verifyRequest,
      reply: verifyResponse,
      idempotent: true,
    },
    verifyProof: {
      code: 0x20,
      doc:
        "Checks a peer's session v1 proof: device id, verifying key and signed static key agree.",
      capability: "identity.verify",
      target: "deviceId",
      request: verifyProofRequest,
      reply: verifyProofResponse,
      idempotent: true,
    },
  },
  markers: {
    ready: {
      line: "identityd: ready",
      phase: "bring-up",
      role: "required",
      proves: "identityd serves",
      evidence: [],
    },
  },
});
