import { text8, u16, u64, u8 } from "../idl/field.ts";
import { list16 } from "../idl/list_field.ts";
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

/** Daemons that one overview tells of. */
export const TASKS_MAX = 16;
/** Endpoints of one daemon, and of them all. */
export const QUEUES_PER_TASK_MAX = 4;
export const QUEUES_MAX = TASKS_MAX * QUEUES_PER_TASK_MAX;
/** Longest name of an endpoint, in bytes. */
export const ENDPOINT_LENGTH_MAX = 32;
/** Longest reason of a fault that is told, in bytes. */
export const FAULT_LENGTH_MAX = 64;
/** States of a daemon, by their number. */
/** What a daemon may be made to do, by its number on the wire. */
export const PROVOCATIONS = ["throw", "loop", "hog"] as const;
export type Provocation = typeof PROVOCATIONS[number];

export const TASK_STATES = ["starting", "serving", "backing_off", "stopped"] as const;

/** How the node and its daemons fare. A count of a daemon that is down is 0, and so is unknown memory. */
export const OVERVIEW = {
  placement: text8(0, 32),
  inspector: text8(0, 64),
  degraded: list16({ what: text8(1, 32), task: text8(1, 48) }, TASKS_MAX),
  tasks: list16({
    name: text8(1, 48),
    isolate: text8(1, 48),
    state: u8(),
    restarts: u16(),
    fault: text8(0, FAULT_LENGTH_MAX),
    memoryBytes: u64(),
    frames: u64(),
    busyNs: u64(),
    ageNs: u64(),
    send: u16(),
    receive: u16(),
    vmo: u16(),
    mmio: u16(),
  }, TASKS_MAX),
  queues: list16({
    task: u8(),
    endpoint: text8(1, ENDPOINT_LENGTH_MAX),
    waiting: u16(),
    depth: u16(),
  }, QUEUES_MAX),
} as const;

/** An operation that has a daemon misbehave, whoever serves it. */
export const PROVOKE = {
  doc: "Has a daemon misbehave. Refused but by a node of profile test.",
  capability: "node.provoke",
  target: "daemon",
  bounds: { how: { min: 0, max: PROVOCATIONS.length - 1, status: "malformed" } },
  request: { daemon: text8(1, 48), how: u8() },
  reply: {},
} as const;

/** What the boot itself answers. */
export const initTasks = defineService({
  name: INIT_NAME,
  magic: "NI",
  version: 1,
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  status: { ok: 0, not_found: 1, malformed: 2, unsupported: 3, refused: 6, denied: 0x0f },
  ops: {
    tasks: {
      code: 0x20,
      doc: "How the node's daemons fare: state, restarts, load, queues, rights.",
      capability: "node.ps",
      request: {},
      reply: OVERVIEW,
      idempotent: true,
    },
    provoke: { code: 0x21, ...PROVOKE },
  },
});
