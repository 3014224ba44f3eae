/**
 * Segments: the chain in bounded values, each under the index of its first entry.
 *
 * Source: `docs/state_format.md`, "The log".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { SHA256_LENGTH } from "@runtime/crypto/sha256.ts";
import {
  decodeEntry,
  encodeEntry,
  ENTRY_LENGTH_MAX,
  type FoundEntry,
  type LogDraft,
} from "./log_entry.ts";

/** Most bytes of a segment. */
export const SEGMENT_BYTES_MAX = 16 * 1024;
/** More entries than a segment can hold: a new chain begins so far behind one that is broken. */
export const SEGMENT_ENTRIES_MAX = 256n;
/** Names of the rings in paths, by their number on the wire. */
export const RING_NAMES = ["journal", "audit"] as const;

/** `NXLS`, little-endian. */
const MAGIC = 0x534c584e;
const VERSION = 1;
const HEADER_LENGTH = 4 + 1 + 1 + 2 + 8 + SHA256_LENGTH;
const INDEX_DIGITS = 16;
/** Below half of what 16 digits can say: indexes rise from there without an end. */
const INDEX = /^[0-7][0-9a-f]{15}$/;

/** What stands at the front of a segment. */
export interface SegmentHeader {
  /** Index into {@linkcode RING_NAMES}. */
  readonly ring: number;
  /** Index of the first entry. */
  readonly first: bigint;
  /** Hash of the entry before it, which may be deleted by now. */
  readonly previous: Uint8Array;
}

/** A segment as it was found. */
export interface FoundSegment {
  /** `undefined`: there is none that can be read. */
  readonly header: SegmentHeader | undefined;
  readonly entries: readonly FoundEntry[];
  /** Whether all bytes behind the header are entries, and there is one. */
  readonly whole: boolean;
}

/** Path below which a ring's segments lie. */
export function segmentPrefix(ring: number): string {
  return `/state/log/${nameOfRing(ring)}/`;
}

/** Path of the segment that begins with an entry. */
export function segmentPath(ring: number, first: bigint): string {
  return segmentPrefix(ring) + first.toString(16).padStart(INDEX_DIGITS, "0");
}

/** Index of the first entry, of a segment's path; `undefined` for any other path. */
export function segmentOfPath(ring: number, path: string): bigint | undefined {
  const prefix = segmentPrefix(ring);
  const name = path.slice(prefix.length);
  return path.startsWith(prefix) && INDEX.test(name) ? BigInt(`0x${name}`) : undefined;
}

/** A ring's name, as paths and people have it. */
export function nameOfRing(ring: number): string {
  const name = RING_NAMES[ring];
  assert(name !== undefined, "a ring has a name");
  return name;
}

/** Reads a segment as far as it can be read. It may be any bytes. */
export function readSegment(value: Uint8Array): FoundSegment {
  const entries: FoundEntry[] = [];
  let header: SegmentHeader | undefined;
  try {
    const reader = new Reader(value);
    header = readHeader(reader);
    while (reader.remaining > 0) entries.push(decodeEntry(reader));
    return { header, entries, whole: entries.length > 0 && value.length <= SEGMENT_BYTES_MAX };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { header, entries, whole: false };
  }
}

/** A segment under construction: what it was, and entries behind it, within its bound. */
export class SegmentDraft {
  readonly first: bigint;
  readonly #ring: number;
  readonly #parts: Uint8Array[];
  #length: number;
  #next: bigint;
  #head: Uint8Array;

  private constructor(start: SegmentStart) {
    this.first = start.first;
    this.#ring = start.ring;
    this.#parts = [start.bytes];
    this.#length = start.bytes.length;
    this.#next = start.next;
    this.#head = start.head;
  }

  /** A new segment. @param previous Hash of the entry before. */
  static begin({ ring, first, previous }: SegmentHeader): SegmentDraft {
    const bytes = new Writer(HEADER_LENGTH).u32(MAGIC).u8(VERSION).u8(ring).u16(0).u64(first)
      .bytes(previous).finish();
    return new SegmentDraft({ ring, first, bytes, next: first, head: previous });
  }

  /** More of a segment that is written already. */
  static resume(start: SegmentStart): SegmentDraft {
    return new SegmentDraft(start);
  }

  /** Index of the next entry. */
  get next(): bigint {
    return this.#next;
  }

  /** Adds an entry; false, and nothing is added, when it is full. */
  add(draft: LogDraft): boolean {
    const { bytes, hash } = encodeEntry({ ...draft, index: this.#next, previous: this.#head });
    if (this.#length + bytes.length > SEGMENT_BYTES_MAX) return false;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    this.#next += 1n;
    this.#head = hash;
    return true;
  }

  /** The segment as it is to be written, and as it can be resumed. */
  finish(): SegmentStart {
    const bytes = concatBytes(...this.#parts);
    return { ring: this.#ring, first: this.first, bytes, next: this.#next, head: this.#head };
  }
}

/** A segment that more entries may follow. */
export interface SegmentStart {
  readonly ring: number;
  readonly first: bigint;
  readonly bytes: Uint8Array;
  /** Index of the next entry. */
  readonly next: bigint;
  /** Hash of the last entry. */
  readonly head: Uint8Array;
}

function readHeader(reader: Reader): SegmentHeader {
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  const ring = reader.u8();
  if (reader.u16() !== 0) throw new WireError("value_out_of_range", 6);
  return { ring, first: reader.u64(), previous: reader.bytes(SHA256_LENGTH) };
}

assert(
  HEADER_LENGTH + 3 * ENTRY_LENGTH_MAX <= SEGMENT_BYTES_MAX,
  "a segment holds any three entries",
);
