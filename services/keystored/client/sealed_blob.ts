/**
 * What sealed bytes say in the clear, byte by byte: `NXSE`, sealed by a key for itself, and `NXSR`,
 * sealed to somebody's public key. All of it is authenticated.
 *
 * Source: `docs/identity/keystore.md`, "Sealed bytes".
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { Writer } from "@runtime/core/writer.ts";
import { KEY_ID_LENGTH } from "./key_id.ts";
import { LABEL_LENGTH_MAX, PLAIN_LENGTH_MAX } from "./key_limits.ts";

/** `NXSE`, little-endian. */
const OWN_MAGIC = 0x4553584e;
/** `NXSR`, little-endian. */
const SENT_MAGIC = 0x5253584e;
const VERSION = 1;
/** XChaCha20-Poly1305; for NXSR behind X25519 and HKDF-SHA-256. */
const SUITE = 1;
const PUBLIC_LENGTH = 32;
export const SEAL_NONCE_LENGTH = 24;
export const SEAL_TAG_LENGTH = 16;
const OWN_HEAD_LENGTH = 57;
const SENT_HEAD_LENGTH = 81;

/** Longest NXSE, in bytes. */
export const SEALED_LENGTH_MAX = OWN_HEAD_LENGTH + LABEL_LENGTH_MAX + PLAIN_LENGTH_MAX +
  SEAL_TAG_LENGTH;
/** Longest NXSR, in bytes. */
export const SENT_LENGTH_MAX = SENT_HEAD_LENGTH + LABEL_LENGTH_MAX + PLAIN_LENGTH_MAX +
  SEAL_TAG_LENGTH;

/** What an NXSE says in the clear. */
export interface SealedHead {
  /** Version of the key that sealed it. */
  readonly version: number;
  /** Id of that version. */
  readonly keyId: Uint8Array;
  /** 24 bytes, drawn for it. */
  readonly nonce: Uint8Array;
  /** What its maker called it. */
  readonly label: string;
}

/** What an NXSR says in the clear. */
export interface SentHead {
  /** When it stops being opened, in milliseconds since the Unix epoch; 0 for never. */
  readonly expiresMs: bigint;
  /** X25519 key that it is sealed to. */
  readonly recipient: Uint8Array;
  /** X25519 key that was drawn for it. */
  readonly ephemeral: Uint8Array;
  /** What its maker called it. */
  readonly label: string;
}

/** Sealed bytes in their parts, which are views. */
export interface SealedParts<Head> {
  /** What it says in the clear. */
  readonly head: Head;
  /** The head's own bytes: what is authenticated in front of the caller's data. */
  readonly headBytes: Uint8Array;
  /** Ciphertext and tag. */
  readonly sealed: Uint8Array;
}

/** The bytes in front of an NXSE's ciphertext. */
export function encodeSealedHead({ version, keyId, nonce, label }: SealedHead): Uint8Array {
  assert(keyId.length === KEY_ID_LENGTH, "a key id has 20 bytes");
  assert(nonce.length === SEAL_NONCE_LENGTH, "a nonce has 24 bytes");
  const labelLength = utf8Length(label);
  return Writer.exactly(OWN_HEAD_LENGTH + labelLength).u32(OWN_MAGIC).u8(VERSION).u8(SUITE).u16(0)
    .u32(version).bytes(keyId).bytes(nonce).u8(labelLength).text(label).finish();
}

/**
 * Takes an NXSE apart. Whether it holds, only its key tells.
 *
 * @throws {WireError} `truncated`, `bad_magic`, `bad_version`, `value_out_of_range` (suite, zeros,
 *   version), `length_out_of_range`, `not_utf8`.
 */
export function parseSealed(bytes: Uint8Array): SealedParts<SealedHead> {
  const reader = new Reader(bytes);
  readStart(reader, OWN_MAGIC);
  const version = reader.u32();
  if (version === 0) throw new WireError("value_out_of_range", 8);
  const keyId = reader.bytes(KEY_ID_LENGTH);
  const nonce = reader.bytes(SEAL_NONCE_LENGTH);
  const label = readLabel(reader);
  return parts(bytes, reader, { version, keyId, nonce, label });
}

/** The bytes in front of an NXSR's ciphertext. */
export function encodeSentHead({ expiresMs, recipient, ephemeral, label }: SentHead): Uint8Array {
  assert(recipient.length === PUBLIC_LENGTH, "an X25519 key has 32 bytes");
  assert(ephemeral.length === PUBLIC_LENGTH, "an X25519 key has 32 bytes");
  const labelLength = utf8Length(label);
  return Writer.exactly(SENT_HEAD_LENGTH + labelLength).u32(SENT_MAGIC).u8(VERSION).u8(SUITE)
    .u16(0).u64(expiresMs).bytes(recipient).bytes(ephemeral).u8(labelLength).text(label).finish();
}

/** Takes an NXSR apart. @throws {WireError} As {@linkcode parseSealed}. */
export function parseSent(bytes: Uint8Array): SealedParts<SentHead> {
  const reader = new Reader(bytes);
  readStart(reader, SENT_MAGIC);
  const expiresMs = reader.u64();
  const recipient = reader.bytes(PUBLIC_LENGTH);
  const ephemeral = reader.bytes(PUBLIC_LENGTH);
  const label = readLabel(reader);
  return parts(bytes, reader, { expiresMs, recipient, ephemeral, label });
}

function readStart(reader: Reader, magic: number): void {
  if (reader.u32() !== magic) throw new WireError("bad_magic", 0);
  if (reader.u8() !== VERSION) throw new WireError("bad_version", 4);
  if (reader.u8() !== SUITE) throw new WireError("value_out_of_range", 5);
  if (reader.u16() !== 0) throw new WireError("value_out_of_range", 6);
}

function readLabel(reader: Reader): string {
  const at = reader.offset;
  const length = reader.u8();
  if (length > LABEL_LENGTH_MAX) throw new WireError("length_out_of_range", at);
  return reader.text(length);
}

function parts<Head>(bytes: Uint8Array, reader: Reader, head: Head): SealedParts<Head> {
  const at = reader.offset;
  if (reader.remaining < SEAL_TAG_LENGTH) throw new WireError("truncated", at);
  if (reader.remaining > PLAIN_LENGTH_MAX + SEAL_TAG_LENGTH) {
    throw new WireError("length_out_of_range", at);
  }
  return { head, headBytes: bytes.subarray(0, at), sealed: reader.bytes(reader.remaining) };
}
