/**
 * A chain as lines of JSON, for whoever keeps it outside the node: one line an entry, and a last one
 * with the checkpoint. What is written is read back to the letter: another spelling is another line.
 *
 * Source: `docs/state_format.md`, "The log".
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { SHA256_LENGTH } from "@runtime/crypto/sha256.ts";
import { KEY_LENGTH, SIGNATURE_LENGTH } from "../../keystored/protocol.ts";
import {
  FIELDS_LENGTH_MAX,
  MESSAGE_LENGTH_MAX,
  SCOPE_LENGTH_MAX,
  SENDER_LENGTH_MAX,
} from "../../logd/protocol.ts";
import type { LogCheckpoint } from "./log_checkpoint.ts";
import {
  BOOT_ID_LENGTH,
  encodeEntry,
  type FoundEntry,
  type LogEntry,
  type LogSaying,
} from "./log_entry.ts";
import { nameOfRing, RING_NAMES } from "./log_segment.ts";

const U64 = /^(?:0|[1-9]\d{0,19})$/;
const U64_MAX = (1n << 64n) - 1n;

/** The last line of an export. */
export interface ExportEnd {
  readonly kind: "end";
  /** Index of the last entry in front of it; 0 where there is none. */
  readonly last: bigint;
  readonly checkpoint: LogCheckpoint | undefined;
}

/** A line of an export. */
export type ExportLine =
  & { readonly ring: number }
  & (ExportEnd | { readonly kind: "entry"; readonly found: FoundEntry });

/** An entry as a line, without its line feed. */
export function entryLine(
  ring: number,
  { entry, hash }: Pick<FoundEntry, "entry" | "hash">,
): string {
  const { kind, index, previous, bootId, unixMs, ...saying } = entry;
  const head = { ring: nameOfRing(ring), index, kind, previous, hash, bootId, unixMs };
  return text({ ...head, ...saying });
}

/** The last line of an export. */
export function endLine(ring: number, { last, checkpoint }: Omit<ExportEnd, "kind">): string {
  const signed = checkpoint === undefined ? null : {
    index: checkpoint.index,
    head: checkpoint.head,
    unixMs: checkpoint.unixMs,
    verifyingKey: checkpoint.verifyingKey,
    signature: checkpoint.signature,
  };
  return text({ ring: nameOfRing(ring), kind: "end", last, checkpoint: signed });
}

/**
 * Reads a line as it was written.
 *
 * @throws {WireError} `not_json`; `value_out_of_range`, which is also any other spelling.
 */
export function parseExportLine(line: string): ExportLine {
  const members = new Members(parsedJson(line));
  const ring = RING_NAMES.findIndex((name) => name === members.text("ring", SCOPE_LENGTH_MAX));
  if (ring < 0) throw refused();
  const read = members.text("kind", SCOPE_LENGTH_MAX) === "end"
    ? endOf(members, ring)
    : entryOf(members);
  const spelled = read.kind === "end" ? endLine(ring, read) : entryLine(ring, read.found);
  if (spelled !== line) throw refused();
  return { ring, ...read };
}

/** 64-bit numbers as decimal text, which no reader rounds; bytes as hex. */
function text(line: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(line, (_, part) => {
    if (typeof part === "bigint") return part.toString();
    return part instanceof Uint8Array ? toHex(part) : part;
  });
}

function endOf(members: Members, ring: number): ExportEnd {
  const last = members.u64("last");
  const signed = members.inner("checkpoint");
  if (signed === undefined) return { kind: "end", last, checkpoint: undefined };
  const checkpoint = {
    ring,
    index: signed.u64("index"),
    head: signed.bytes("head", SHA256_LENGTH),
    unixMs: signed.u64("unixMs"),
    verifyingKey: signed.bytes("verifyingKey", KEY_LENGTH),
    signature: signed.bytes("signature", SIGNATURE_LENGTH),
  };
  return { kind: "end", last, checkpoint };
}

function entryOf(members: Members) {
  const entry: LogEntry = {
    index: members.u64("index"),
    previous: members.bytes("previous", SHA256_LENGTH),
    bootId: members.bytes("bootId", BOOT_ID_LENGTH),
    unixMs: members.u64("unixMs"),
    ...sayingOf(members),
  };
  const hash = members.bytes("hash", SHA256_LENGTH);
  return { kind: "entry", found: { entry, hash, computed: encodeEntry(entry).hash } } as const;
}

function sayingOf(members: Members): LogSaying {
  const kind = members.text("kind", SCOPE_LENGTH_MAX);
  switch (kind) {
    case "record":
      return {
        kind,
        recordId: members.u64("recordId"),
        timestampNs: members.u64("timestampNs"),
        level: members.u8("level"),
        sid: members.u64("sid"),
        sender: members.text("sender", SENDER_LENGTH_MAX),
        scope: members.text("scope", SCOPE_LENGTH_MAX),
        message: members.text("message", MESSAGE_LENGTH_MAX),
        fields: members.text("fields", FIELDS_LENGTH_MAX),
      };
    case "gap":
      return { kind, firstId: members.u64("firstId"), count: members.u64("count") };
    case "trimmed":
      return { kind, first: members.u64("first") };
    case "broken":
      return {
        kind,
        segment: members.u64("segment"),
        found: members.bytes("found", SHA256_LENGTH),
      };
  }
  throw refused();
}

/** Members of a JSON object, each of the one type that belongs to it. */
class Members {
  readonly #members: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null) throw refused();
    this.#members = new Map(Object.entries(value));
  }

  text(name: string, lengthMax: number): string {
    const value = this.#members.get(name);
    // A lone surrogate has no bytes of its own: it would pass for another letter.
    if (typeof value !== "string" || !value.isWellFormed()) throw refused();
    if (utf8Length(value) > lengthMax) throw refused();
    return value;
  }

  u8(name: string): number {
    const value = this.#members.get(name);
    if (typeof value !== "number" || !Number.isInteger(value)) throw refused();
    if (value < 0 || value > 0xff) throw refused();
    return value;
  }

  u64(name: string): bigint {
    const value = this.#members.get(name);
    if (typeof value !== "string" || !U64.test(value)) throw refused();
    const number = BigInt(value);
    if (number > U64_MAX) throw refused();
    return number;
  }

  bytes(name: string, length: number): Uint8Array {
    const bytes = fromHex(this.text(name, 2 * length));
    if (bytes.length !== length) throw refused();
    return bytes;
  }

  /** An object in it; `undefined` where there is `null`. */
  inner(name: string): Members | undefined {
    const value = this.#members.get(name);
    return value === null ? undefined : new Members(value);
  }
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) throw new WireError("not_json", 0);
    throw error;
  }
}

function refused(): WireError {
  return new WireError("value_out_of_range", 0);
}
