/**
 * NXEV: who wrote a value, for what, when, and as which in order.
 *
 * Source: Open Nexus OS, statefs, "write hardening", envelope v1.
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { equalSecretBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { Writer } from "@runtime/core/writer.ts";
import { HMAC_LENGTH, hmacSha256 } from "@runtime/crypto/hmac.ts";
import { ENVELOPE_TEXT_MAX, STORED_LENGTH_MAX } from "./limits.ts";

/** `NXEV`, little-endian. */
const MAGIC = 0x5645584e;
const VERSION = 1;
export const ENVELOPE_HEADER_LENGTH = 28;
const NO_MAC = 0;
const HMAC_SHA256 = 1;
const UTF8 = new TextEncoder();

/** What a writer says of a value. */
export interface Provenance {
  /** Who wrote it, at most 64 bytes. */
  readonly subject: string;
  /** For what, at most 64 bytes. */
  readonly purpose: string;
  /** When, on the writer's clock. */
  readonly timestamp: bigint;
}

export interface Envelope extends Provenance {
  /** Larger than that of every earlier value of the same key. */
  readonly sequence: bigint;
  readonly payload: Uint8Array;
}

export interface DecodedEnvelope extends Envelope {
  /** The tag of an envelope with one: not checked yet. */
  readonly mac: Uint8Array | undefined;
}

/** The key of a MAC, and the path that the value is bound to. */
export interface MacKey {
  readonly key: Secret;
  readonly path: string;
}

/**
 * Reads an envelope, whose length must be exact. The payload is a view.
 *
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range` (algorithm),
 *   `length_out_of_range`, `not_utf8`, `trailing_bytes`.
 */
export function decodeEnvelope(bytes: Uint8Array): DecodedEnvelope {
  const reader = new Reader(bytes);
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  const algorithm = reader.u8();
  if (algorithm > HMAC_SHA256) throw new WireError("value_out_of_range", 5);
  const [sequence, timestamp] = [reader.u64(), reader.u64()];
  const subjectLength = bounded(reader.u8(), ENVELOPE_TEXT_MAX, 22);
  const purposeLength = bounded(reader.u8(), ENVELOPE_TEXT_MAX, 23);
  const payloadLength = bounded(reader.u32(), STORED_LENGTH_MAX, 24);
  const subject = reader.text(subjectLength);
  const purpose = reader.text(purposeLength);
  const mac = algorithm === HMAC_SHA256 ? reader.bytes(HMAC_LENGTH) : undefined;
  const payload = reader.bytes(payloadLength);
  reader.end();
  return { sequence, timestamp, subject, purpose, payload, mac };
}

function bounded(length: number, max: number, offset: number): number {
  if (length > max) throw new WireError("length_out_of_range", offset);
  return length;
}

/** The bytes of an envelope, with a MAC when a key is given. */
export function encodeEnvelope(envelope: Envelope, mac?: MacKey): Uint8Array {
  const { subject, purpose } = envelope;
  const [subjectLength, purposeLength] = [utf8Length(subject), utf8Length(purpose)];
  assert(subjectLength <= ENVELOPE_TEXT_MAX, "a subject has at most 64 bytes");
  assert(purposeLength <= ENVELOPE_TEXT_MAX, "a purpose has at most 64 bytes");
  const length = envelopeLength(envelope) + (mac === undefined ? 0 : HMAC_LENGTH);
  const writer = Writer.exactly(length).u32(MAGIC).u8(VERSION)
    .u8(mac === undefined ? NO_MAC : HMAC_SHA256).u64(envelope.sequence).u64(envelope.timestamp)
    .u8(subjectLength).u8(purposeLength).u32(envelope.payload.length)
    .text(subject).text(purpose);
  if (mac !== undefined) writer.bytes(tagOf(envelope, mac));
  return writer.bytes(envelope.payload).finish();
}

/** Bytes of an envelope without a MAC. */
export function envelopeLength({ subject, purpose, payload }: Envelope): number {
  return ENVELOPE_HEADER_LENGTH + utf8Length(subject) + utf8Length(purpose) +
    payload.length;
}

/** Whether what a writer says of a value fits an envelope. */
export function provenanceFits({ subject, purpose, timestamp }: Provenance): boolean {
  return utf8Length(subject) <= ENVELOPE_TEXT_MAX &&
    utf8Length(purpose) <= ENVELOPE_TEXT_MAX && timestamp >= 0n && timestamp < 1n << 64n;
}

/** Whether an envelope bears the MAC of this key and path. One without a MAC does not. */
export function envelopeHolds(envelope: DecodedEnvelope, mac: MacKey): boolean {
  return envelope.mac !== undefined && equalSecretBytes(envelope.mac, tagOf(envelope, mac));
}

function tagOf(envelope: Envelope, { key, path }: MacKey): Uint8Array {
  const name = UTF8.encode(path);
  const subject = UTF8.encode(envelope.subject);
  const purpose = UTF8.encode(envelope.purpose);
  const head = new Writer(1024).u32(MAGIC).u8(VERSION).u8(HMAC_SHA256).u16(name.length)
    .bytes(name).u64(envelope.sequence).u64(envelope.timestamp).u8(subject.length).bytes(subject)
    .u8(purpose.length).bytes(purpose).u32(envelope.payload.length).finish();
  return key.use((bytes) => hmacSha256(bytes, head, envelope.payload));
}
