/**
 * What statefsd is asked beside upstream's operations: opcodes from 0x20.
 *
 * @module
 */

import {
  bytes16,
  bytes32,
  type Field,
  fixed,
  text16,
  text8,
  u16,
  u32,
  u64,
  u8,
} from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import type { CapabilityChoice } from "@runtime/idl/service.ts";
import { type Access, capabilityOf, ownsAlone } from "./access.ts";
import { KEY_LENGTH_MAX } from "./limits.ts";
import { pathFault } from "./path.ts";

/** Longest name of an owner: `subject:` and a principal, or `app:` and what a name has room for. */
export const OWNER_LENGTH_MAX = 255;
/** The same of one that limits can be given to: its path is a key. */
export const LIMITED_OWNER_LENGTH_MAX = KEY_LENGTH_MAX - "/state/statefsd/quota/".length;
/** Owners of one reply: they fit a frame when all are as long as can be. */
export const OWNERS_PER_REPLY_MAX = 28;
/** Bytes of a piece of the kept log. */
export const LOG_CHUNK_LENGTH_MAX = 8_000;
/** Bytes of a checkpoint, and more. */
export const LOG_CHECKPOINT_LENGTH_MAX = 1_024;
/** Names of one reply of LIST_AFTER: the shortest name that there is, and its length, fill a frame. */
export const LIST_AFTER_NAMES_MAX = 800;
/** Longest value that GET tells in one frame, and part of a longer one, in bytes. */
export const PART_LENGTH_MAX = 8_000;
const HASH_LENGTH = 32;
const RINGS_MAX = 8;

/** Every capability that some value takes. */
const ALL = [
  "statefs.read",
  "statefs.write",
  "statefs.keystore",
  "statefs.boot",
  "statefs.admin",
] as const;

/** The value's own capability; none for a name that is refused whoever asks. */
export const ofKey = (access: Access): CapabilityChoice => ({
  of: ALL,
  choose: ({ key }: Readonly<Record<string, unknown>>) =>
    typeof key !== "string" || pathFault(key) !== undefined || ownsAlone(key, access)
      ? []
      : [capabilityOf(key, access)],
});

/** Bytes of a name on the wire: one that is too long to be one is answered by a status of its own. */
const WIRE_KEY_LENGTH_MAX = 1_024;
export const key = (): Field<string> => text16(0, WIRE_KEY_LENGTH_MAX);

export const LIST_AFTER = {
  code: 0x20,
  doc: "Names that begin so, behind a name, that the caller may read, as many as fit a frame.",
  capability: null,
  target: "prefix",
  request: { prefix: key(), after: key(), countMax: u16() },
  reply: { names: list16({ name: text16(1, KEY_LENGTH_MAX) }, LIST_AFTER_NAMES_MAX) },
  idempotent: true,
} as const;

export const GET_AT = {
  code: 0x21,
  doc: "Tells a part of a value, from an offset on, and how long the whole is.",
  capability: ofKey("read"),
  target: "key",
  request: { key: key(), offset: u32() },
  reply: { length: u32(), part: bytes32(0, PART_LENGTH_MAX) },
  idempotent: true,
} as const;

export const STATS = {
  code: 0x22,
  doc: "How full the store is, and whether values outlive the node.",
  capability: null,
  request: {},
  reply: {
    persists: u8(),
    /** Whether a failure of the disk has ended all writing until REOPEN. */
    failed: u8(),
    keys: u32(),
    liveBytes: u64(),
    logBytes: u64(),
    capacity: u64(),
    generation: u32(),
    sequence: u64(),
  },
  idempotent: true,
} as const;

export const COMPACT = {
  code: 0x23,
  doc: "Writes all values anew, without what they replaced; waits for the end of transactions.",
  capability: "statefs.admin",
  request: {},
  reply: { generation: u32(), entries: u32() },
} as const;

export const SELF_CHECK = {
  code: 0x24,
  doc: "Attacks an image in memory with statefsd's own code, and counts what each guard withstood.",
  capability: "statefs.admin",
  request: {},
  reply: { sealed: u32(), tampered: u32(), rolledBack: u32(), cuts: u32() },
} as const;

export const USAGE = {
  code: 0x25,
  doc: "What an owner takes and may take, in bytes of the journal.",
  capability: "statefs.admin",
  target: "owner",
  request: { owner: text8(1, OWNER_LENGTH_MAX) },
  reply: { used: u64(), soft: u64(), hard: u64() },
  idempotent: true,
} as const;

export const OWNERS = {
  code: 0x2a,
  doc:
    "Owners behind a name, in order: what each takes and may take, and whether by its own limits.",
  capability: "statefs.quota",
  request: { after: text8(0, OWNER_LENGTH_MAX) },
  reply: {
    owners: list16({
      owner: text8(1, OWNER_LENGTH_MAX),
      used: u64(),
      soft: u64(),
      hard: u64(),
      own: u8(),
    }, OWNERS_PER_REPLY_MAX),
  },
  idempotent: true,
} as const;

export const SET_LIMITS = {
  code: 0x2b,
  doc: "Gives an owner limits of its own; in force, and on the disk, when it is answered.",
  capability: "statefs.quota",
  target: "owner",
  request: { owner: text8(1, LIMITED_OWNER_LENGTH_MAX), soft: u64(), hard: u64() },
  reply: {},
} as const;

export const CLEAR_LIMITS = {
  code: 0x2c,
  doc: "Takes an owner's own limits away: the defaults hold again.",
  capability: "statefs.quota",
  target: "owner",
  request: { owner: text8(1, LIMITED_OWNER_LENGTH_MAX) },
  reply: {},
} as const;

export const LOG_HEADS = {
  code: 0x26,
  doc: "Drains logd, and tells the ends of the log's chains that no signature covers.",
  capability: "statefs.log",
  request: {},
  reply: { heads: list16({ ring: u8(), index: u64(), head: fixed(HASH_LENGTH) }, RINGS_MAX) },
} as const;

export const KEEP_CHECKPOINT = {
  code: 0x27,
  doc: "Keeps the signature over the end of a chain.",
  capability: "statefs.log",
  target: "ring",
  request: {
    ring: u8(),
    index: u64(),
    head: fixed(HASH_LENGTH),
    unixMs: u64(),
    verifyingKey: fixed(32),
    signature: fixed(64),
  },
  reply: {},
} as const;

export const LOG_SEGMENT = {
  code: 0x28,
  doc: "A piece of the kept log: of the first segment from an entry on, as it lies on the disk.",
  capability: "statefs.log",
  target: "ring",
  request: { ring: u8(), from: u64(), offset: u32() },
  reply: { first: u64(), length: u32(), chunk: bytes16(0, LOG_CHUNK_LENGTH_MAX) },
  idempotent: true,
} as const;

export const LOG_CHECKPOINT = {
  code: 0x29,
  doc: "The newest signature over the kept log of a ring.",
  capability: "statefs.log",
  target: "ring",
  request: { ring: u8() },
  reply: { checkpoint: bytes16(0, LOG_CHECKPOINT_LENGTH_MAX) },
  idempotent: true,
} as const;
