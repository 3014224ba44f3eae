/**
 * policyd: the only decider. Deny by default; no decision leaves before its audit record is kept.
 *
 * Wire: Open Nexus OS, `PO` v1, v2 and v3 (`source/services/policyd/src/lite_protocol.rs`); DECIDE is
 * ours.
 *
 * @module
 */

import { text8, u64, u8 } from "@runtime/idl/field.ts";
import { CAPABILITY_LENGTH_MAX, DECIDE } from "@runtime/idl/policy.ts";
import { defineService } from "@runtime/idl/service.ts";

/** Longest name of a requester or target, in bytes. */
export const REQUESTER_LENGTH_MAX = 48;

const STATUS = { ok: 0, denied: 1, malformed: 2, unsupported: 3 } as const;
/** A version that policyd does not speak is unsupported, as upstream. */
const REFUSALS = { bad_version: "unsupported" } as const;
const REQUESTER = text8(1, REQUESTER_LENGTH_MAX);
const CAPABILITY = text8(0, CAPABILITY_LENGTH_MAX);
const NONCED = {
  request: ["nonce32"],
  reply: ["nonce32", "status", "zero8"],
} as const;

const CHECK_DELEGATED = {
  code: 5,
  doc: "Whether a subject holds a capability; for holders of `policy.delegate`.",
  capability: null,
  request: { subject: u64(), capability: CAPABILITY },
  reply: {},
} as const;

const ROUTE = {
  code: 2,
  doc: "Whether the requester, who must be the caller, may reach the target.",
  capability: null,
  request: { requester: REQUESTER, target: REQUESTER },
  reply: {},
} as const;

const EXEC = {
  code: 3,
  doc: "Whether the requester, who must be the caller, may start an image.",
  capability: null,
  request: { requester: REQUESTER, image: u8() },
  reply: {},
} as const;

export const policyd = defineService({
  name: "policyd",
  magic: "PO",
  version: 1,
  envelope: { request: [], reply: ["status", "zero8"] },
  status: STATUS,
  refusals: REFUSALS,
  ops: {
    check: {
      code: 1,
      doc: "Whether the caller, who must give its own name, may use core IPC.",
      capability: null,
      request: { requester: REQUESTER },
      reply: {},
    },
    route: ROUTE,
    exec: EXEC,
    checkCapability: {
      code: 4,
      doc: "Whether the caller, who must give its own id, holds a capability.",
      capability: null,
      request: { subject: u64(), capability: CAPABILITY },
      reply: {},
    },
    checkDelegated: CHECK_DELEGATED,
  },
  markers: {
    ready: {
      line: "policyd: ready",
      phase: "bring-up",
      role: "required",
      proves: "the grants parsed, a decision whose record was refused came out as a denial, and " +
        "policyd serves",
      evidence: [],
    },
    audited: {
      line: "policyd: audit emit ok",
      phase: "policy",
      role: "allowed",
      proves: "logd kept the record of a decision before its reply",
      evidence: ["record"],
    },
    unaudited: {
      line: "policyd: audit emit failed",
      phase: null,
      role: "failure",
      proves: "a decision was turned into a denial because its record could not be kept",
      evidence: ["lost"],
    },
  },
});

/** Frames with a nonce. DECIDE is what every gate of this node asks. */
export const policydV2 = defineService({
  name: "policyd",
  magic: "PO",
  version: 2,
  envelope: NONCED,
  status: STATUS,
  refusals: REFUSALS,
  ops: { route: ROUTE, exec: EXEC, checkDelegated: CHECK_DELEGATED, decide: DECIDE },
});

/** Frames with a nonce and ids in the place of names. */
export const policydV3 = defineService({
  name: "policyd",
  magic: "PO",
  version: 3,
  envelope: NONCED,
  status: STATUS,
  refusals: REFUSALS,
  ops: {
    route: { ...ROUTE, request: { requester: u64(), target: u64() } },
    exec: { ...EXEC, request: { requester: u64(), image: u8() } },
  },
});
