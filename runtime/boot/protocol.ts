import { DECIDE } from "../idl/policy.ts";
import { defineService } from "../idl/service.ts";

/** Name of the boot's own principal. Source: Open Nexus OS, nexus-init. */
export const INIT_NAME = "nexus-init";

/** Marker lines of the boot itself. */
export const INIT_MARKERS = {
  seeded: {
    line: "init: entropy is seeded INSECURE",
    phase: "bring-up",
    role: "allowed",
    proves: "nothing of this node is secret: its entropy comes from a seed",
    evidence: ["profile"],
  },
  start: {
    line: "init: start <name>",
    phase: "bring-up",
    role: "allowed",
    proves: "the task and its capability table exist",
    evidence: ["name"],
  },
  up: {
    line: "init: up <name>",
    phase: "bring-up",
    role: "allowed",
    proves: "the task's endpoints and rights are minted",
    evidence: ["name"],
  },
  ready: {
    line: "init: ready",
    phase: "bring-up",
    role: "required",
    proves: "every daemon serves",
    evidence: ["daemons"],
  },
  denied: {
    line: "init: mmio policy deny ok",
    phase: "mmio",
    role: "required",
    proves: "policyd refused a device to a daemon without a grant for it",
    evidence: ["capability"],
  },
  fault: {
    line: "init: fault <name>",
    phase: null,
    role: "failure",
    proves: "a daemon hit a bug and was stopped",
    evidence: ["name"],
  },
  restarted: {
    line: "init: restarted <name>",
    phase: null,
    role: "allowed",
    proves: "a daemon that was stopped serves again, and its callers reach it",
    evidence: ["name"],
  },
  degraded: {
    line: "degraded: <what> <name>",
    phase: null,
    role: "failure",
    proves: "a daemon stays down: the node goes on without it",
    evidence: ["what", "name"],
  },
} as const;

/** What the boot needs of the component that decides: DECIDE alone. */
export const decider = defineService({
  name: "policyd",
  magic: "PO",
  version: 2,
  envelope: { request: ["nonce32"], reply: ["nonce32", "status", "zero8"] },
  status: { ok: 0, denied: 1, malformed: 2, unsupported: 3 },
  ops: { decide: DECIDE },
});
