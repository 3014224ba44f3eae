/**
 * statefsd: values under names, kept on the node's disk.
 *
 * Wire: Open Nexus OS, `SF` v1 and v2 (`source/userspace/statefs`); opcodes and statuses from 0x20 are
 * ours. A value's capability follows from its name (`path.ts`), so the daemon asks for it itself.
 *
 * @module
 */

import { bytes32, text16, u16, u64 } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import { BARE, defineService } from "@runtime/idl/service.ts";
import { KEY_LENGTH_MAX, LIST_NAMES_MAX } from "./limits.ts";
import {
  CLEAR_LIMITS,
  COMPACT,
  GET_AT,
  KEEP_CHECKPOINT,
  key,
  LIST_AFTER,
  LOG_CHECKPOINT,
  LOG_HEADS,
  LOG_SEGMENT,
  ofKey,
  OWNERS,
  PART_LENGTH_MAX,
  SELF_CHECK,
  SET_LIMITS,
  STATS,
  USAGE,
} from "./own_ops.ts";

export {
  LIMITED_OWNER_LENGTH_MAX,
  LIST_AFTER_NAMES_MAX,
  LOG_CHECKPOINT_LENGTH_MAX,
  LOG_CHUNK_LENGTH_MAX,
  OWNER_LENGTH_MAX,
  OWNERS_PER_REPLY_MAX,
  PART_LENGTH_MAX,
} from "./own_ops.ts";

/** Longest value, in bytes: a transaction brings it piece by piece, and GET_AT tells it so. */
export const VALUE_LENGTH_MAX = 64 << 10;
/** Longest value that PUT brings, in bytes: what a frame has room for behind its head. */
export const INLINE_LENGTH_MAX = 8_174;
/** Longest chunk that TXN_PUT brings; upstream's bound of 8,192 leaves no room for a name. */
export const INLINE_CHUNK_LENGTH_MAX = 8_166;
/** Bytes of a LIST reply. Source: Open Nexus OS. */
export const LIST_LENGTH_MAX = 512;

/** Whoever may write anything may end what it wrote. */
const WRITERS = ["statefs.write", "statefs.boot", "statefs.keystore"] as const;
const ofWriters = { of: WRITERS, choose: () => WRITERS } as const;

const STATUS = {
  ok: 0,
  not_found: 1,
  denied: 2,
  value_too_large: 3,
  key_too_long: 4,
  invalid_key: 5,
  malformed: 6,
  io_error: 7,
  unsupported: 8,
  integrity: 9,
  rollback: 10,
  txn_limit: 11,
  quota_exceeded: 0x20,
  no_space: 0x21,
  busy: 0x22,
} as const;

const REFUSALS = { bad_version: "unsupported", length_out_of_range: "value_too_large" } as const;

/** What is told of a write that would take its writer, or its application, above a hard limit. */
const EXCESS = { quota_exceeded: { used: u64(), limit: u64() } } as const;

const PUT = {
  code: 1,
  doc: "Keeps a value under a name, in the place of the one before; durable after SYNC.",
  capability: ofKey("write"),
  target: "key",
  requestLayout: "split",
  request: { key: key(), value: bytes32(0, INLINE_LENGTH_MAX) },
  reply: {},
  refusalReply: EXCESS,
} as const;

const GET = {
  code: 2,
  doc: "Tells the value under a name, if a frame carries it whole.",
  capability: ofKey("read"),
  target: "key",
  request: { key: key() },
  reply: { value: bytes32(0, PART_LENGTH_MAX) },
  idempotent: true,
} as const;

const DEL = {
  code: 3,
  doc: "Forgets a name and its value.",
  capability: ofKey("write"),
  target: "key",
  request: { key: key() },
  reply: {},
} as const;

const LIST = {
  code: 4,
  doc: "Names that begin so and that the caller may read, in order, as many as fit 512 bytes.",
  capability: null,
  target: "prefix",
  requestLayout: "split",
  request: { prefix: key(), countMax: u16() },
  reply: { names: list16({ name: text16(1, KEY_LENGTH_MAX) }, LIST_NAMES_MAX) },
  idempotent: true,
} as const;

const SYNC = {
  code: 5,
  doc: "Answers when everything that was kept before is on the disk.",
  capability: ofWriters,
  request: {},
  reply: {},
} as const;

const REOPEN = {
  code: 6,
  doc: "Reads the disk again; transactions that are open are dropped.",
  capability: "statefs.admin",
  request: {},
  reply: {},
} as const;

const TXN_BEGIN = {
  code: 7,
  doc: "Opens a transaction of the caller's own.",
  capability: ofWriters,
  replyFields: "always",
  request: {},
  reply: { txn: u64() },
} as const;

const TXN_PUT = {
  code: 8,
  doc: "Adds a piece to a value of the transaction; pieces of one name follow each other.",
  capability: ofKey("write"),
  target: "key",
  requestLayout: "split",
  request: { txn: u64(), key: key(), chunk: bytes32(0, INLINE_CHUNK_LENGTH_MAX) },
  reply: {},
} as const;

const TXN_COMMIT = {
  code: 9,
  doc: "Keeps all values of the transaction, or none.",
  capability: ofWriters,
  request: { txn: u64() },
  reply: {},
  refusalReply: EXCESS,
} as const;

const TXN_ABORT = {
  code: 10,
  doc: "Drops the transaction.",
  capability: ofWriters,
  request: { txn: u64() },
  reply: {},
} as const;

const OPS = {
  put: PUT,
  get: GET,
  del: DEL,
  list: LIST,
  sync: SYNC,
  reopen: REOPEN,
  txnBegin: TXN_BEGIN,
  txnPut: TXN_PUT,
  txnCommit: TXN_COMMIT,
  txnAbort: TXN_ABORT,
  listAfter: LIST_AFTER,
  getAt: GET_AT,
  stats: STATS,
  compact: COMPACT,
  selfCheck: SELF_CHECK,
  usage: USAGE,
  logHeads: LOG_HEADS,
  keepCheckpoint: KEEP_CHECKPOINT,
  logSegment: LOG_SEGMENT,
  logCheckpoint: LOG_CHECKPOINT,
  owners: OWNERS,
  setLimits: SET_LIMITS,
  clearLimits: CLEAR_LIMITS,
} as const;

/** Version 1: no nonce, so a caller has one request under way. */
export const statefsdV1 = defineService({
  name: "statefsd",
  magic: "SF",
  version: 1,
  envelope: BARE,
  status: STATUS,
  refusals: REFUSALS,
  ops: OPS,
});

export const statefsd = defineService({
  name: "statefsd",
  magic: "SF",
  version: 2,
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  status: STATUS,
  refusals: REFUSALS,
  ops: OPS,
  markers: {
    ready: {
      line: "statefsd: ready",
      phase: "bring-up",
      role: "required",
      proves: "the journal was replayed from the disk, and statefsd serves",
      evidence: [],
    },
    disk: {
      line: "blk: virtio-blk up (ss=512 nsec=<count>)",
      phase: "mmio",
      role: "required",
      proves: "the disk told its name and size through the window that policy granted",
      evidence: ["count", "id"],
    },
    mounted: {
      line: "statefsd: journal v2 mounted (2PC)",
      phase: "state",
      role: "required",
      needs: "state",
      proves: "the journal of a state directory was replayed to its end",
      evidence: ["records"],
    },
    encrypted: {
      line: "statefsd: encryption on (xchacha20poly1305)",
      phase: "state",
      role: "required",
      needs: "state",
      proves: "the host's record key opens the image's first sealed value",
      evidence: ["sequence"],
    },
    hardened: {
      line: "statefsd: write hardening on (auth-envelope)",
      phase: "state",
      role: "required",
      needs: "state",
      proves: "every value bears an envelope whose sequence rises",
      evidence: ["sequence"],
    },
    compacted: {
      line: "statefsd: compaction done (gen=<count>, entries=<entries>)",
      phase: "state",
      role: "required",
      proves: "a new generation was written, read back, and named by block 0",
      evidence: ["count", "entries"],
    },
    quotaWarned: {
      line: "statefs: quota warn subject=<name> used=<used> soft=<limit>",
      phase: null,
      role: "allowed",
      proves: "an owner grew above its soft limit; told once in 60 seconds",
      evidence: ["name", "used", "limit"],
    },
    quotaDenied: {
      line: "statefs: quota deny subject=<name> used=<used> hard=<limit>",
      phase: "state",
      role: "allowed",
      proves: "a write that would take an owner above its hard limit was refused",
      evidence: ["name", "used", "limit"],
    },
    logBroken: {
      line: "statefsd: log chain broken, see nx log verify",
      phase: null,
      role: "failure",
      proves: "the end of a kept log does not hold: the chain goes on behind a note of the break",
      evidence: ["sequence"],
    },
    stub: {
      line: "statefsd: stub (RAM, nothing is kept)",
      phase: null,
      role: "allowed",
      proves: "the node has no state directory: what is kept here ends with the node",
      evidence: ["count"],
    },
    failed: {
      line: "statefsd: journal failed, writes off",
      phase: null,
      role: "failure",
      proves: "the disk failed while something was written; reads go on, writes wait for REOPEN",
      evidence: ["sequence"],
    },
  },
});
