/**
 * One entry of the persistent log: what logd kept, or what became of it, bound to the entry before.
 *
 * Source: `docs/state_format.md`, "The log".
 *
 * @module
 */

import { equalBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { sha256, SHA256_LENGTH } from "@runtime/crypto/sha256.ts";
import { readFields, sizeOf, writeFields } from "@runtime/idl/body.ts";
import { fixed, text16, text8, u64, u8, type ValuesOf } from "@runtime/idl/field.ts";
import {
  FIELDS_LENGTH_MAX,
  MESSAGE_LENGTH_MAX,
  SCOPE_LENGTH_MAX,
  SENDER_LENGTH_MAX,
} from "../../logd/protocol.ts";

/** Bytes of a boot's id. */
export const BOOT_ID_LENGTH = 16;
/** What the first entry of a chain carries in the place of a hash. */
export const NO_HASH: Uint8Array = new Uint8Array(SHA256_LENGTH);

/** What stands before the bytes of an entry in its hash. */
const DOMAIN = new TextEncoder().encode("nexus:log-entry\0");

/** Kinds of entries by their number in the format. */
export const ENTRY_KIND = { record: 1, gap: 2, trimmed: 3, broken: 4 } as const;
/** What an entry is. */
export type EntryKind = keyof typeof ENTRY_KIND;

const HEAD = {
  kind: u8(),
  /** From 1, rising by one along the chain. */
  index: u64(),
  /** Hash of the entry before; zeros in the first one. */
  previous: fixed(SHA256_LENGTH),
  /** The boot in which it was written. */
  bootId: fixed(BOOT_ID_LENGTH),
  /** Milliseconds since the Unix epoch, as the node took them. */
  unixMs: u64(),
} as const;

const BODY = {
  /** A record as logd kept it. */
  record: {
    recordId: u64(),
    timestampNs: u64(),
    level: u8(),
    sid: u64(),
    sender: text8(0, SENDER_LENGTH_MAX),
    scope: text8(0, SCOPE_LENGTH_MAX),
    message: text16(0, MESSAGE_LENGTH_MAX),
    fields: text16(0, FIELDS_LENGTH_MAX),
  },
  /** Records that logd let go before they were drained: their silence is no tampering. */
  gap: { firstId: u64(), count: u64() },
  /** Entries before `first` are deleted to make room: nobody else may delete any. */
  trimmed: { first: u64() },
  /** A new chain: the segment at `segment`, whose bytes have this hash, did not verify at a start. */
  broken: { segment: u64(), found: fixed(SHA256_LENGTH) },
} as const;

/** What each kind says beside the head. */
export type LogSaying = {
  readonly [K in EntryKind]: { readonly kind: K } & ValuesOf<typeof BODY[K]>;
}[EntryKind];

/** An entry before it has its place in a chain. */
export type LogDraft = LogSaying & Pick<ValuesOf<typeof HEAD>, "bootId" | "unixMs">;
/** An entry in its place. */
export type LogEntry = LogDraft & Pick<ValuesOf<typeof HEAD>, "index" | "previous">;

/** An entry as it was found. */
export interface FoundEntry {
  readonly entry: LogEntry;
  /** The hash that is written behind it. */
  readonly hash: Uint8Array;
  /** The hash that its bytes have. */
  readonly computed: Uint8Array;
}

/** Longest entry, its hash included, in bytes. */
export const ENTRY_LENGTH_MAX = sizeOf(HEAD) + sizeOf(BODY.record) + SHA256_LENGTH;

/** An entry of most records fits, its hash included. */
const ENTRY_LENGTH_LIKELY = 384;

const KINDS = new Map<number, EntryKind>([
  [ENTRY_KIND.record, "record"],
  [ENTRY_KIND.gap, "gap"],
  [ENTRY_KIND.trimmed, "trimmed"],
  [ENTRY_KIND.broken, "broken"],
]);

/** The bytes of an entry, and the hash that goes behind them. */
export function encodeEntry(entry: LogEntry): { bytes: Uint8Array; hash: Uint8Array } {
  const writer = new Writer(ENTRY_LENGTH_MAX, undefined, ENTRY_LENGTH_LIKELY);
  writeFields(writer, HEAD, { ...entry, kind: ENTRY_KIND[entry.kind] });
  writeFields(writer, BODY[entry.kind], entry);
  const hash = sha256(DOMAIN, writer.finish());
  return { bytes: writer.bytes(hash).finish(), hash };
}

/**
 * Reads the entry at the reader's place, and the hash behind it. Whether both agree is not asked.
 *
 * @throws {WireError} `truncated`, `value_out_of_range` (kind), `length_out_of_range`, `not_utf8`.
 */
export function decodeEntry(reader: Reader): FoundEntry {
  const at = reader.offset;
  const { kind: code, ...head } = readFields(reader, HEAD);
  const kind = KINDS.get(code);
  if (kind === undefined) throw new WireError("value_out_of_range", at);
  const entry = { ...head, ...sayingOf(reader, kind) };
  const hash = reader.bytes(SHA256_LENGTH);
  return { entry, hash, computed: encodeEntry(entry).hash };
}

/** Whether an entry is what its hash says. */
export function holds({ hash, computed }: FoundEntry): boolean {
  return equalBytes(hash, computed);
}

function sayingOf(reader: Reader, kind: EntryKind): LogSaying {
  switch (kind) {
    case "record":
      return { kind, ...readFields(reader, BODY.record) };
    case "gap":
      return { kind, ...readFields(reader, BODY.gap) };
    case "trimmed":
      return { kind, ...readFields(reader, BODY.trimmed) };
    case "broken":
      return { kind, ...readFields(reader, BODY.broken) };
  }
}
