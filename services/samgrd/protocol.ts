/**
 * samgrd: who offers what on this node. A service sees what it registered itself and what the boot
 * registered for everyone.
 *
 * Wire: Open Nexus OS, `SM` v1 (`source/services/samgrd/src/os_lite.rs`) and `samgr.capnp`.
 *
 * @module
 */

import { samgrSchema } from "@runtime/capnp/declarations.ts";
import { fixed, text8, u32, u64 } from "@runtime/idl/field.ts";
import { defineCapnpService, defineService } from "@runtime/idl/service.ts";

/** Longest service name, in bytes. */
export const SERVICE_NAME_LENGTH_MAX = 64;

const NAME = text8(1, SERVICE_NAME_LENGTH_MAX);

/** Where a service is reached, as the numbers its registrar gave; zero unless the status is `ok`. */
const PLACE = { send: u32(), receive: u32() } as const;

export const samgrd = defineService({
  name: "samgrd",
  magic: "SM",
  version: 1,
  refusals: { bad_version: "unsupported" },
  envelope: { request: ["tailNonce64"], reply: ["status", "tailNonce64"] },
  status: { ok: 0, not_found: 1, malformed: 2, unsupported: 3, over_limit: 4, denied: 0x0f },
  ops: {
    register: {
      code: 1,
      doc: "Registers a name for the caller; of the boot's principal, for everyone.",
      capability: "samgr.register",
      target: "name",
      requestLayout: "split",
      replyFields: "always",
      request: { name: NAME, ...PLACE },
      reply: PLACE,
    },
    lookup: {
      code: 2,
      doc: "Finds a name among the caller's own and the boot's.",
      capability: "samgr.resolve",
      target: "name",
      replyFields: "always",
      request: { name: NAME },
      reply: PLACE,
      idempotent: true,
    },
    ping: {
      code: 3,
      doc: "Answers PONG over the reply right that came along.",
      capability: null,
      request: {},
      reply: { pong: fixed(4) },
      idempotent: true,
    },
    senderServiceId: {
      code: 5,
      doc: "Tells the caller its own service id, as the kernel stamped it.",
      capability: null,
      request: {},
      reply: { sid: u64() },
      idempotent: true,
    },
    resolveStatus: {
      code: 6,
      doc: "Tells whether anyone registered a name, and nothing else.",
      capability: "samgr.resolve",
      target: "name",
      replyFields: "always",
      request: { name: NAME },
      reply: PLACE,
      idempotent: true,
    },
  },
  markers: {
    ready: {
      line: "samgrd: ready",
      phase: "bring-up",
      role: "required",
      proves: "samgrd serves",
      evidence: [],
    },
  },
});

const [registerRequest, registerResponse, resolveRequest, resolveResponse, heartbeat] =
  samgrSchema.structs;

/** The same registry on the Cap'n Proto plane: what dsoftbusd asks for a peer. */
export const samgrdCapnp = defineCapnpService({
  name: "samgrd",
  endpoint: "capnp",
  schema: samgrSchema,
  status: { ok: 0, not_found: 1, malformed: 2, unsupported: 3, over_limit: 4, denied: 0x0f },
  ops: {
    register: {
      code: 1,
      doc: "Registers a name for the caller.",
      capability: "samgr.register",
      target: "name",
      request: registerRequest,
      reply: registerResponse,
    },
    resolve: {
      code: 2,
      doc: "Finds a name among the caller's own and the boot's.",
      capability: "samgr.resolve",
      target: "name",
      request: resolveRequest,
      reply: resolveResponse,
      idempotent: true,
    },
    heartbeat: {
      code: 3,
      doc: "Says that a registered endpoint lives; answers not_found for an unknown one.",
      capability: "samgr.register",
      target: "endpoint",
      request: heartbeat,
      reply: heartbeat,
      idempotent: true,
    },
  },
});
