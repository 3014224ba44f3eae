/**
 * logd: the journal, and the audit ring that policyd alone writes.
 *
 * Three endpoints: `main` appends, `query` reads (the right to it is the permission), `audit` takes
 * policyd's records.
 *
 * Wire: Open Nexus OS, `LO` v1 and v2 (`source/services/logd/src/protocol.rs`); opcodes from 0x20 are
 * ours.
 *
 * @module
 */

import { text16, text8, u16, u32, u64, u8 } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import {
  CAPABILITY_LENGTH_MAX,
  OPERATION_LENGTH_MAX,
  SUBJECT_LENGTH_MAX,
  TARGET_LENGTH_MAX,
} from "@runtime/idl/policy.ts";
import { BARE, defineService } from "@runtime/idl/service.ts";

/** Longest parts of a record, in bytes. Source: Open Nexus OS, RFC-0011. */
export const SCOPE_LENGTH_MAX = 64;
export const MESSAGE_LENGTH_MAX = 256;
export const FIELDS_LENGTH_MAX = 512;
/** Longest principal's name, in bytes. */
export const SENDER_LENGTH_MAX = 64;
/** Records that fit upstream's query reply of 512 bytes: 30 of a record are its head. */
export const QUERY_RECORDS_MAX = 16;
/** Records that fit one reply of QUERY_AFTER. */
export const QUERY_AFTER_RECORDS_MAX = 240;

/** Levels by their number on the wire. */
export const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
/** Rings by their number on the wire. */
export const RING = { journal: 0, audit: 1 } as const;
/** Outcome and cause of a decision, by their number. Source: RFC-0015, "Audit record". */
export const DECISION = { allow: 0, deny: 1 } as const;
export const REASONS = ["policy", "identity_mismatch", "malformed"] as const;

const STATUS = {
  ok: 0,
  malformed: 1,
  unsupported: 2,
  too_large: 3,
  invalid_args: 4,
  over_limit: 5,
  rate_limited: 6,
  denied: 0x0f,
} as const;

/** As upstream answers frames that do not parse. */
const REFUSALS = {
  bad_magic: "invalid_args",
  bad_version: "unsupported",
  length_out_of_range: "over_limit",
  not_utf8: "invalid_args",
  trailing_bytes: "invalid_args",
  truncated: "invalid_args",
} as const;

const NONCE64 = { request: ["nonce64"], reply: ["status", "nonce64"] } as const;

const CONTENTS = {
  scope: text8(0, SCOPE_LENGTH_MAX),
  message: text16(0, MESSAGE_LENGTH_MAX),
  fields: text16(0, FIELDS_LENGTH_MAX),
} as const;

const KEPT = { recordId: u64(), dropped: u64() } as const;

const APPEND = {
  code: 1,
  doc: "Keeps a record; at most 24 a second from one sender.",
  capability: null,
  bounds: { level: { min: 0, max: LEVELS.length - 1, status: "invalid_args" } },
  requestLayout: "split",
  replyFields: "always",
  request: { level: u8(), ...CONTENTS },
  reply: KEPT,
} as const;

const STATS = {
  code: 3,
  doc: "Counts what the journal kept and dropped.",
  capability: null,
  request: {},
  reply: {
    total: u64(),
    dropped: u64(),
    capacityRecords: u32(),
    capacityBytes: u32(),
    usedRecords: u32(),
    usedBytes: u32(),
  },
  idempotent: true,
} as const;

const QUERY = {
  code: 2,
  doc: "Journal records from a time on, as many as fit 512 bytes.",
  capability: null,
  request: { sinceNs: u64(), countMax: u16() },
  reply: {
    total: u64(),
    dropped: u64(),
    records: list16(
      { recordId: u64(), timestampNs: u64(), level: u8(), sid: u64(), ...CONTENTS },
      QUERY_RECORDS_MAX,
      "split",
    ),
  },
  idempotent: true,
} as const;

const QUERY_AFTER = {
  code: 0x20,
  doc: "Records of one ring behind a record, with their senders' names, as many as fit a frame.",
  capability: null,
  bounds: { ring: { min: 0, max: RING.audit, status: "invalid_args" } },
  request: {
    ring: u8(),
    afterId: u64(),
    countMax: u16(),
    scope: text8(0, SCOPE_LENGTH_MAX),
  },
  reply: {
    total: u64(),
    dropped: u64(),
    /** Where the next query goes on: the last record looked at. */
    lastId: u64(),
    /** The node's clock, on which the records' times are. */
    nowNs: u64(),
    records: list16(
      {
        recordId: u64(),
        timestampNs: u64(),
        level: u8(),
        sid: u64(),
        sender: text8(0, SENDER_LENGTH_MAX),
        ...CONTENTS,
      },
      QUERY_AFTER_RECORDS_MAX,
    ),
  },
  idempotent: true,
} as const;

export const logd = defineService({
  name: "logd",
  magic: "LO",
  version: 1,
  envelope: BARE,
  status: STATUS,
  refusals: REFUSALS,
  ops: { append: APPEND, stats: STATS },
  markers: {
    ready: {
      line: "logd: ready",
      phase: "bring-up",
      role: "required",
      proves: "the journal takes records",
      evidence: [],
    },
    rejectedInvalid: {
      line: "logd: reject invalid_args",
      phase: "logd",
      role: "allowed",
      proves: "a record whose fields claim an identity was refused",
      evidence: ["refused"],
    },
    rejectedOverLimit: {
      line: "logd: reject over_limit",
      phase: "logd",
      role: "allowed",
      proves: "a record longer than its bounds was refused",
      evidence: ["refused"],
    },
    rejectedRate: {
      line: "logd: reject rate_limited",
      phase: "logd",
      role: "allowed",
      proves: "a sender beyond its 24 records a second was refused",
      evidence: ["refused"],
    },
  },
});

/** The same with a nonce: what daemons append through. */
export const logdV2 = defineService({
  name: "logd",
  magic: "LO",
  version: 2,
  envelope: NONCE64,
  status: STATUS,
  refusals: REFUSALS,
  ops: { append: APPEND, stats: STATS },
});

/** Reading, as upstream's clients do it. */
export const logdQueryV1 = defineService({
  name: "logd",
  endpoint: "query",
  magic: "LO",
  version: 1,
  envelope: BARE,
  status: STATUS,
  refusals: REFUSALS,
  ops: { query: QUERY, stats: STATS },
});

/** Reading with a nonce, and page by page. */
export const logdQuery = defineService({
  name: "logd",
  endpoint: "query",
  magic: "LO",
  version: 2,
  envelope: NONCE64,
  status: STATUS,
  refusals: REFUSALS,
  ops: { query: QUERY, stats: STATS, queryAfter: QUERY_AFTER },
});

/** policyd's own endpoint: no rate limit, but the endpoint's depth is the pace. */
export const logdAudit = defineService({
  name: "logd",
  endpoint: "audit",
  magic: "LO",
  version: 2,
  envelope: NONCE64,
  status: STATUS,
  refusals: REFUSALS,
  ops: {
    appendAudit: {
      code: 0x21,
      doc: "Keeps the record of one decision.",
      capability: null,
      bounds: {
        decision: { min: 0, max: DECISION.deny, status: "invalid_args" },
        reason: { min: 0, max: REASONS.length - 1, status: "invalid_args" },
      },
      replyFields: "always",
      request: {
        decision: u8(),
        reason: u8(),
        /** The check that was asked, such as `check_cap`. */
        check: text8(1, OPERATION_LENGTH_MAX),
        subject: text8(0, SUBJECT_LENGTH_MAX),
        capability: text8(0, CAPABILITY_LENGTH_MAX),
        operation: text8(0, OPERATION_LENGTH_MAX),
        target: text8(0, TARGET_LENGTH_MAX),
      },
      reply: KEPT,
    },
  },
});
